"""The relay's tables, for migrations and for whoever reads the store by hand.

Times are whole microseconds since 1970 (UTC), so that they sort and compare on every database.
"" stands for "none" in key columns, since NULL is never equal to itself.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, Table, Text, text

METADATA = MetaData()

_SEQUENCE = BigInteger().with_variant(Integer(), "sqlite")  # so that SQLite makes it the rowid

# One row a message of a delivery: what came, what was decided, and why.
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
# What makes a redelivery of something stored known as one.
Index(
    "deliveries_stored",
    DELIVERIES.c.source,
    DELIVERIES.c.message,
    unique=True,
    sqlite_where=text("outcome = 'stored'"),
    postgresql_where=text("outcome = 'stored'"),
)
Index("deliveries_incident", DELIVERIES.c.incident)

# Bodies of deliveries that were authentic but not counted, for `relay replay`.
KEPT = Table(
    "kept",
    METADATA,
    Column("seq", _SEQUENCE, primary_key=True),
    Column("delivery", Text, nullable=False, unique=True),
    Column("received_at", BigInteger, nullable=False),
    Column("source", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("replayed_at", BigInteger),
)
Index(
    "kept_waiting",
    KEPT.c.why,
    sqlite_where=text("replayed_at IS NULL"),
    postgresql_where=text("replayed_at IS NULL"),
)

# One record an incident, target and period: gitdailies_core.incidents.state_machine.
PERIODS = Table(
    "periods",
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
    "periods_waiting",
    PERIODS.c.destination,
    PERIODS.c.source,
    PERIODS.c.merged_into,
    sqlite_where=text("state = 'merged'"),
    postgresql_where=text("state = 'merged'"),
)

# Every event that was decided, in full form; `partition` keeps the events of one incident in order.
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
# An id is a hash: alone it would be looked up, and written, all over the index.
Index("events_identity", EVENTS.c.incident, EVENTS.c.id, EVENTS.c.destination, unique=True)

# What is still to be delivered: narrow, since it changes at every attempt. `head` is 1 for the
# first undelivered event of its incident, the only one that may be sent.
PENDING = Table(
    "pending",
    METADATA,
    Column("seq", _SEQUENCE, primary_key=True),
    Column("destination", Text, nullable=False),
    Column("partition", Text, nullable=False),
    Column("head", Integer, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("first_attempt_at", BigInteger),
    Column("buried", Text),
    # While a server of several sends it; others leave it alone until then.
    Column("claimed_until", BigInteger),
)
Index(
    "pending_partition",
    PENDING.c.partition,
    PENDING.c.seq,
    sqlite_where=text("buried IS NULL"),
    postgresql_where=text("buried IS NULL"),
)
Index(
    "pending_due",
    PENDING.c.due_at,
    sqlite_where=text("head = 1 AND buried IS NULL"),
    postgresql_where=text("head = 1 AND buried IS NULL"),
)

# One row an attempt to deliver, for `relay explain`.
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
