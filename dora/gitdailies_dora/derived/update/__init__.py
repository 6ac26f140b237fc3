"""One step of the incremental update: derive again what changed events concern, and little more.

After the last step, the rows say what `figures.history.facts.derive` makes of all events, at any moment. The
order in which events arrived, were deleted or changed makes no difference.

A row holds what earlier deploys of its target decide. What later events decide is written with the moment
from which it holds: when a deploy was first remedied, and from when until when an incident is attributed
to a deploy. So a question about a moment in the past reads the same rows as one about now, and an event
of the future waits in its row.

```text
change_log                      the next changed events: arrived, deleted, changed, or left over
    │
    ▼
deploy_rows.replace_deploys     remove the rows of these deploys and put the deploys back, in order  ◄──┐
    │                                                                                                   │
    ├─► outcomes    what others can see of them, before and after                                       │
    ▼                                                                                                   │
dependents.dependents           later deploys that looked at one of them ───────────────────────────────┘
    │                           too many at once are left over for the next steps
    ▼
incident_rows.update            pair changed incidents, and attribute again those near a changed deploy
                                (`attribution` decides, moment by moment)
```

As long as deploys come in the order of time, no deploy looked at a later one, and nothing is derived
twice. `shas` says which SHAs to look up for a commit: most often the very same.
"""
