"""The sums of a series, read from the derived rows.

Deploys are added up by the database, for each repository and segment. Failed deploys and incidents are few,
and are added up here.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from typing import TypeAlias

from gitdailies_server.storage.database import Session

from gitdailies_webhooks.derived import rows
from gitdailies_webhooks.derived.series import statements
from gitdailies_webhooks.derived.update import packing
from gitdailies_webhooks.events import spellings
from gitdailies_webhooks.figures.events import Place
from gitdailies_webhooks.figures.facts import first_outage
from gitdailies_webhooks.figures.series import SERVICE, Plan, SeriesQuestion, Sums
from gitdailies_webhooks.figures.tally import Failure, Tally, failures
from gitdailies_webhooks.sql.bulk import lookup_many

_MOST_ENVIRONMENTS = 1000


def add_up(session: Session, question: SeriesQuestion, planned: Plan, window: int) -> Sums:
    """Add up the deploys and incidents of a question, each in its segment."""
    sums, keys = Sums(), cache(question.keys)
    for environment in environments(session, question):
        place = _Place(environment, question.repos)
        for where, number, found in (
            *_deploys(session, question, planned, place, question.period.now - window),
            *_failures(session, question, planned, place, question.period.now, window),
            *_unlinked(session, planned, place, question.period.now),
        ):
            sums.add(keys(where), number, found)
    return sums


def _by_service(question: SeriesQuestion) -> bool:
    """Whether services of one repository may be in different groups."""
    return SERVICE in question.by or bool(question.services) or question.teams_known.name_services


# The place of a sum, the number of its segment, and the sum.
_Found: TypeAlias = tuple[Place, int, Tally]


def _deploys(
    session: Session, question: SeriesQuestion, planned: Plan, place: _Place, settled_until: int
) -> Iterator[_Found]:
    """Yield the sums of deploys, without their failures."""
    by_service = _by_service(question)
    statement = statements.SUMS_OF_DEPLOYS.format(
        service="service" if by_service else "''",
        joined=packing.joined(session),
        where=place.where("at"),
        grouped="repo, service" if by_service else "repo",
    )
    packed = {} if by_service else _packed(session, planned, place, settled_until)
    if packed:
        begins = min(packed), max(packed)
        for began, repo, *sums, leads in session.execute(
            statements.PACKED_SUMS.format(where=place.where()), (*place.values, *begins)
        ).fetchall():
            if began in packed:
                deploys, rework, unknown, commits = sums
                where = Place(repo, place.environment, None)
                yield where, packed[began], Tally(deploys, rework, 0, unknown, commits, leads)
    raw = set(range(len(planned.segments))) - set(packed.values())
    for number in sorted(raw):
        found = session.execute(
            statement, (settled_until, *place.values, *planned.segments[number])
        ).fetchall()
        for repo, service, deploys, rework, young, unknown, commits, leads in found:
            where = Place(repo, place.environment, service or None)
            yield where, number, Tally(deploys, rework, young, unknown, commits, leads or "")


def _packed(session: Session, planned: Plan, place: _Place, settled_until: int) -> dict[int, int]:
    """Return the segments that are packed weeks of settled deploys: their numbers by their beginnings."""
    first, last = planned.segments[0].began_at, planned.segments[-1].last
    found = session.execute(packing.PACKED, (place.environment, last, first)).fetchall()
    weeks = {(began, ended - 1) for began, ended in found if ended - 1 <= settled_until}
    return {one.began_at: number for number, one in enumerate(planned.segments) if tuple(one) in weeks}


def _failures(
    session: Session, question: SeriesQuestion, planned: Plan, place: _Place, now: int, window: int
) -> Iterator[_Found]:
    """Yield the sums of failed deploys."""
    begins = [segment.began_at for segment in planned.segments]
    period = begins[0], planned.segments[-1].last
    by_service = _by_service(question)
    # By id: time, repository, service, time until the first remedy, and the incidents.
    found: dict[str, tuple[int, str, str, int | None, list[rows.Span]]] = {}
    for statement, moment in ((statements.JUDGED_FAILED, ()), (statements.REMEDIED, (now,))):
        for id_, at, repo, service, remedied_after in session.execute(
            statement.format(where=place.where("at")), (*moment, *place.values, *period)
        ).fetchall():
            found[id_] = at, repo, service, remedied_after, []
    not_failed = rows.not_failed(session)
    for id_, at, repo, service, began_at, ended_at, merged in session.execute(
        statements.SPANS.format(where=place.where("deploy_at")), (now, now, *place.values, *period)
    ).fetchall():
        if id_ in not_failed:
            continue
        deploy = found.get(id_)
        if deploy is None:
            deploy = found[id_] = at, repo, service, None, []
        deploy[4].append(rows.Span.known(now, began_at, ended_at, merged))
    failed: dict[tuple[str, str, int], list[Failure]] = defaultdict(list)
    for at, repo, service, remedied_after, spans in found.values():
        outage = first_outage(spans)
        if outage is None:
            failure = Failure(at, None, False, remedied_after)
        else:
            failure = Failure(at, outage.duration_us, outage.duration_us is None, None)
        failed[repo, service if by_service else "", bisect_right(begins, at) - 1].append(failure)
    for (repo, service, number), ones in failed.items():
        where = Place(repo, place.environment, service or None)
        yield where, number, failures(ones, now - window)


def _unlinked(session: Session, planned: Plan, place: _Place, now: int) -> Iterator[_Found]:
    """Yield the incidents that are attributed to no deploy."""
    begins = [segment.began_at for segment in planned.segments]
    period = begins[0], planned.segments[-1].last
    found = session.execute(
        statements.UNLINKED.format(where=place.where("at")), (now, now, *place.values, *period)
    ).fetchall()
    for repo, service, at, wide in found:
        tally = Tally(unlinked=1, unlinked_72h=int(wide is not None))
        yield Place(repo, place.environment, service or None), bisect_right(begins, at) - 1, tally


class _Place:
    """The condition of one environment, and of some repositories."""

    def __init__(self, environment: str, repos: Iterable[str]) -> None:
        self.environment = environment
        self._repos = sorted(repos)
        self.values = (environment, *self._repos)

    def where(self, at: str = "") -> str:
        """Return the condition; a column *at* adds that of a period."""
        marks = ", ".join("?" * len(self._repos))
        repos = f" AND repo IN ({marks})" if marks else ""
        return f"environment = ?{repos}" + (f" AND {at} >= ? AND {at} <= ?" if at else "")


def open_incidents(session: Session, question: SeriesQuestion, *, live: bool) -> list[Place]:
    """Return the place of each incident that is open at the moment of the question.

    A *live* question is about the present moment, and no incident has ended later than that.
    """
    now = question.period.now
    found: list[Place] = []
    for environment in environments(session, question):
        place = _Place(environment, question.repos)
        asked = [(statements.OPEN_INCIDENTS, (now, now, now))]
        if not live:
            asked.append((statements.OPEN_THEN, (now, now, now, now)))  # type: ignore[arg-type]
        for statement, moments in asked:
            rows_ = session.execute(statement.format(where=place.where()), (*moments, *place.values))
            found += [Place(repo, where, service or None) for repo, service, where in rows_.fetchall()]
    return [place for place in found if question.keys(place)]


def environments(session: Session, question: SeriesQuestion) -> list[str]:
    """Return the environments of a question: those that it names, or all."""
    if question.environments:
        return sorted(question.environments)
    found = set(rows.environments(session, _MOST_ENVIRONMENTS))
    row = session.execute(statements.FIRST_ENVIRONMENT).fetchone()
    while row is not None and len(found) < _MOST_ENVIRONMENTS:
        found.add(row[0])
        row = session.execute(statements.NEXT_ENVIRONMENT, (row[0],)).fetchone()
    return sorted(found)


def first_times(session: Session) -> dict[str, int]:
    """Return the time of the first event of each repository, by its folded name."""
    names = spellings.names(session)
    found: dict[str, int] = {}
    for name, at in lookup_many(session, "name", [(name,) for name in names], statements.FIRST_TIMES):
        repo = names[name]
        found[repo] = min(at, found.get(repo, at))
    return found
