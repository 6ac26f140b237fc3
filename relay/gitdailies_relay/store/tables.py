"""The relay's tables, for the migrations and for anyone who reads the store by hand.

Times are whole microseconds since 1970 (UTC), so that they sort and compare on every database.
"" means "none" in key columns, because NULL never equals NULL.

```
deliveries   one row per message of a delivery: what came, and what was decided
quarantine   bodies that could not be translated or routed
occurrences  one row per incident, target and occurrence: the state of the incidents
events       every event that was decided, with its full body
outbox       the events that are not delivered yet, dead letters included
attempts     one row per attempt to deliver an event
destinations the destinations that are paused
```
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, Table, Text, text

METADATA = MetaData()

_SEQUENCE = BigInteger().with_variant(Integer(), "sqlite")  # so that SQLite makes it the rowid

# One row per message of a delivery: what came, what was decided, and why.
DELIVERIES = Table(
    "deliveries",
    METADATA,
    Column("seq", _SEQUENCE, primary_key=True),
    Column("delivery", Text, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("source", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("incident", Text, nullable=False),
    Column("word", Text, nullable=False),
    Column("proof", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("events", Text, nullable=False),
)
# Recognizes the redelivery of a message that was stored.
Index(
    "deliveries_stored",
    DELIVERIES.c.source,
    DELIVERIES.c.message,
    unique=True,
    sqlite_where=text("outcome = 'stored'"),
    postgresql_where=text("outcome = 'stored'"),
)
Index("deliveries_incident", DELIVERIES.c.incident)

# Bodies of proven deliveries that could not be counted, for `relay replay`.
QUARANTINE = Table(
    "quarantine",
    METADATA,
    Column("seq", _SEQUENCE, primary_key=True),
    Column("delivery", Text, nullable=False, unique=True),
    Column("received_at", BigInteger, nullable=False),
    Column("source", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("replayed_at", BigInteger),
)
Index(
    "quarantine_waiting",
    QUARANTINE.c.code,
    sqlite_where=text("replayed_at IS NULL"),
    postgresql_where=text("replayed_at IS NULL"),
)

# One record per incident, target and occurrence: gitdailies_core.incidents.state_machine.
OCCURRENCES = Table(
    "occurrences",
    METADATA,
    Column("destination", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("incident", Text, primary_key=True),
    Column("repo", Text, primary_key=True),
    Column("environment", Text, primary_key=True),
    Column("service", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("started_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("merged_into", Text),
    Column("changed_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
Index(
    "occurrences_merged",
    OCCURRENCES.c.destination,
    OCCURRENCES.c.source,
    OCCURRENCES.c.merged_into,
    sqlite_where=text("state = 'merged'"),
    postgresql_where=text("state = 'merged'"),
)

# Every event that was decided, with its full body.
EVENTS = Table(
    "events",
    METADATA,
    Column("seq", _SEQUENCE, primary_key=True),
    Column("id", Text, nullable=False),
    Column("destination", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("incident", Text, nullable=False),
    Column("delivery", Text, nullable=False),
    Column("stored_at", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
)
# An id is a hash. An index on it alone would be read and written all over.
Index("events_identity", EVENTS.c.incident, EVENTS.c.id, EVENTS.c.destination, unique=True)

# The events that are not delivered yet. The rows are narrow, because every attempt changes them.
# `partition` is the incident whose events must stay in order. `is_next` is 1 for the first event of
# its partition that is not delivered, the only one that may be sent. `dead_letter` is the reason
# why an event is one.
OUTBOX = Table(
    "outbox",
    METADATA,
    Column("seq", _SEQUENCE, primary_key=True),
    Column("destination", Text, nullable=False),
    Column("partition", Text, nullable=False),
    Column("is_next", Integer, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("first_attempt_at", BigInteger),
    Column("dead_letter", Text),
    # Until then one of several servers is sending the event, and the others leave it alone.
    Column("leased_until", BigInteger),
)
Index(
    "outbox_partition",
    OUTBOX.c.partition,
    OUTBOX.c.seq,
    sqlite_where=text("dead_letter IS NULL"),
    postgresql_where=text("dead_letter IS NULL"),
)
Index(
    "outbox_due",
    OUTBOX.c.due_at,
    sqlite_where=text("is_next = 1 AND dead_letter IS NULL"),
    postgresql_where=text("is_next = 1 AND dead_letter IS NULL"),
)

# One row per attempt to deliver an event, for `relay explain`.
ATTEMPTS = Table(
    "attempts",
    METADATA,
    Column("seq", _SEQUENCE, primary_key=True),
    Column("event_seq", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("status", Integer),
    Column("verdict", Text, nullable=False),
    Column("reason", Text, nullable=False),
)
Index("attempts_event", ATTEMPTS.c.event_seq)

# A destination without a row is not paused.
DESTINATIONS = Table(
    "destinations",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("paused", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("since", BigInteger, nullable=False),
)
