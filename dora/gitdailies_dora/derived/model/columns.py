"""The deploys, failures and incidents of one environment in columns: from the derived rows, or packed weeks.

A packed week holds the bytes of `figures.answers.columns`, as `update.packing` stored them.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from gitdailies_core.values.deploy_target import DeployTarget
from gitdailies_core.values.renames import Renames
from gitdailies_server.round_trips import fetch_together, read_together
from gitdailies_server.storage.database import Session

from gitdailies_dora.derived.model import statements
from gitdailies_dora.derived.model.deploys import lead_times_of
from gitdailies_dora.derived.model.incidents import FOREVER, KnownSpan, latest
from gitdailies_dora.events.records import spellings
from gitdailies_dora.figures.answers.columns import (
    ARRAYS,
    Columns,
    DeployValues,
    FailureValues,
    IncidentValues,
    columns,
)
from gitdailies_dora.figures.history.corrections import FAILED
from gitdailies_dora.figures.history.events import HOUR_US
from gitdailies_dora.figures.history.facts import evidence_of, first_outage
from gitdailies_dora.figures.history.incidents import NO_DEPLOY
from gitdailies_dora.figures.history.remedies import REWORK, fix_forward
from gitdailies_dora.sql.bulk import lookup_many

# Their bytes are in memory twice for a moment, so not those of all weeks.
_WEEKS_AT_ONCE = 50

# What is looked up of an incident that ended.
ENDED_COLUMNS = "repo, incident_id, environment, end_id"


class TimeSpan(NamedTuple):
    """The times from `first` to `last`, both included."""

    first: int
    last: int


class Where:
    """The condition of one environment, and of some repositories; all of them if none is named."""

    def __init__(self, environment: str, repos: Iterable[str] = ()) -> None:
        self.environment = environment
        self.repos = sorted(repos)
        self.values = (environment, *self.repos)

    def condition(self, at: str = "") -> str:
        """Return the condition; a column *at* adds that of a period."""
        marks = ", ".join("?" * len(self.repos))
        repos = f" AND repo IN ({marks})" if marks else ""
        return f"environment = ?{repos}" + (f" AND {at} >= ? AND {at} <= ?" if at else "")

    def target(self, repo: str, service: str) -> DeployTarget:
        return DeployTarget(repo, self.environment, service or None)


def read_rows(session: Session, where: Where, span: TimeSpan, now: int, renames: Renames) -> Columns:
    """Read what happened in *span*, as it was known at the moment *now*."""
    deploys, fixes, failed, incidents = read_together(
        session,
        partial(
            session.execute, statements.DEPLOYS.format(where=where.condition("at")), (*where.values, *span)
        ),
        partial(fixes_forward, session, where, span, now, renames),
        lambda: list(failures(session, where, span, now)),
        lambda: list(_incidents(session, where, span, now)),
    )
    return columns(list(_deploys(deploys, where, fixes)), (found for _, found in failed), incidents)


def _deploys(
    found: Iterable[tuple[Any, ...]], where: Where, fixes: Mapping[str, tuple[str, str]]
) -> Iterator[DeployValues]:
    for id_, repo, service, at, rework, unknown, unknown_commits, leads in found:
        target, inferred = where.target(repo, service), id_ in fixes
        is_rework = inferred or rework == REWORK
        yield DeployValues(target, at, is_rework, inferred, unknown, unknown_commits, lead_times_of(leads))


def ended_soon(
    session: Session, where: Where, span: TimeSpan, now: int, renames: Renames
) -> list[tuple[str, ...]]:
    """Return the incidents that ended in *span*, or within an hour after it: rows of `ENDED_COLUMNS`."""
    statement, spelled = statements.ENDS, []
    if where.repos:
        names = spellings.names(session, renames)
        # No event has the name "".
        spelled = ["", *(name for name, repo in names.items() if repo in where.repos)]
        statement += f" AND repo IN ({', '.join('?' * len(spelled))})"
    moments = span.first, min(span.last + HOUR_US, now)
    found = session.execute(statement, (*moments, *spelled)).fetchall()
    return [(renames.key(repo), incident, where.environment, end) for repo, incident, end in found]


def fixes_forward(
    session: Session, where: Where, span: TimeSpan, now: int, renames: Renames
) -> dict[str, tuple[str, str]]:
    """Return what each fix forward in *span* seems to have fixed, by its own id.

    It is the start of an incident, of several the first one, and the deploy that this is attributed to.
    """
    ended = ended_soon(session, where, span, now, renames)
    such: dict[tuple[int, str, str], list[tuple[int, str, int]]] = defaultdict(list)
    for id_, began_at, of, *fix in lookup_many(session, ENDED_COLUMNS, ended, statements.FIXES, now, now):
        such[began_at, id_, of].append((fix[0], fix[1], fix[2]))
    last_first = sorted(such.items(), reverse=True)
    fixes = ((fix_forward([one[1:] for one in sorted(found)]), key[1:]) for key, found in last_first)
    return {fix: fixed for fix, fixed in fixes if fix is not None}


def failures(session: Session, where: Where, span: TimeSpan, now: int) -> Iterator[tuple[str, FailureValues]]:
    """Yield the deploys in *span* that failed, as it was known at the moment *now*, with their ids."""
    found: dict[str, _Failed] = {}
    judged: set[str] = set()
    at_, values = where.condition("at"), (*where.values, *span)
    by_person, remedied, succeeded, of_incidents = fetch_together(
        session,
        (statements.JUDGED_FAILED.format(where=at_), values),
        (statements.REMEDIED.format(where=at_), (now, *values)),
        (statements.NOT_FAILED, ()),
        (statements.SPANS.format(where=where.condition("deploy_at")), (now, now, *values)),
    )
    for of_person, several in ((True, by_person), (False, remedied)):
        for id_, at, repo, service, remedied_after in several:
            found[id_] = _Failed(where.target(repo, service), at, remedied_after, [], set())
            if of_person:
                judged.add(id_)
    not_failed = {id_ for (id_,) in succeeded}
    for id_, at, repo, service, how, began_at, ended_at, merged in of_incidents:
        if id_ in not_failed:
            continue
        if id_ not in found:
            found[id_] = _Failed(where.target(repo, service), at, None, [], set())
        found[id_].spans.append(KnownSpan.at(now, began_at, ended_at, merged))
        found[id_].hows.add(how)
    for id_, (target, at, remedied_after, spans, hows) in found.items():
        outage = first_outage(spans)
        said = FAILED if id_ in judged else ""
        evidence = evidence_of(said, hows, remedied=remedied_after is not None)
        if outage is None:
            yield id_, FailureValues(target, at, evidence, None, False, remedied_after)
        else:
            took = outage.duration_us
            yield id_, FailureValues(target, at, evidence, took, took is None, None)


class _Failed(NamedTuple):
    """A failed deploy: the time until its first remedy, its incidents, and how they are attributed to it."""

    target: DeployTarget
    at: int
    remedied_after: int | None
    spans: list[KnownSpan]
    hows: set[str]


def _incidents(session: Session, where: Where, span: TimeSpan, now: int) -> Iterator[IncidentValues]:
    """Yield the incidents that are attributed to no deploy, and those that may have come by chance."""
    values, condition = (now, now, *where.values, *span), where.condition("at")
    alone: list[tuple[str, str, str, int]] = []
    unlinked, by_time = fetch_together(
        session, *((one.format(where=condition), values) for one in (statements.UNLINKED, statements.BY_TIME))
    )
    for repo, service, at, wide, how in unlinked:
        yield IncidentValues(where.target(repo, service), at, True, wide is not None)
        if how == NO_DEPLOY:
            alone.append((repo, where.environment, service, at))
    for number, service in latest(session, alone, FOREVER, statements.LATEST_SERVICE).items():
        yield IncidentValues(where.target(alone[number][0], service), alone[number][3], chance=True)
    for repo, service, at in by_time:
        yield IncidentValues(where.target(repo, service), at, chance=True)


def packed_weeks(session: Session, span: TimeSpan, now: int) -> dict[str, list[TimeSpan]]:
    """Return the packed weeks of each environment that answer a question about *span* at *now*, in order."""
    found: dict[str, list[TimeSpan]] = defaultdict(list)
    for environment, *week in session.execute(statements.USABLE_WEEKS, (span.last, span.first, now)):
        found[environment].append(TimeSpan(*week))
    return found


def read_weeks(session: Session, where: Where, weeks: Sequence[TimeSpan], now: int) -> Iterator[Columns]:
    """Yield the packed columns of each of the *weeks* that answer a question."""
    parts = [weeks[at : at + _WEEKS_AT_ONCE] for at in range(0, len(weeks), _WEEKS_AT_ONCE)]
    spans = ((where.environment, part[0].first, part[-1].first, now) for part in parts)
    # PostgreSQL has a way of its own for large rows.
    read = getattr(session, "read_bytes", session.execute)
    streams = (read(statements.WEEKS, span) for span in spans)
    for places, *arrays in chain.from_iterable(streams):
        targets = places.decode()
        held = map(np.frombuffer, arrays, ARRAYS.values())
        found: dict[str, Any] = dict(zip(ARRAYS, held, strict=True))
        yield Columns(targets=targets.split("\n") if targets else [], **found)
