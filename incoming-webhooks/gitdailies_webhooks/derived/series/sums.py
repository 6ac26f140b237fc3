"""The sums of a series, read from packed weeks and from the derived rows."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from gitdailies_server.storage.database import Session

from gitdailies_webhooks.derived import rows
from gitdailies_webhooks.derived.series import statements
from gitdailies_webhooks.derived.series.parts import Moment, Part, Where, parts
from gitdailies_webhooks.derived.update import packing
from gitdailies_webhooks.events import spellings
from gitdailies_webhooks.figures.events import Place
from gitdailies_webhooks.figures.series import SERVICE, Plan, SeriesQuestion, Sums
from gitdailies_webhooks.sql.bulk import lookup_many

_MOST_ENVIRONMENTS = 1000


def add_up(session: Session, question: SeriesQuestion, planned: Plan, window: int) -> Sums:
    """Add up the deploys and incidents of a question, each in its segment."""
    sums, keys = Sums(), cache(question.keys)
    moment = Moment(question.period.now, question.period.now - window)
    for environment in environments(session, question):
        where = Where(environment, question.repos)
        for place, number, found in _parts(session, question, planned, where, moment):
            sums.add(keys(place), number, found)
    return sums


def _by_service(question: SeriesQuestion) -> bool:
    """Whether services of one repository may be in different groups."""
    return SERVICE in question.by or bool(question.services) or question.teams_known.name_services


def _parts(
    session: Session, question: SeriesQuestion, planned: Plan, where: Where, moment: Moment
) -> Iterator[Part]:
    """Yield the sums of an environment: those that are packed, and the others from the rows."""
    by_service, packed = _by_service(question), {}
    if not by_service:
        packed = _packed(session, planned, where.environment, moment)
        for began, repo, tally in packing.read(session, where, packed):
            yield Place(repo, where.environment, None), packed[began], tally
    chosen = set(range(len(planned.segments))) - set(packed.values())
    yield from parts(session, where, planned.segments, chosen, moment, by_service=by_service)


def _packed(session: Session, planned: Plan, environment: str, moment: Moment) -> dict[int, int]:
    """Return the segments that are packed weeks of settled deploys: their numbers by their beginnings."""
    first, last = planned.segments[0].began_at, planned.segments[-1].last
    weeks = packing.weeks(session, environment, first, last, moment)
    return {one.began_at: number for number, one in enumerate(planned.segments) if tuple(one) in weeks}


def open_incidents(session: Session, question: SeriesQuestion, *, live: bool) -> list[Place]:
    """Return the place of each incident that is open at the moment of the question.

    A *live* question is about the present moment, and no incident has ended later than that.
    """
    now = question.period.now
    found: list[Place] = []
    for environment in environments(session, question):
        place = Where(environment, question.repos)
        asked = [(statements.OPEN_INCIDENTS, (now, now, now))]
        if not live:
            asked.append((statements.OPEN_THEN, (now, now, now, now)))  # type: ignore[arg-type]
        for statement, moments in asked:
            rows_ = session.execute(statement.format(where=place.condition()), (*moments, *place.values))
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
