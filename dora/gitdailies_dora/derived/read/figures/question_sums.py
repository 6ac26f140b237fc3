"""The sums of a question, read from packed weeks and from the derived rows."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import chain
from typing import TypeAlias

import numpy as np
from gitdailies_core.values.deploy_target import DeployTarget
from gitdailies_server.round_trips import fetch_together, read_together
from gitdailies_server.storage.database import Session

from gitdailies_dora.derived.model import repositories, rows, statements
from gitdailies_dora.derived.model.columns import TimeSpan, Where, packed_weeks, read_rows, read_weeks
from gitdailies_dora.derived.model.deploys import TargetKey, target_key
from gitdailies_dora.events.records import change_log
from gitdailies_dora.figures.answers import series
from gitdailies_dora.figures.answers.columns import AROUND, Columns, Joined, joined, of_facts, target_of
from gitdailies_dora.figures.answers.series import Plan, SeriesQuestion
from gitdailies_dora.figures.answers.sums import Cuts, Sums
from gitdailies_dora.figures.history.facts import EVIDENCE, TIME, derive
from gitdailies_dora.figures.history.settings import FigureSettings
from gitdailies_dora.sql.bulk import lookup_many
from gitdailies_dora.sql.database import kept_for

_MOST_ENVIRONMENTS = 1000
# The rows of this many repositories are read by an index, and no packed week.
_FEW = 5
# The most bytes of packed weeks that are kept. They are part of what a question reads.
_PACKED, _MOST_KEPT = "packed weeks", 56_000_000
# The counting deploy of a target in a span of time that is the last one, or the first one.
_NEAREST = """
given.number, (SELECT d.at FROM figures_deploys d
  WHERE d.repo = given.repo AND d.environment = given.environment AND d.service = given.service
  AND d.counts = 1 AND d.at >= given.first AND d.at <= given.last
  ORDER BY d.at {0}, d.id {0} LIMIT 1)
