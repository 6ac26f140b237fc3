"""What the relay keeps: deliveries, the state of incidents, and the outbox, in SQLite or PostgreSQL.

`store` is what the rest of the relay uses. `sqlite` and `postgresql` hold the statements of an
acceptance, `outbox` those of delivery, `retention` those of pruning. `exclusion` says which relays may
write at the same time, and `scoped` holds an acceptance to it. `tables` is the schema and
`migrations` leads to it. `corruption` mends rows that a bad disk damaged, and
`clock_jumps` times that a wrong clock wrote.
"""
