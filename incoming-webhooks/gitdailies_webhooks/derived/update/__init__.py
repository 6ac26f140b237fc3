"""One step of the incremental update: derive again the rows around changed events, and no others.

After the last step, the rows are those that `figures.facts.derive` makes of all events. The order in
which events arrived, were deleted or changed makes no difference. `advance` takes the next changes and
calls:

```text
change_log                       the next changed events: arrived, and deleted or changed
    │
    ▼
lead_time_rows.remove_deploys    delete the rows of deleted or changed deploys  ─► removed positions
    │
    ▼
neighbors.adjacent               before and after each position, without the arrived deploys
    │
    ▼
lead_time_rows.add_deploys       insert the arrived deploys; new commits of them and of later deploys
    │
    ▼
neighbors.merge_arrived          before and after each position, with the arrived deploys
    │
    ├─► incident_rows.affected   incidents near a position, or caused by one of its commits
    │      └─► incident_rows.attribute   pair and attribute them again  ─► deploys
    ├─► failure_rows.maybe_undone        what a rollback undoes, or no longer undoes  ─► deploys
    ▼
failure_rows.update_failures     whether these deploys failed, and for how long
```

What the arrival or deletion of an event can change:

* which commits are new: in the deploy itself, and in later deploys of its place that list one of its commits;
* which deploy is the first of its place, so that its new commits are unknown;
* which deploy an incident is attributed to: incidents from this deploy until the next one of its place,
  within the window, and incidents whose cause may be one of its commits;
* which deploys failed, and for how long: the present and the former deploys of such incidents; and the
  deploy itself and its predecessors before and after the change, which a rollback may undo.
"""
