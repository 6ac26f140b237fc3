"""The deploys, failures and incidents of one environment in columns: from the derived rows, or packed weeks.

A packed week holds the bytes of `figures.answers.columns`, as `update.packing` stored them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from gitdailies_core.values.deploy_target import DeployTarget
from gitdailies_core.values.renames import Renames
from gitdailies_server.storage.database import Session

from gitdailies_dora.derived.model import rows, statements
from gitdailies_dora.derived.model.deploys import lead_times_of
from gitdailies_dora.derived.model.incidents import FOREVER, KnownSpan, latest_deploys
from gitdailies_dora.events.records import spellings
from gitdailies_dora.figures.answers.columns import (
    DEPLOYS,
    FAILURE,
    INCIDENT,
    REST,
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
from gitdailies_dora.sql.bulk import lookup_many, stream_bytes

# The arrays of a packed week, in the order of their columns.
ARRAYS: Mapping[str, np.dtype[Any]] = {
    "deploys": DEPLOYS,
    "lead_times": np.dtype("<i8"),
    "failures": FAILURE,
    "incidents": INCIDENT,
    "lead_counts": np.dtype("<u4"),
    "times": np.dtype("<i8"),
    "rest": REST,
}

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
    fixes = fixes_forward(session, where, span, now, renames)
    return columns(
        list(_deploys(session, where, span, fixes)),
        (found for _, found in failures(session, where, span, now)),
        _incidents(session, where, span, now),
    )


def _deploys(
    session: Session, where: Where, span: TimeSpan, fixes: Mapping[str, str]
) -> Iterator[DeployValues]:
    for id_, repo, service, at, rework, unknown, unknown_commits, leads in session.execute(
        statements.DEPLOYS.format(where=where.condition("at")), (*where.values, *span)
    ).fetchall():
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
) -> dict[str, str]:
    """Return the start of the incident that each fix forward in *span* seems to have fixed, by its own id.

    Of several, it is the one that started first.
    """
    ended = ended_soon(session, where, span, now, renames)
    of_deploys = lookup_many(session, ENDED_COLUMNS, ended, statements.ENDED_OF_DEPLOY, now, now)
    in_order = sorted(of_deploys, key=lambda one: (one[4], one[0]))
    asked = [(*one[:4], max(one[4], one[5] - HOUR_US), *one[5:]) for one in in_order]
    such: dict[str, list[tuple[int, str, int]]] = defaultdict(list)
    columns_ = "id, repo, environment, service, since, until, deploy_at, deploy"
    for id_, *deploy in lookup_many(session, columns_, asked, statements.FIXES_BETWEEN):
        such[id_].append((deploy[0], deploy[1], deploy[2]))
    fixes = {id_: fix_forward([one[1:] for one in sorted(found)]) for id_, found in such.items()}
    found_ = ((fixes.get(one[0]), one[0]) for one in reversed(in_order))
    return {fix: id_ for fix, id_ in found_ if fix is not None}


def failures(session: Session, where: Where, span: TimeSpan, now: int) -> Iterator[tuple[str, FailureValues]]:
    """Yield the deploys in *span* that failed, as it was known at the moment *now*, with their ids."""
    found: dict[str, _Failed] = {}
    judged: set[str] = set()
    for statement, moments in ((statements.JUDGED_FAILED, ()), (statements.REMEDIED, (now,))):
        for id_, at, repo, service, remedied_after in session.execute(
            statement.format(where=where.condition("at")), (*moments, *where.values, *span)
        ).fetchall():
            found[id_] = _Failed(where.target(repo, service), at, remedied_after, [], set())
            if not moments:
                judged.add(id_)
    not_failed = rows.not_failed(session)
    for id_, at, repo, service, how, began_at, ended_at, merged in session.execute(
        statements.SPANS.format(where=where.condition("deploy_at")), (now, now, *where.values, *span)
    ).fetchall():
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
    asked, condition = (now, now, *where.values, *span), where.condition("at")
    alone: list[tuple[str, str, str, int]] = []
    for repo, service, at, wide, how in session.execute(
        statements.UNLINKED.format(where=condition), asked
    ).fetchall():
        yield IncidentValues(where.target(repo, service), at, True, wide is not None)
        if how == NO_DEPLOY:
            alone.append((repo, where.environment, service, at))
    for number, latest in latest_deploys(session, alone, FOREVER).items():
        yield IncidentValues(where.target(latest.repo, latest.service), alone[number][3], chance=True)
    for repo, service, at in session.execute(statements.BY_TIME.format(where=condition), asked).fetchall():
        yield IncidentValues(where.target(repo, service), at, chance=True)


def packed_weeks(session: Session, where: Where, span: TimeSpan, now: int) -> list[TimeSpan]:
    """Return the packed weeks of an environment that answer a question about *span* at *now*, in order."""
    found = session.execute(statements.USABLE_WEEKS, (where.environment, span.last, span.first, now))
    return [TimeSpan(*week) for week in found.fetchall()]


def read_weeks(session: Session, where: Where, weeks: Sequence[TimeSpan], now: int) -> Iterator[Columns]:
    """Yield what is packed of each of the *weeks* that answer a question.

    Until the last week, the session must not be used for anything else.
    """
    between = where.environment, weeks[0].first, weeks[-1].first, now
    for places, *arrays in stream_bytes(session, statements.WEEKS, between):
        targets = places.decode()
        held = map(np.frombuffer, arrays, ARRAYS.values())
        found: dict[str, Any] = dict(zip(ARRAYS, held, strict=True))
        yield Columns(targets=targets.split("\n") if targets else [], **found)
