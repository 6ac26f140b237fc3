"""The sums of a question, read from packed weeks and from the derived rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from gitdailies_server.storage.database import Session

from gitdailies_webhooks.derived import repositories, rows
from gitdailies_webhooks.derived.series import statements
from gitdailies_webhooks.derived.series.parts import Span, Where, read_rows
from gitdailies_webhooks.derived.update import packing
from gitdailies_webhooks.events import change_log, spellings
from gitdailies_webhooks.figures import series
from gitdailies_webhooks.figures.columns import Columns, Each, joined, of_facts
from gitdailies_webhooks.figures.events import Place
from gitdailies_webhooks.figures.facts import derive
from gitdailies_webhooks.figures.same_groups import SameGroups
from gitdailies_webhooks.figures.series import Plan, SeriesQuestion
from gitdailies_webhooks.figures.settings import FigureSettings
from gitdailies_webhooks.figures.sums import Cuts, Sums
from gitdailies_webhooks.sql.bulk import lookup_many

_MOST_ENVIRONMENTS = 1000
# The rows of this many repositories are read by an index, and no packed week.
_FEW = 5


class Read(NamedTuple):
    """What a question found: every event received before `as_of` is in the sums."""

    sums: Sums
    as_of: int


def read(
    session: Session,
    question: SeriesQuestion,
    planned: Plan,
    settings: FigureSettings,
    most: int | None,
    *,
    fresh: bool = False,
    gaps: bool = False,
) -> Read:
    """Add up the deploys and incidents of a question.

    With *fresh*, the events are read if the rows are behind. With *gaps*, the sums have the times of deploys.
    Raises Refusal if the rows are for other settings, and more than *most* events would have to be read.
    """
    now = question.period.now
    cuts = series.cuts(planned, question, settings.window_us)
    behind = change_log.behind_since(session, now)
    if not rows.outdated(session, settings) and not (fresh and behind is not None):
        as_of = now if behind is None else min(behind, now)
        # Lead times of single deploys are compared.
        each = Each(times=gaps, lead_counts=question.compare)
        return Read(_add_up(session, question, planned, cuts, each), as_of)
    repo = next(iter(question.repos)) if len(question.repos) == 1 else None
    history = repositories.history_of(session, repo, settings, now, most)
    return Read(series.add_up(of_facts(derive(history, settings)), question, cuts), now)


def _add_up(session: Session, question: SeriesQuestion, planned: Plan, cuts: Cuts, each: Each) -> Sums:
    """Add up the deploys and incidents of a question, each in its segment."""
    span = Span(planned.segments[0].began_at, planned.segments[-1].last)
    same_groups = SameGroups(question.keys)

    def parts() -> Iterator[Columns]:
        for environment in environments(session, question):
            where = Where(environment, question.repos)
            for times, part in _parts(session, question, where, span, cuts, each):
                edges = cuts.within(*times)
                yield same_groups.together(part, edges) if edges or question.is_filtered else part

    found = joined(parts(), each)
    return Sums(found, list(map(same_groups.groups_of, found.places)), cuts)


def _parts(
    session: Session, question: SeriesQuestion, where: Where, span: Span, cuts: Cuts, each: Each
) -> Iterator[tuple[Span, Columns]]:
    """Yield the rows of an environment: those of packed weeks, and the others from the derived rows.

    A week is packed with all repositories, so that the rows of a few are read faster by themselves.
    """
    now, by_place = question.period.now, question.is_about_places
    first, others = span.first, []
    if not 0 < len(where.repos) <= _FEW:
        for week, packed in packing.read(session, where, span, now, cuts, each, by_place=by_place):
            others.append(Span(first, week.first - 1))
            yield week, packed
            first = week.last + 1
    for other in (*others, Span(first, span.last)):
        if other.first <= other.last:
            yield other, read_rows(session, where, other, now)


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
