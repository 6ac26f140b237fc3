"""The receiver's tables, for migrations and for whoever reads the store by hand.

Times are whole microseconds since 1970 (UTC), so that they sort and compare on every database.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)

METADATA = MetaData()

_SEQUENCE = BigInteger().with_variant(Integer(), "sqlite")  # so that SQLite makes it the rowid

# A key is never taken out of its table, since events and audit lines point at it.
KEYS = Table(
    "keys",
    METADATA,
    Column("id", _SEQUENCE, primary_key=True),
    Column("name", Text, nullable=False),
    Column("prefix", Text, nullable=False),
    Column("last4", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False, unique=True),
    Column("allow", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("last_used_at", BigInteger),
    Column("expires_at", BigInteger),
    Column("deleted_at", BigInteger),
)
# Two keys may live side by side while one replaces the other, but not under one name.
Index(
    "keys_live_name",
    KEYS.c.name,
    unique=True,
    sqlite_where=text("deleted_at IS NULL"),
    postgresql_where=text("deleted_at IS NULL"),
)

# `body` is the full form, with id, time and what the table of kinds does not know; `digest` is of
# the content as it was sent. Sequence numbers are cursors of readers, so none is given twice.
EVENTS = Table(
    "events",
    METADATA,
    Column("seq", _SEQUENCE, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("time_given", Integer, nullable=False),
    Column("repo", Text),
    Column("environment", Text),
    Column("service", Text),
    Column("incident_id", Text),
    Column("received_at", BigInteger, nullable=False),
    Column("key_id", BigInteger, ForeignKey("keys.id"), nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("body", Text, nullable=False),
    sqlite_autoincrement=True,
)
# The only index that is not needed to take an event: it finds the newest of a kind, and a period.
Index("events_time", EVENTS.c.kind, EVENTS.c.time)

# Who changed what other than by sending an event; `detail` is JSON, enough to undo it.
AUDIT = Table(
    "audit",
    METADATA,
    Column("seq", _SEQUENCE, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", Text, nullable=False),
)

# A person is never taken out either, since audit lines name them; a removed one has no password.
PEOPLE = Table(
    "people",
    METADATA,
    Column("id", _SEQUENCE, primary_key=True),
    Column("name", Text, nullable=False),
    Column("folded", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("password", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("signed_in_at", BigInteger),
    Column("removed_at", BigInteger),
)
Index(
    "people_name",
    PEOPLE.c.folded,
    unique=True,
    sqlite_where=text("removed_at IS NULL"),
    postgresql_where=text("removed_at IS NULL"),
)

# One-time links, by the hash of what stands in them. `invited_by` is null for that of the first owner.
INVITATIONS = Table(
    "invitations",
    METADATA,
    Column("hash", LargeBinary, primary_key=True),
    Column("role", Text, nullable=False),
    Column("invited_by", BigInteger, ForeignKey("people.id")),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)

# Who is signed in, by the hash of the cookie.
SESSIONS = Table(
    "sessions",
    METADATA,
    Column("hash", LargeBinary, primary_key=True),
    Column("person_id", BigInteger, ForeignKey("people.id"), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
)
