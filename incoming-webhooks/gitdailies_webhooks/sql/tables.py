"""The receiver's tables: the schema that the migrations lead to, with the meaning of each column.

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

_SEQUENCE = BigInteger().with_variant(Integer(), "sqlite")  # an Integer key is the rowid of SQLite

# Webhook keys. A deleted key keeps its row, since events and audit lines refer to it.
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
# A key and its successor may both be live, but not under one name.
Index(
    "keys_live_name",
    KEYS.c.name,
    unique=True,
    sqlite_where=text("deleted_at IS NULL"),
    postgresql_where=text("deleted_at IS NULL"),
)

# Events. `body` is the event in full: with id, time and the fields that its kind does not have.
# `digest` identifies the content as it was sent. `seq` is a cursor of readers, so no number is used twice.
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
# The only index that accepting an event does not need: it finds the newest event of a kind, and a period.
Index("events_time", EVENTS.c.kind, EVENTS.c.time)

# The audit trail: who changed what, other than by sending an event. `detail` is JSON, enough to undo it.
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

# People. A removed person keeps the row, since audit lines name them, but has no password.
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

# One-time links, by the hash of their token. `invited_by` is null for a link made by the server or a command.
INVITATIONS = Table(
    "invitations",
    METADATA,
    Column("hash", LargeBinary, primary_key=True),
    Column("role", Text, nullable=False),
    Column("invited_by", BigInteger, ForeignKey("people.id")),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)

# Sessions of signed-in people, by the hash of the cookie.
SESSIONS = Table(
    "sessions",
    METADATA,
    Column("hash", LargeBinary, primary_key=True),
    Column("person_id", BigInteger, ForeignKey("people.id"), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
)

# Below: rows from which figures are computed. All of them can be derived from the events again.
Index("events_repo", EVENTS.c.repo, EVENTS.c.time)
Index(
    "events_incident",
    EVENTS.c.incident_id,
    sqlite_where=text("incident_id IS NOT NULL"),
    postgresql_where=text("incident_id IS NOT NULL"),
)

# Of two events at one instant, the one whose id sorts last is the later. Both databases sort by code points.
_NAME = Text().with_variant(Text(collation="C"), "postgresql")

# The `seq` of the last event that the derived rows include.
FIGURES_READ = Table("figures_read", METADATA, Column("seq", BigInteger, nullable=False))

# Events to derive again from `due_at` on: one that was deleted, that was in the future until then, or
# whose commits git knows now.
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

# A deploy, as `figures.metrics.Row` has it. Names are folded, to compare them without case; "" is no
# service. `leads` are lead times in microseconds, with commas between; `keys` are those of the deploy's
# commits in the table below.
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

# A commit that was deployed (`own`) or that a deploy lists (at `position`, from 1; 0 if it lists none).
# `key` is the number of the first seven digits, which the full and the cut SHAs of a commit share.
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

# An occurrence of an incident, by the id of its start, and the deploy that it is attributed to.
# `cause_key` is the key of the commit that caused it.
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

# The settings with which the rows above were derived, as JSON under one name.
FIGURES_SETTINGS = Table(
    "figures_settings",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

# Facts about commits from mirrors, and the commits of each deploy that follow from them. Stored so that
# git is asked once.
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
