"""Rows derived from the events, so that a question about figures need not read every event.

```text
events ─► events.change_log ─► worker ─► update      writes rows, and packs weeks
                                           │
mirrors ─► git commits ────────────────────┤
                                           ▼
                                         model      row types, statements, reading
                                           │
                         question ─► read ─┴─►      figures, events with their verdicts, the review of a week
```

`worker` decides when to update and how much at once; `update` does it, one small transaction at a time.
Once no change is left, the rows are what `figures` would compute from all events. `read` computes an answer
from the events themselves if the rows are for other settings. `update` and `read` do not know each other.
"""
