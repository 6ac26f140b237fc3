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

# Below: what figures are answered from, derived from the events and always to be had from them anew.
Index("events_repo", EVENTS.c.repo)

# Repositories (as they were spelled) whose rows are behind: an event came, went, or comes about at `due_at`.
FIGURES_CHANGES = Table(
    "figures_changes",
    METADATA,
    Column("seq", _SEQUENCE, primary_key=True),
    Column("repo", Text, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

# Every spelling of a repository's name, and the name as it is compared.
FIGURES_NAMES = Table(
    "figures_names",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("repo", Text, nullable=False),
)

# How often a repository was derived, so that of two at once the slower gives up.
FIGURES_REPOS = Table(
    "figures_repos",
    METADATA,
    Column("repo", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
)

# A deploy, as `figures.Row` has it; names as they are compared, `leads` a JSON list of microseconds.
FIGURES_DEPLOYS = Table(
    "figures_deploys",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("repo", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("service", Text),
    Column("at", BigInteger, nullable=False),
    Column("rework", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("unknown", Integer, nullable=False),
    Column("unknown_commits", Integer, nullable=False),
    Column("leads", Text, nullable=False),
    Column("recovery", BigInteger),
    Column("open", Integer, nullable=False),
)
Index("figures_deploys_repo", FIGURES_DEPLOYS.c.repo, FIGURES_DEPLOYS.c.environment, FIGURES_DEPLOYS.c.at)
Index("figures_deploys_at", FIGURES_DEPLOYS.c.environment, FIGURES_DEPLOYS.c.at)

# A period of an incident, by the id of its start, and the deploy that it is laid to.
FIGURES_INCIDENTS = Table(
    "figures_incidents",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("repo", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("service", Text),
    Column("at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("deploy", Text),
)
Index(
    "figures_incidents_repo",
    FIGURES_INCIDENTS.c.repo,
    FIGURES_INCIDENTS.c.environment,
    FIGURES_INCIDENTS.c.at,
)
Index("figures_incidents_at", FIGURES_INCIDENTS.c.environment, FIGURES_INCIDENTS.c.at)

# The settings that the rows above were derived with, as JSON under one name.
FIGURES_SETTINGS = Table(
    "figures_settings",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
