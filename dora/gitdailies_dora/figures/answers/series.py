"""A series: the figures of groups, such as teams and repositories, for each week or another unit.

```text
question ─► plan      the period and the one before, cut at every moment that an answer needs
rows ─► a sum for each group and segment ─► answer     totals, buckets, and what changed
```

Segments are the parts between two cuts. Buckets, whole weeks and both periods consist of segments, so that
each row is added up once.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import chain, repeat
from typing import NamedTuple

from gitdailies_core.values.deploy_target import EXAMPLE, DeployTarget
from gitdailies_core.values.times import text_of
from gitdailies_server.storage.timestamps import from_us, to_us

from gitdailies_dora.figures.answers import rolling, trend
from gitdailies_dora.figures.answers import tally as tallies
from gitdailies_dora.figures.answers.chance import Pools
from gitdailies_dora.figures.answers.columns import Columns, target_of
from gitdailies_dora.figures.answers.comparison import Difference, Verdict, clear, compare_with_all, is_clear
from gitdailies_dora.figures.answers.numbers import FIGURES, Figures, Rolling
from gitdailies_dora.figures.answers.report import Dimension, SeriesBucket, SeriesChange
from gitdailies_dora.figures.answers.selection import Period, Selection, at_local_time, local_time
from gitdailies_dora.figures.answers.sums import Cuts, Key, Sums
from gitdailies_dora.figures.answers.tally import Side, Spread, Tally, figures_of, of_failures, spreads
from gitdailies_dora.figures.answers.trend import UNIT_BY_NAME, WEEK, Bucket
from gitdailies_dora.figures.history.settings import PRODUCTION
from gitdailies_dora.figures.history.teams import Teams

TEAM: Dimension = "team"
REPO: Dimension = "repo"
SERVICE: Dimension = "service"
ENVIRONMENT: Dimension = "environment"
DIMENSIONS = (TEAM, REPO, SERVICE, ENVIRONMENT)
MOST_DIMENSIONS = 2
# The calendar begins here.
_EARLIEST = to_us(datetime.min.replace(tzinfo=UTC))

# The most groups times buckets of an answer.
MOST_NUMBERS = 20_000
# The most sums that are added up for the rolling values of an answer.
MOST_ROLLING = 200_000
# The shortest and the longest span of rolling values, in weeks.
SHORTEST_ROLLING, LONGEST_ROLLING = 2, 13

# All groups together. Without a dimension it is the only group.
ALL: Key = ()


@dataclass(frozen=True)
class SeriesQuestion:
    """The question for a series; names are folded, and an empty filter includes all.

    *by* names dimensions, in the order of `DIMENSIONS`. *interval* names a unit of `trend`, or is "". Each
    bucket has rolling values of *rolling_weeks*, if these are not 0. With *compare*, the period before is
    included: *before*, or the one that ends where the period begins. With *whole*, there are sums of all
    groups together, too; what is in several teams counts once in them.
    """

    period: Period
    by: tuple[Dimension, ...] = ()
    interval: str = ""
    repos: frozenset[str] = frozenset()
    teams: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()
    environments: frozenset[str] = frozenset({PRODUCTION})
    compare: bool = False
    before: Period | None = None
    rolling_weeks: int = 0
    whole: bool = False
    teams_known: Teams = Teams()  # noqa: RUF009  it is never changed

    @classmethod
    def of(cls, selection: Selection) -> "SeriesQuestion":
        """Return the question about everything together that selects the same events."""
        return cls(
            selection.period,
            repos=_one(selection.repo),
            teams=_one(selection.team),
            services=_one(selection.service),
            environments=_one(selection.environment),
            teams_known=selection.teams,
        )

    def without_groups(self) -> "SeriesQuestion":
        """Return the same question about everything together, without buckets."""
        return replace(self, by=(), interval="", rolling_weeks=0, whole=False)

    def keys(self, target: DeployTarget) -> tuple[Key, ...]:
        """Return the groups of a target; none if a filter excludes it."""
        found = self._groups(target)
        return (*found, ALL) if found and self.whole and self.by else found

    def _groups(self, target: DeployTarget) -> tuple[Key, ...]:
        if self.repos and target.repo not in self.repos:
            return ()
        if self.services and (target.service or "") not in self.services:
            return ()
        if self.environments and target.environment not in self.environments:
            return ()
        if not (self.teams or TEAM in self.by):
            return (self._key(target, ""),)
        teams = self.teams_known.of(target.repo, target.service)
        wanted = [team for team in teams if not self.teams or team in self.teams]
        return tuple(self._key(target, team) for team in (wanted if TEAM in self.by else wanted[:1]))

    def _key(self, target: DeployTarget, team: str) -> Key:
        values = {
            TEAM: team,
            REPO: target.repo,
            SERVICE: target.service or "",
            ENVIRONMENT: target.environment or "",
        }
        return tuple(values[name] for name in self.by)

    def order(self, key: Key) -> tuple[tuple[int, str], ...]:
        """Return what groups are sorted by: teams as in the configuration, other names by the alphabet."""
        return tuple(
            (self.teams_known.position(value), "") if name == TEAM else (0, value)
            for name, value in zip(self.by, key, strict=True)
        )

    def selected(self, repos: Iterable[str], key: Key) -> list[str]:
        """Return those of *repos* whose events are those of a group, or of all groups, and begin its days.

        The beginning of a key is a group, too, such as a team. Examples begin no days but their own.
        """
        values = dict(zip(self.by, key, strict=False))
        teams = {values[TEAM]} if TEAM in values else self.teams
        return [
            repo
            for repo in repos
            if (repo in self.repos if self.repos else repo != EXAMPLE.repo or REPO in values)
            and values.get(REPO, repo) == repo
            and (not teams or not teams.isdisjoint(self.teams_known.ever_of(repo)))
        ]


def _one(name: str | None) -> frozenset[str]:
    return frozenset() if name is None else frozenset({name})


class Segment(NamedTuple):
    """The times from `began_at` to `last`, both included."""

    began_at: int
    last: int


class Plan(NamedTuple):
    """The segments of a question, in order, and what consists of them: each a range of their numbers.

    `rolling` has the span of the rolling values of each bucket, if they are asked for. The period `before` is
    None if it is not asked for. With it, `weeks` are the whole weeks of the period, and `weeks_before` those
    of the one before.
    """

    segments: tuple[Segment, ...]
    total: range
    before: Period | None
    total_before: range
    buckets: tuple[tuple[Bucket, range], ...]
    rolling: tuple[range, ...]
    weeks: tuple[tuple[Bucket, range], ...]
    weeks_before: tuple[tuple[Bucket, range], ...]


def plan(question: SeriesQuestion) -> Plan:
    """Cut the periods of a question. An interval that is too short stops one bucket past `MOST_NUMBERS`."""
    period = question.period
    unit = UNIT_BY_NAME.get(question.interval)
    buckets = trend.cut(period, unit, MOST_NUMBERS) if unit else ()
    before = (question.before or _period_before(period)) if question.compare else None
    weeks, weeks_before = ([], []) if before is None else (_whole_weeks(period), _whole_weeks(before))
    spans = _spans(question, buckets)
    edges = {period.began_at, *(bucket.period.began_at for bucket in (*buckets, *weeks, *weeks_before))}
    edges |= {week.period.ended_at for week in (*weeks, *weeks_before) if week.period.ended_at is not None}
    edges |= {span.began_at for span in spans}
    if before is not None:
        edges |= {before.began_at, before.until}
    last = period.now if period.ended_at is None else min(period.now, period.ended_at - 1)
    begins = sorted(edge for edge in edges if edge <= last)
    ends = [*(begin - 1 for begin in begins[1:]), last]

    def part(of: Period) -> range:
        end = len(begins) if of.ended_at is None else bisect_left(begins, of.ended_at)
        return range(bisect_left(begins, of.began_at), end)

    return Plan(
        segments=tuple(map(Segment, begins, ends)),
        total=range(bisect_left(begins, period.began_at), len(begins)),
        before=before,
        total_before=range(0) if before is None else part(before),
        buckets=tuple((bucket, part(bucket.period)) for bucket in buckets),
        rolling=tuple(map(part, spans)),
        weeks=tuple((week, part(week.period)) for week in weeks),
        weeks_before=tuple((week, part(week.period)) for week in weeks_before),
    )


def _spans(question: SeriesQuestion, buckets: Iterable[Bucket]) -> list[Period]:
    """Return the span of the rolling values of each bucket; none if they are not asked for."""
    if not question.rolling_weeks:
        return []
    span = timedelta(weeks=question.rolling_weeks)
    return [
        replace(one.period, began_at=max(rolling.begin_of(one.period, span), _EARLIEST)) for one in buckets
    ]


def _whole_weeks(period: Period) -> list[Bucket]:
    return [week for week in trend.cut(period, WEEK, MOST_NUMBERS) if week.whole]


def _period_before(period: Period) -> Period | None:
    """Return the period before, as long on the clock; None if it would begin before the calendar."""
    zone = period.zone
    try:
        length = local_time(period.until, zone) - local_time(period.began_at, zone)
        began_at = at_local_time(local_time(period.began_at, zone) - length, zone)
    except (OverflowError, ValueError):
        return None
    if began_at >= period.began_at:
        return None
    return Period(began_at, period.began_at, period.now, zone)


def cuts(planned: Plan, question: SeriesQuestion, window: int) -> Cuts:
    """Return where the rows of a question are cut: at each segment, and where deploys are not settled."""
    edges = [*(segment.began_at for segment in planned.segments), planned.segments[-1].last + 1]
    return Cuts.of(edges, question.period.now, window)


def add_up(found: Columns, question: SeriesQuestion, where: Cuts) -> Sums:
    """Add up deploys and incidents by the groups of a question."""
    return Sums(found, [question.keys(target_of(text)) for text in found.targets], where)


def ordered(question: SeriesQuestion, planned: Plan, sums: Sums) -> list[Key]:
    """Return the groups in order: those with a deploy, or an incident of no deploy, in the period.

    Without a dimension there is always one group.
    """
    if not question.by:
        return [ALL]
    return sorted((key for key in sums.keys(planned.total) if key != ALL), key=question.order)


class Summary(NamedTuple):
    """The figures of a period and of the one before, and what became of them; None without a comparison."""

    total: Figures
    before: Figures | None
    change: SeriesChange | None


def summary(
    question: SeriesQuestion, planned: Plan, sums: Sums, keys: Sequence[Key], first: int | None
) -> Summary:
    """Return the figures of some groups together; their *first* event begins the days that count.

    What became of them is left out, since it takes all groups of the answer: see `changes`.
    """
    return summaries(question, planned, sums, [keys], [first])[0]


def summaries(
    question: SeriesQuestion,
    planned: Plan,
    sums: Sums,
    groups: Sequence[Sequence[Key]],
    firsts: Sequence[int | None],
) -> list[Summary]:
    """Return the `summary` of each of several groups, which is faster for all at once."""
    sums.pool(*(period for period in (question.period, planned.before) if period is not None))

    def figures(part: range, period: Period) -> list[Figures]:
        found = sums.together(groups, part)
        pools = [sums.pools(keys, period) for keys in groups]
        return [_figures(*one) for one in zip(found, spreads(found), repeat(period), firsts, pools)]

    total = figures(planned.total, question.period)
    before = figures(planned.total_before, planned.before) if planned.before else [None] * len(total)
    return [Summary(*both, None) for both in zip(total, before, strict=True)]


def differences(
    planned: Plan, sums: Sums, groups: Sequence[Sequence[Key]], firsts: Sequence[int | None]
) -> list[tuple[Difference, ...]]:
    """Return how each figure of each of some groups differs from the period before; () without one.

    Several keys make a group, and its *first* event begins the weeks that count.
    """
    if planned.before is None:
        return [()] * len(groups)
    before = _sides(sums, groups, firsts, planned.total_before, planned.weeks_before)
    now = _sides(sums, groups, firsts, planned.total, planned.weeks)
    return list(map(tallies.differences, before, now))


def apart(planned: Plan, sums: Sums, keys: Sequence[Key], firsts: Sequence[int | None]) -> SeriesChange:
    """Say how the second of two groups differs from the first one in the period."""
    one, other = _sides(sums, [(key,) for key in keys], firsts, planned.total, planned.weeks)
    return tallies.changes(clear(tallies.differences(one, other)))


def _sides(
    sums: Sums,
    groups: Sequence[Sequence[Key]],
    firsts: Sequence[int | None],
    part: range,
    weeks: Sequence[tuple[Bucket, range]],
) -> Iterable[Side]:
    every = sums.deploys(groups, [of for _, of in weeks])
    deploys = (of_each[_not_observed(weeks, first) :] for of_each, first in zip(every, firsts, strict=True))
    return map(Side, sums.together(groups, part), sums.drawn(groups, part), deploys)


def changes(
    found: Sequence[tuple[Difference, ...]], others: Sequence[Difference] = ()
) -> tuple[list[SeriesChange | None], list[Verdict]]:
    """Return what became of the figures of each group of an answer, and the word for each other difference.

    *found* has the `differences` of each group, and *others* what else the answer compares.
    """
    words, five = clear([*chain.from_iterable(found), *others]), len(FIGURES)
    changed = [
        tallies.changes(words[number * five :][:five]) if one else None for number, one in enumerate(found)
    ]
    return changed, words[len(words) - len(others) :]


class Clear(NamedTuple):
    """What is clear in an overview: changes, and rows whose fail rate differs from the common one.

    `changes` has each row by its key, each team by its name alone, and all together as `ALL`.
    """

    changes: Mapping[Key, SeriesChange | None]
    apart: Sequence[Key]


def clear_of(
    question: SeriesQuestion, planned: Plan, sums: Sums, keys: Sequence[Key], firsts: Mapping[str, int]
) -> Clear:
    """Say what is clear in an overview by team and repository: one false alarm is as bad as another."""
    groups: defaultdict[Key, list[Key]] = defaultdict(list, {ALL: [ALL]})
    for key in keys:
        if question.teams_known:
            groups[key[:1]].append(key)
        groups[key].append(key)
    every, others = sums.over(ALL, planned.total), {}
    begun = [first_of(question, firsts, group) for group in groups]
    found = differences(planned, sums, list(groups.values()), begun)
    for group in groups:
        if len(group) == len(question.by):
            total = sums.over(group, planned.total)
            others[group] = of_failures(compare_with_all, every, total)
    changed, words = changes(found, list(others.values()))
    apart = [row for row, word in zip(others, words, strict=True) if is_clear(word)]
    return Clear(dict(zip(groups, changed, strict=True)), apart)


def buckets(
    planned: Plan, sums: Sums, keys: Sequence[Key], firsts: Sequence[int | None]
) -> list[tuple[SeriesBucket, ...]]:
    """Return the figures of each bucket of some groups."""
    found = sums.each(keys, [part for _, part in planned.buckets])
    rolled: Sequence[Rolling | None] = [None] * len(found)
    if planned.rolling:
        began = [_text(planned.segments[part.start].began_at) for part in planned.rolling]
        rolled = rolling.rolling_of(sums.each(keys, planned.rolling), began * len(keys))
    each = zip(found, spreads(found), rolled, strict=True)
    return [tuple(_bucket(bucket, first, *next(each)) for bucket, _ in planned.buckets) for first in firsts]


def _bucket(
    bucket: Bucket, first: int | None, found: Tally, spread: Spread, with_rolling: Rolling | None
) -> SeriesBucket:
    period = bucket.period
    figures = _figures(found, spread, period, first)
    return SeriesBucket(
        figures.deployment_frequency,
        figures.change_lead_time,
        figures.change_fail_rate,
        figures.failed_deployment_recovery_time,
        figures.deployment_rework_rate,
        _text(period.began_at),
        None if period.ended_at is None else _text(period.ended_at),
        bucket.whole,
        with_rolling,
    )


def first_of(question: SeriesQuestion, firsts: Mapping[str, int], key: Key) -> int | None:
    """Return the time of the first event of a group, or of all groups."""
    by = question.by[: len(key)]
    repos = {key[by.index(REPO)]} & firsts.keys() if REPO in by else firsts
    return min((firsts[repo] for repo in question.selected(repos, key)), default=None)


def _not_observed(weeks: Sequence[tuple[Bucket, range]], first: int | None) -> int:
    """Return how many weeks, in order, begin before they were observed."""
    observed = (week.period.observed_from(first) == week.period.began_at for week, _ in weeks)
    return next((number for number, is_observed in enumerate(observed) if is_observed), len(weeks))


def _figures(
    found: Tally, spread: Spread, period: Period, first: int | None, pools: Pools | None = None
) -> Figures:
    """Return the figures of a sum; the *first* event begins the days that count."""
    observed_from = period.observed_from(first)
    since = None if observed_from in (None, period.began_at) else _text(observed_from)
    return figures_of(found, _days(period, observed_from), since, pools, spread)


@lru_cache(maxsize=4096)  # each group has the buckets of the others
def _days(period: Period, observed_from: int | None) -> float:
    return period.days_since(observed_from)


@lru_cache(maxsize=4096)  # each group has the buckets of the others
def _text(at: int) -> str:
    return text_of(from_us(at))