"""
_COLUMNS, _BEFORE_ALL = "number, repo, environment, service, first, last", -(2**62)

# The last deploy of each target before a moment: that moment, and the time or None.
Known: TypeAlias = dict[TargetKey, tuple[int, int | None]]


class _NotDerived(Exception):
    """The rows cannot answer."""


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

    def as_of() -> int:
        behind = change_log.behind_since(session, now)
        if (fresh and behind is not None) or rows.outdated(session, settings):
            raise _NotDerived
        return now if behind is None else behind

    with suppress(_NotDerived):
        add_up = partial(_add_up, session, question, planned, cuts, settings)
        until, found = read_together(session, as_of, add_up)
        return found, until
    repo = next(iter(question.repos)) if len(question.repos) == 1 else None
    history = repositories.history_of(session, repo, settings, now, most)
    return series.add_up(of_facts(derive(history, settings)), question, cuts), now


def _add_up(
    session: Session, question: SeriesQuestion, planned: Plan, cuts: Cuts, settings: FigureSettings
) -> Sums:
    """Add up the deploys and incidents of a question, each in its segment."""
    span, now = TimeSpan(planned.segments[0].began_at, planned.segments[-1].last), question.period.now
    # A week is packed with all repositories, so that the rows of a few are read faster by themselves.
    few = 0 < len(question.repos) <= _FEW
    version, packed, names = read_together(
        session,
        lambda: None if few else change_log.rows_version(session),
        lambda: {} if few else packed_weeks(session, span, now),
        partial(environments, session, question),
    )
    asked = [Where(environment, question.repos) for environment in names]
    weeks = [packed.get(environment, []) for environment in names]
    cut = sorted({week.first for of in weeks for week in of if not cuts.is_whole(*week)})
    found, known = _joined(session, asked, weeks, span, now, settings, version)
    if settings.by_evidence:
        others = found.failures["evidence"] != EVIDENCE.index(TIME)
        found = found._replace(failures=found.failures[others])
    keys = [question.keys(target_of(text)) for text in found.targets]
    deployed = np.flatnonzero(np.bincount(found.deploys["target"], minlength=len(keys))).tolist()
    targets = {of: target_key(target_of(found.targets[of])) for of in deployed if keys[of]}
    # What is found of an environment begins with its first packed week.
    firsts = {of: min([span.first, *(week.first for week in packed.get(of, [])[:1])]) for of in names}
    after = [(number, *target, span.last + 1, now) for number, target in targets.items()]
    around = read_together(
        session,
        partial(before, session, targets, firsts, known),
        lambda: list(lookup_many(session, _COLUMNS, after if span.last < now else (), _NEAREST.format(""))),
    )
    times = [(at, number) for number, at in chain(*around) if at is not None]
    return Sums(found._replace(around=np.array(times, AROUND)), keys, cuts, cut)


def before(
    session: Session, targets: Mapping[int, TargetKey], firsts: Mapping[str, int], known: Known
) -> list[tuple[int, int | None]]:
    """Return the last deploy of each target before the first moment of its environment; look it up once."""
    moments = {number: firsts[target[1]] for number, target in targets.items()}
    given = [
        (number, *target, _BEFORE_ALL, moments[number] - 1)
        for number, target in targets.items()
        if known.get(target, ())[:1] != (moments[number],)
    ]
    for number, at in lookup_many(session, _COLUMNS, given, _NEAREST.format("DESC")):
        known[targets[number]] = moments[number], at
    return [(number, known[target][1]) for number, target in targets.items()]


def _joined(  # noqa: PLR0917  they are what the answer depends on
    session: Session,
    asked: Sequence[Where],
    weeks: Sequence[Sequence[TimeSpan]],
    span: TimeSpan,
    now: int,
    settings: FigureSettings,
    version: change_log.Version | None,
) -> tuple[Columns, Known]:
    """Return the rows of each environment: those of its packed weeks, and the others from the derived rows.

    Packed weeks are kept for the next question, which is often about the same weeks. A week is packed from
    the rows, and one whose rows change is packed again. So it is the same for as long as the version of the
    rows and the settings are.
    """
    others = [
        partial(read_rows, session, where, other, now, settings.renames)
        for where, of in zip(asked, weeks, strict=True)
        for other in _between(of, span)
    ]
    if not any(weeks):
        return joined(read_together(session, *others)), {}
    kept, state = kept_for(session), (version, settings, [where.environment for where in asked], weeks)
    before, packed, known = kept.pop(_PACKED, (None, None, {}))
    if version is None or before != state:
        # What is kept of other weeks goes first, since both would need memory at once.
        packed, known = None, {}

    def of_weeks() -> Joined:
        read = (read_weeks(session, *both, now) for both in zip(asked, weeks, strict=True) if both[1])
        return packed or Joined(chain.from_iterable(read))

    joined_weeks: Joined
    joined_weeks, *rest = read_together(session, of_weeks, *others)
    found = joined_weeks.with_more(rest)
    if found.size <= _MOST_KEPT:
        kept[_PACKED] = state, joined_weeks, known
    return found, known


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
    asked: list[tuple[str, tuple[int, ...]]] = [(statements.OPEN_INCIDENTS, (now,) * 2)]
    if not live:
        asked.append((statements.OPEN_THEN, (now,) * 4))
    targets = [Where(environment, question.repos) for environment in environments(session, question)]
    queries = [
        (statement.format(where=target.condition()), (*moments, *target.values))
        for target in targets
        for statement, moments in asked
    ]
    found = chain.from_iterable(fetch_together(session, *queries))
    open_ = [DeployTarget(repo, where, service or None) for repo, service, where in found]
    return [target for target in open_ if question.keys(target)]


def environments(session: Session, question: SeriesQuestion) -> list[str]:
    """Return the environments of a question: those that it names, or all."""
    if question.environments:
        return sorted(question.environments)
    most = (_MOST_ENVIRONMENTS,)
    found = fetch_together(
        session, (statements.ENVIRONMENTS, most), (statements.ENVIRONMENTS_OF_INCIDENTS, most)
    )
    return sorted({name for of in found for (name,) in of})


def first_times(session: Session, settings: FigureSettings) -> dict[str, int]:
    """Return the time of the first event of each repository, by its folded name."""
    found: dict[str, int] = {}
    for name, at in session.execute(statements.FIRST_TIMES):
        repo = settings.renames.key(name)
        found[repo] = min(at, found.get(repo, at))
    return found
