"""The sums of a question, read from packed weeks and from the derived rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np
from gitdailies_core.values.deploy_target import DeployTarget
from gitdailies_server.storage.database import Session

from gitdailies_dora.derived.model import repositories, rows, statements
from gitdailies_dora.derived.model.columns import (
    TimeSpan,
    Where,
    packed_weeks,
    read_rows,
    read_weeks,
)
from gitdailies_dora.derived.model.deploys import target_key
from gitdailies_dora.events.records import change_log, spellings
from gitdailies_dora.figures.answers import series
from gitdailies_dora.figures.answers.columns import (
    AROUND,
    Columns,
    Rows,
    joined,
    of_facts,
    split,
    target_of,
)
from gitdailies_dora.figures.answers.series import Plan, SeriesQuestion
from gitdailies_dora.figures.answers.sums import Cuts, Key, Sums
from gitdailies_dora.figures.history.facts import EVIDENCE, TIME, derive
from gitdailies_dora.figures.history.settings import FigureSettings
from gitdailies_dora.sql.bulk import lookup_many
from gitdailies_dora.sql.database import kept_for

_MOST_ENVIRONMENTS = 1000
# The rows of this many repositories are read by an index, and no packed week.
_FEW = 5
# The most bytes of packed weeks that are kept. They are part of what a question reads.
_PACKED, _MOST_KEPT = "packed weeks", 56_000_000
# When the last counting deploy of a target before a span is, and the first one after it until a moment.
_OUTSIDE = """
given.number,
(SELECT d.at FROM figures_deploys d WHERE d.repo = given.repo AND d.environment = given.environment
  AND d.service = given.service AND d.counts = 1 AND d.at < given.first
  ORDER BY d.at DESC, d.id DESC LIMIT 1),
(SELECT d.at FROM figures_deploys d WHERE d.repo = given.repo AND d.environment = given.environment
  AND d.service = given.service AND d.counts = 1 AND d.at > given.last AND d.at <= given.now
  ORDER BY d.at, d.id LIMIT 1)
