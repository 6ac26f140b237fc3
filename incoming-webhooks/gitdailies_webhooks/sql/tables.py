"""The tables of events and figures: the schema that the migrations lead to, with each column's meaning.

`account_tables` has those of keys and people.

Times are whole microseconds since 1970 (UTC), so that they sort and compare on every database.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    TextClause,
    text,
)

from gitdailies_webhooks.sql import correction_tables  # noqa: F401  more tables of the same schema
from gitdailies_webhooks.sql.account_tables import METADATA, SEQUENCE

# Events. `body` is the event in full: with id, time and the fields that its kind does not have.
# `digest` identifies the content as it was sent. `seq` is a cursor of readers, so no number is used twice.
EVENTS = Table(
    "events",
    METADATA,
    Column("seq", SEQUENCE, primary_key=True),
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
# A hash of the id of each erased event, and when it was erased: events.erased_ids.
ERASED_EVENTS = Table(
    "erased_events",
    METADATA,
    Column("hash", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
# Every spelling of a repository that an event has: events.spellings.
REPOSITORIES = Table(
    "repositories", METADATA, Column("name", Text, primary_key=True), sqlite_with_rowid=False
)
# The only index that accepting an event does not need: it finds the newest event of a kind, and a period.
Index("events_time", EVENTS.c.kind, EVENTS.c.time)

# Below: rows from which figures are computed. All of them can be derived from the events again.
Index("events_repo", EVENTS.c.repo, EVENTS.c.time)
# The events of a repository in the order of arrival, for lists, and its first one.
Index("events_repo_seq", EVENTS.c.repo, EVENTS.c.seq)
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

# Events to derive again from `due_at` on: one that was deleted, whose commits git knows now, or that a step
# has left over.
FIGURES_CHANGES = Table(
    "figures_changes",
    METADATA,
    Column("seq", SEQUENCE, primary_key=True),
    Column("id", Text, nullable=False),
    Column("repo", Text, nullable=False),
    Column("incident_id", Text),
    Column("due_at", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)
Index("figures_changes_due", FIGURES_CHANGES.c.due_at)


def _partial(name: str, where: TextClause, *columns: Column[Any]) -> None:
    Index(name, *columns, sqlite_where=where, postgresql_where=where)


# Every deploy and what it counts as, as `figures.repeats` and `figures.lead_time` decide it from the
# earlier deploys of its place. Nothing in a row but `remedied_at` depends on later events. Names are
# folded, to compare them without case; "" is none. `sha` to `says` are what the event says. `counts` is 0
# for a repeat, by the rule `rule` and of the deploy `repeats`. `known` deploys bring nothing new.
# `unknown` is the reason if the new commits are not all known. `leads` are lead times in microseconds,
# with commas between. `own_new` is 1 if its own commit was never here before. `mentions` are the commits
# that it lists, with a "+" before those that it brought, and `reverts` those that it undoes. `remedied_at`
# is the time of the first deploy that remedied it. `judged` is what a correction says of it, or "".
FIGURES_DEPLOYS = Table(
    "figures_deploys",
    METADATA,
    Column("id", _NAME, primary_key=True),
    Column("repo", _NAME, nullable=False),
    Column("environment", _NAME, nullable=False),
    Column("service", _NAME, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("sha", _NAME, nullable=False),
    Column("exact", _NAME, nullable=False),
    Column("run", _NAME, nullable=False),
    Column("attempt", _NAME, nullable=False),
    Column("reporter", _NAME, nullable=False),
    Column("says", _NAME, nullable=False),
    Column("counts", Integer, nullable=False),
    Column("rule", Text, nullable=False),
    Column("repeats", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("known", Integer, nullable=False),
    Column("rework", Integer, nullable=False),
    Column("unknown", Text, nullable=False),
    Column("unknown_commits", Integer, nullable=False),
    Column("leads", Text, nullable=False),
    Column("own_new", Integer, nullable=False),
    Column("mentions", Text, nullable=False),
    Column("reverts", Text, nullable=False),
    Column("remedied_at", BigInteger),
    Column("judged", Text, nullable=False, server_default=""),
)
_DEPLOYS = FIGURES_DEPLOYS.c
_COUNTS, _OF_A_RUN = text("counts = 1"), text("counts = 1 AND run <> ''")
Index(
    "figures_deploys_place", _DEPLOYS.repo, _DEPLOYS.environment, _DEPLOYS.service, _DEPLOYS.at, _DEPLOYS.id
)
_partial(
    "figures_deploys_counting",
    _COUNTS,
    _DEPLOYS.repo,
    _DEPLOYS.environment,
    _DEPLOYS.service,
    _DEPLOYS.at,
    _DEPLOYS.id,
)
# By far most deploys are the first of their commit, and `figures_commits` finds those.
_partial(
    "figures_deploys_sha",
    text("own_new = 0"),
    _DEPLOYS.repo,
    _DEPLOYS.environment,
    _DEPLOYS.service,
    _DEPLOYS.sha,
    _DEPLOYS.at,
    _DEPLOYS.id,
)
_partial(
    "figures_deploys_run",
    _OF_A_RUN,
    _DEPLOYS.repo,
    _DEPLOYS.environment,
    _DEPLOYS.service,
    _DEPLOYS.run,
    _DEPLOYS.attempt,
    _DEPLOYS.sha,
)
_partial("figures_deploys_repo", _COUNTS, _DEPLOYS.repo, _DEPLOYS.environment, _DEPLOYS.at, _DEPLOYS.id)
_partial(
    "figures_deploys_remedied",
    text("counts = 1 AND remedied_at IS NOT NULL"),
    _DEPLOYS.environment,
    _DEPLOYS.at,
)
_partial("figures_deploys_judged", text("judged <> ''"), _DEPLOYS.id)
_partial("figures_deploys_at", _COUNTS, _DEPLOYS.environment, _DEPLOYS.at)

# A commit that was deployed (`own`) or that a counting deploy lists. `brought` is 1 if no earlier deploy of
# its place had the commit.
FIGURES_COMMITS = Table(
    "figures_commits",
    METADATA,
    Column("repo", _NAME, primary_key=True),
    Column("environment", _NAME, primary_key=True),
    Column("sha", _NAME, primary_key=True),
    Column("service", _NAME, primary_key=True),
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    Column("deploy", _NAME, primary_key=True),
    Column("own", Integer, nullable=False),
    Column("brought", Integer, nullable=False),
    sqlite_with_rowid=False,
)

# A commit that a counting deploy undoes.
FIGURES_REVERTS = Table(
    "figures_reverts",
    METADATA,
    Column("repo", _NAME, primary_key=True),
    Column("environment", _NAME, primary_key=True),
    Column("sha", _NAME, primary_key=True),
    Column("service", _NAME, primary_key=True),
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    Column("deploy", _NAME, primary_key=True),
    sqlite_with_rowid=False,
)

# A deploy, and a later one that remedied it; `sha` is the commit that this undid, "" if it went back.
FIGURES_REMEDIES = Table(
    "figures_remedies",
    METADATA,
    Column("deploy", _NAME, primary_key=True),
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    Column("remedy", _NAME, primary_key=True),
    Column("sha", Text, nullable=False),
    sqlite_with_rowid=False,
)
Index("figures_remedies_remedy", FIGURES_REMEDIES.c.remedy)

# The lengths of the SHAs that a repository's events name: most often one. A cut SHA names the commit of
# every SHA that begins with it, so that each length is looked up.
FIGURES_LENGTHS = Table(
    "figures_lengths",
    METADATA,
    Column("repo", _NAME, primary_key=True),
    Column("length", Integer, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

# An occurrence of an incident, by the id of its start. There is one row for each span of time, from `since`
# until `until`, in which it is attributed alike: its end, or a later deploy, may name another cause.
# `deploy`, of `deploy_service` and at `deploy_at`, is the deploy that it is attributed to, `how` the way or
# the reason that there is none, and `wide` the deploy of a window of 72 hours. The span of an occurrence that
# a correction says is no incident is empty.
FIGURES_INCIDENTS = Table(
    "figures_incidents",
    METADATA,
    Column("id", _NAME, primary_key=True),
    Column("since", BigInteger, primary_key=True, autoincrement=False),
    Column("until", BigInteger, nullable=False),
    Column("repo", _NAME, nullable=False),
    Column("environment", _NAME, nullable=False),
    Column("service", _NAME, nullable=False),
    Column("incident_id", _NAME, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("end_id", _NAME),
    Column("ended_at", BigInteger),
    Column("merged", Integer, nullable=False),
    Column("cause", _NAME),
    Column("deploy", _NAME),
    Column("deploy_service", _NAME),
    Column("deploy_at", BigInteger),
    Column("how", Text, nullable=False),
    Column("wide", _NAME),
)
_INCIDENTS = FIGURES_INCIDENTS.c
_LINKED, _CAUSED = text("deploy IS NOT NULL"), text("cause IS NOT NULL")
Index("figures_incidents_repo", _INCIDENTS.repo, _INCIDENTS.environment, _INCIDENTS.at)
Index("figures_incidents_at", _INCIDENTS.environment, _INCIDENTS.at)
Index("figures_incidents_incident", _INCIDENTS.repo, _INCIDENTS.incident_id)
_partial("figures_incidents_unlinked", text("deploy IS NULL"), _INCIDENTS.environment, _INCIDENTS.at)
_partial("figures_incidents_open", text("ended_at IS NULL"), _INCIDENTS.environment)
_partial("figures_incidents_cause", _CAUSED, _INCIDENTS.repo, _INCIDENTS.environment, _INCIDENTS.cause)
_partial("figures_incidents_deploy", _LINKED, _INCIDENTS.deploy)
_partial(
    "figures_incidents_linked_repo", _LINKED, _INCIDENTS.repo, _INCIDENTS.environment, _INCIDENTS.deploy_at
)
_partial("figures_incidents_linked_at", _LINKED, _INCIDENTS.environment, _INCIDENTS.deploy_at)

# The deploys, failures and incidents of a week that is over: derived.update.packing. They hold for every
# moment from `holds_from` on. `places` has a line for each place. The others are arrays of figures.columns
# and figures.weeks.
Table(
    "packed_weeks",
    METADATA,
    Column("environment", _NAME, primary_key=True),
    Column("began", BigInteger, primary_key=True, autoincrement=False),
    Column("ended", BigInteger, nullable=False),
    Column("holds_from", BigInteger, nullable=False),
    *(
        Column(name, LargeBinary, nullable=False)
        for name in (
            "places",
            "deploys",
            "lead_times",
            "failures",
            "unlinked",
            "lead_counts",
            "times",
            "rest",
        )
    ),
)

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
