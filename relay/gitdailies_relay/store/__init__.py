"""What the relay keeps: deliveries, the state of incidents, and the outbox, in SQLite or PostgreSQL.

`store` is what the rest of the relay uses. `sqlite` and `postgresql` hold the statements of an
acceptance, `deploys` those about deploys and pushes, `outbox` those of delivery, and `retention` prunes.
`exclusion` says which relays may write at the same time. `text_of_people` says which columns hold
such text. `mending` corrects what a wrong clock wrote. `migrations` makes the tables:

Times are whole microseconds since 1970 (UTC), so that they sort and compare on every database.
"" means "none" in key columns, because NULL never equals NULL.

```
deliveries   one row per message of a delivery: what came, and what was decided
quarantine   bodies that could not be translated or routed
ignored      bodies of deliveries that were read and gave no event
occurrences  one row per incident, target and occurrence: the state of the incidents
events       every event that was decided, with its full body
outbox       the events that are not delivered yet, dead letters included
attempts     one row per attempt to deliver an event
destinations the destinations that are paused
receivers    the kind and state of each destination's receiver
pushed_commits, deployed_commits   what pushes and deploys tell for the lead time
actions      what people did: discarded, closed, paused, resumed
outcome_counts, source_days   how many messages had which outcome, and how often each source sends
source_fields   which of the fields that decide the last deliveries of each source had
refusals     requests to /hooks/ that were refused, counted in groups
```
"""
