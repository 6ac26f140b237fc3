"""Rows derived from the events, so that a question about figures need not read every event.

```text
events ─► events.change_log ─► worker ─► update      rows of deploys, incidents and commits, kept current
                                           │
mirrors ─► git_commits ────────────────────┤
                                           ▼
             question ─► queries ◄─────── rows
                            └─► dora_page
```

`worker` decides when to update and how much at once; `update` does it, one small transaction at a time.
Once no change is left, the rows are what `figures` would compute from all events. `queries` computes an
answer from the events themselves if the rows are for another moment or other settings. `repositories`
reads those events, and `statements` holds every SQL statement of this package.
"""