"""


def read(
    session: Session,
    question: SeriesQuestion,
    planned: Plan,
    settings: FigureSettings,
    most: int | None,
    *,
    fresh: bool = False,
) -> tuple[Sums, int]:
    """Add up the deploys and incidents of a question; every event received before a moment is in the sums.

    With *fresh*, the events are read if the rows are behind. Raises Refusal if the rows are for other
    settings, and more than *most* events would have to be read.
    """
    now = question.period.now
    cuts = series.cuts(planned, question, settings.window_us)
    behind = change_log.behind_since(session, now)
    if not rows.outdated(session, settings) and not (fresh and behind is not None):
        as_of = now if behind is None else min(behind, now)
        return _add_up(session, question, planned, cuts, settings), as_of
    repo = next(iter(question.repos)) if len(question.repos) == 1 else None
    history = repositories.history_of(session, repo, settings, now, most)
    return series.add_up(of_facts(derive(history, settings)), question, cuts), now


def _add_up(
    session: Session, question: SeriesQuestion, planned: Plan, cuts: Cuts, settings: FigureSettings
) -> Sums:
    """Add up the deploys and incidents of a question, each in its segment."""
    span, now = TimeSpan(planned.segments[0].began_at, planned.segments[-1].last), question.period.now
    asked = [Where(environment, question.repos) for environment in environments(session, question)]
    # A week is packed with all repositories, so that the rows of a few are read faster by themselves.
    few = 0 < len(question.repos) <= _FEW
    weeks = [[] if few else packed_weeks(session, where, span, now) for where in asked]
    cut = sorted({week.first for of in weeks for week in of if not cuts.is_whole(*week)})
    found = split(_joined(session, asked, weeks, span, now, settings), cut)
    if settings.by_evidence:
        others = found.failures["evidence"] != EVIDENCE.index(TIME)
        found = found._replace(failures=found.failures[others])
    keys = [question.keys(target_of(text)) for text in found.targets]
    return Sums(found._replace(around=_around(session, found, keys, span, now)), keys, cuts)


def _around(
    session: Session, found: Columns, keys: Sequence[Sequence[Key]], span: TimeSpan, now: int
) -> Rows:
    """Read the last deploy before *span* and the first one after it, of each target with deploys in it."""
    deployed = np.bincount(found.deploys["target"], minlength=len(found.targets))
    given = [
        (number, *target_key(target_of(text)), *span, now)
        for number, text in enumerate(found.targets)
        if deployed[number] and keys[number]
    ]
    columns = "number, repo, environment, service, first, last, now"
    outside = lookup_many(session, columns, given, _OUTSIDE)
    return np.array([(at, number) for number, *both in outside for at in both if at is not None], AROUND)


def _joined(
    session: Session,
    asked: Sequence[Where],
    weeks: Sequence[Sequence[TimeSpan]],
    span: TimeSpan,
    now: int,
    settings: FigureSettings,
) -> Columns:
    """Return the rows of each environment: those of its packed weeks, and the others from the derived rows.

    What is packed is kept for the next question, which is often about the same weeks. A week is packed from
    the rows, and one whose rows change is packed again. So it is the same for as long as the version of the
    rows and the settings are.
    """
    others = (
        read_rows(session, where, other, now, settings.renames)
        for where, of in zip(asked, weeks, strict=True)
        for other in _between(of, span)
    )
    if not any(weeks):
        return joined(others)
    kept, version = kept_for(session), change_log.rows_version(session)
    state = version, settings, [where.environment for where in asked], weeks
    # What is kept of other weeks goes first, since both would need memory at once.
    before, packed = kept.pop(_PACKED, (None, None))
    if packed is None or version is None or before != state:
        read = (read_weeks(session, *both, now) for both in zip(asked, weeks, strict=True) if both[1])
        packed = joined(chain.from_iterable(read))
    found = joined(chain([packed], others))
    # What is kept shares the memory of all rows.
    if found.size <= _MOST_KEPT:
        kept[_PACKED] = state, found.begin(packed)
    return found


def _between(weeks: Sequence[TimeSpan], span: TimeSpan) -> Iterator[TimeSpan]:
    """Yield the parts of a span that are before, between and after some weeks."""
    begins = [span.first, *(week.last + 1 for week in weeks)]
    ends = [*(week.first - 1 for week in weeks), span.last]
    return (part for part in map(TimeSpan, begins, ends) if part.first <= part.last)


def open_incidents(session: Session, question: SeriesQuestion, *, live: bool) -> list[DeployTarget]:
    """Return the target of each incident that is open at the moment of the question.

    A *live* question is about the present moment, and no incident has ended later than that.
    """
    now = question.period.now
    found: list[DeployTarget] = []
    for environment in environments(session, question):
        target = Where(environment, question.repos)
        asked: list[tuple[str, tuple[int, ...]]] = [(statements.OPEN_INCIDENTS, (now,) * 2)]
        if not live:
            asked.append((statements.OPEN_THEN, (now,) * 4))
        for statement, moments in asked:
            rows_ = session.execute(statement.format(where=target.condition()), (*moments, *target.values))
            found += [DeployTarget(repo, where, service or None) for repo, service, where in rows_.fetchall()]
    return [target for target in found if question.keys(target)]


def environments(session: Session, question: SeriesQuestion) -> list[str]:
    """Return the environments of a question: those that it names, or all."""
    if question.environments:
        return sorted(question.environments)
    found = set(rows.environments(session, _MOST_ENVIRONMENTS))
    row = session.execute(statements.FIRST_ENVIRONMENT_OF_INCIDENTS).fetchone()
    while row is not None and len(found) < _MOST_ENVIRONMENTS:
        found.add(row[0])
        row = session.execute(statements.NEXT_ENVIRONMENT_OF_INCIDENTS, (row[0],)).fetchone()
    return sorted(found)


def first_times(session: Session, settings: FigureSettings) -> dict[str, int]:
    """Return the time of the first event of each repository, by its folded name."""
    names = spellings.names(session, settings.renames)
    found: dict[str, int] = {}
    for name, at in lookup_many(session, "name", [(name,) for name in names], statements.FIRST_TIMES):
        repo = names[name]
        found[repo] = min(at, found.get(repo, at))
    return found
