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
Index("events_repo", EVENTS.c.repo, EVENTS.c.time)
Index(
    "events_incident",
    EVENTS.c.incident_id,
    sqlite_where=text("incident_id IS NOT NULL"),
    postgresql_where=text("incident_id IS NOT NULL"),
)

# Of two events at one instant the one whose id sorts last is the later: by code points, on either database.
_NAME = Text().with_variant(Text(collation="C"), "postgresql")

# The `seq` up to which events were looked at.
FIGURES_READ = Table("figures_read", METADATA, Column("seq", BigInteger, nullable=False))

# Events to be looked at once more: one went, came about at `due_at`, or says something else now.
FIGURES_CHANGES = Table(
    "figures_changes",
    METADATA,
    Column("seq", _SEQUENCE, primary_key=True),
    Column("id", Text, nullable=False),
    Column("repo", Text, nullable=False),
    Column("incident_id", Text),
    Column("due_at", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)
Index("figures_changes_due", FIGURES_CHANGES.c.due_at)

# A deploy, as `figures.Row` has it. Names are as they are compared, no service is "", `leads` are whole
# microseconds with commas between; `keys` are those of its commits in the table below.
FIGURES_DEPLOYS = Table(
    "figures_deploys",
    METADATA,
    Column("id", _NAME, primary_key=True),
    Column("repo", _NAME, nullable=False),
    Column("environment", _NAME, nullable=False),
    Column("service", _NAME, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("rollback", Integer, nullable=False),
    Column("rework", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("unknown", Integer, nullable=False),
    Column("unknown_commits", Integer, nullable=False),
    Column("leads", Text, nullable=False),
    Column("recovery", BigInteger),
    Column("open", Integer, nullable=False),
    Column("keys", Text, nullable=False),
)
_DEPLOYS = FIGURES_DEPLOYS.c
Index(
    "figures_deploys_place", _DEPLOYS.repo, _DEPLOYS.environment, _DEPLOYS.service, _DEPLOYS.at, _DEPLOYS.id
)
Index("figures_deploys_repo", _DEPLOYS.repo, _DEPLOYS.environment, _DEPLOYS.at, _DEPLOYS.id)
Index("figures_deploys_at", _DEPLOYS.environment, _DEPLOYS.at)

# A commit that a deploy is of (`own`) or lists (at `position`, from 1; 0 where it does not).
# `key` is the number of the seven digits that SHAs of one commit have in common, however they were cut.
FIGURES_COMMITS = Table(
    "figures_commits",
    METADATA,
    Column("repo", _NAME, primary_key=True),
    Column("environment", _NAME, primary_key=True),
    Column("key", Integer, primary_key=True, autoincrement=False),
    Column("deploy", _NAME, primary_key=True),
    Column("sha", _NAME, primary_key=True),
    Column("service", _NAME, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("own", Integer, nullable=False),
    Column("position", Integer, nullable=False),
    sqlite_with_rowid=False,
)

# A period of an incident, by the id of its start, and the deploy that it is laid to; `cause_key` is the
# key of the commit at fault.
FIGURES_INCIDENTS = Table(
    "figures_incidents",
    METADATA,
    Column("id", _NAME, primary_key=True),
    Column("repo", _NAME, nullable=False),
    Column("environment", _NAME, nullable=False),
    Column("service", _NAME, nullable=False),
    Column("incident_id", _NAME, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("merged", Integer, nullable=False),
    Column("cause", Text),
    Column("cause_key", Integer),
    Column("deploy", _NAME),
)
_INCIDENTS = FIGURES_INCIDENTS.c
Index("figures_incidents_repo", _INCIDENTS.repo, _INCIDENTS.environment, _INCIDENTS.at)
Index("figures_incidents_at", _INCIDENTS.environment, _INCIDENTS.at)
Index("figures_incidents_incident", _INCIDENTS.repo, _INCIDENTS.incident_id)
Index("figures_incidents_cause", _INCIDENTS.repo, _INCIDENTS.environment, _INCIDENTS.cause_key)
Index("figures_incidents_deploy", _INCIDENTS.deploy)

# The settings that the rows above were derived with, as JSON under one name.
FIGURES_SETTINGS = Table(
    "figures_settings",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

# What a repository has, and what that tells of deploys: kept so that it is asked once.
Table(
    "git_commits",
    METADATA,
    Column("repo", Text, primary_key=True),
    Column("named", Text, primary_key=True),
    Column("sha", Text, nullable=False),
)
Table(
    "git_pairs",
    METADATA,
    Column("repo", Text, primary_key=True),
    Column("earlier", Text, primary_key=True),
    Column("later", Text, primary_key=True),
    Column("cut", Integer, nullable=False),
    Column("ahead", Text, nullable=False),
    Column("behind", Text, nullable=False),
)
GIT_DEPLOYS = Table(
    "git_deploys",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("repo", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("unknown", Text, nullable=False),
    Column("commits", Text, nullable=False),
)
Index("git_deploys_repo", GIT_DEPLOYS.c.repo)
