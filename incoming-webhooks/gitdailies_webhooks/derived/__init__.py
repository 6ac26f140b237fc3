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
The rows are at every moment what `figures` would compute from all events that they include. `queries`
computes an answer from the events themselves if the rows are for another moment or other settings.
`statements` holds every SQL statement of this package.
"""
