"""A series: the figures of groups, such as teams and repositories, for each week or another unit.

```text
question ─► plan      the period and the one before, cut at every moment that an answer needs
rows ─► a sum for each group and segment ─► answer     totals, buckets, and what changed
```

Segments are the parts between two cuts. Buckets, whole weeks and both periods consist of segments, so that
each row is added up once.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import dropwhile
from typing import Any, NamedTuple

from gitdailies_core.values.times import text_of
from gitdailies_server.storage.timestamps import from_us, to_us

from gitdailies_webhooks.figures import rolling, trend
from gitdailies_webhooks.figures.columns import Columns, place_of
from gitdailies_webhooks.figures.comparison import MANY_ROWS, ONE_PAGE
from gitdailies_webhooks.figures.events import Place
from gitdailies_webhooks.figures.selection import Period, Selection, at_local_time, local_time
from gitdailies_webhooks.figures.settings import PRODUCTION
from gitdailies_webhooks.figures.sums import Cuts, Key, Sums
from gitdailies_webhooks.figures.tally import Side, Spread, Tally, changes, numbers
from gitdailies_webhooks.figures.teams import Teams
from gitdailies_webhooks.figures.trend import INTERVALS, WEEK, Bucket

TEAM, REPO, SERVICE, ENVIRONMENT = "team", "repo", "service", "environment"
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
    """What a series is asked for; names are folded, and an empty filter includes all.

    *by* names dimensions, in the order of `DIMENSIONS`. *interval* is a name of `INTERVALS`, or "". Each
    bucket has rolling values of *rolling_weeks*, if these are not 0. With *compare*, the period before is
    included. With *whole*, there are sums of all groups together, too; what is in several teams counts once
    in them.
    """

    period: Period
    by: tuple[str, ...] = ()
    interval: str = ""
    repos: frozenset[str] = frozenset()
    teams: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()
    environments: frozenset[str] = frozenset({PRODUCTION})
    compare: bool = False
    rolling_weeks: int = 0
    whole: bool = False
    teams_known: Teams = Teams()  # noqa: RUF009  it is never changed

    @classmethod
    def of(cls, selection: Selection) -> SeriesQuestion:
        """Return the question about everything together that selects the same events."""
        return cls(
            selection.period,
            repos=_one(selection.repo),
            teams=_one(selection.team),
            services=_one(selection.service),
            environments=_one(selection.environment),
            teams_known=selection.teams,
        )

    def without_groups(self) -> SeriesQuestion:
        """Return the same question about everything together, without buckets."""
        return replace(self, by=(), interval="", rolling_weeks=0, whole=False)

    @property
    def is_filtered(self) -> bool:
        """Whether some places of an environment may be in no group."""
        return bool(self.repos or self.teams or self.services)

    @property
    def is_about_places(self) -> bool:
        """Whether the groups of a place depend on more than its environment."""
        return self.is_filtered or not {ENVIRONMENT}.issuperset(self.by)

    def keys(self, place: Place) -> tuple[Key, ...]:
        """Return the groups of a place; none if a filter excludes it."""
        found = self._groups(place)
        return (*found, ALL) if found and self.whole and self.by else found

    def _groups(self, place: Place) -> tuple[Key, ...]:
        if self.repos and place.repo not in self.repos:
            return ()
        if self.services and (place.service or "") not in self.services:
            return ()
        if self.environments and place.environment not in self.environments:
            return ()
        if not (self.teams or TEAM in self.by):
            return (self._key(place, ""),)
        teams = self.teams_known.of(place.repo, place.service)
        wanted = [team for team in teams if not self.teams or team in self.teams]
        return tuple(self._key(place, team) for team in (wanted if TEAM in self.by else wanted[:1]))

    def _key(self, place: Place, team: str) -> Key:
        values = {
            TEAM: team,
            REPO: place.repo,
            SERVICE: place.service or "",
            ENVIRONMENT: place.environment,
        }
        return tuple(values[name] for name in self.by)

    def order(self, key: Key) -> tuple[tuple[int, str], ...]:
        """Return what groups are sorted by: teams as in the configuration, other names by the alphabet."""
        return tuple(
            (self.teams_known.position(value), "") if name == TEAM else (0, value)
            for name, value in zip(self.by, key, strict=True)
        )

    def selected(self, repos: Iterable[str], key: Key) -> list[str]:
        """Return those of *repos* whose events are those of a group, or of all groups, and begin its days."""
        values = dict(zip(self.by, key, strict=True)) if key else {}
        teams = {values[TEAM]} if TEAM in values else self.teams
        return [
            repo
            for repo in repos
            if (not self.repos or repo in self.repos)
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
    unit = INTERVALS.get(question.interval)
    buckets = trend.cut(period, unit, MOST_NUMBERS) if unit else ()
    before = _period_before(period) if question.compare else None
    weeks, weeks_before = ([], []) if before is None else (_whole_weeks(period), _whole_weeks(before))
    spans = _spans(question, buckets)
    edges = {period.began_at, *(bucket.period.began_at for bucket in (*buckets, *weeks, *weeks_before))}
    edges |= {week.period.ended_at for week in (*weeks, *weeks_before) if week.period.ended_at is not None}
    edges |= {span.began_at for span in spans}
    if before is not None:
        edges.add(before.began_at)
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
    return Cuts.of(edges, question.period.now - window)


def add_up(found: Columns, question: SeriesQuestion, where: Cuts) -> Sums:
    """Add up deploys and incidents by the groups of a question."""
    return Sums(found, [question.keys(place_of(text)) for text in found.places], where)


def answer(
    question: SeriesQuestion,
    planned: Plan,
    sums: Sums,
    keys: Sequence[Key],
    firsts: Mapping[str, int],
    confidence: float,
) -> list[dict[str, Any]]:
    """Return the groups *keys*, each with its values as `key`.

    *firsts* are the times of the first event of each repository.
    """
    heads = [_head(bucket) for bucket, _ in planned.buckets]
    return [_group(question, planned, heads, sums, key, firsts, confidence) for key in keys]


def ordered(question: SeriesQuestion, planned: Plan, sums: Sums) -> list[Key]:
    """Return the groups in order: those with a deploy, or an incident of no deploy, in the period.

    Without a dimension there is always one group.
    """
    if not question.by:
        return [ALL]
    return sorted((key for key in sums.keys(planned.total) if key != ALL), key=question.order)


def confidence_of(keys: Sequence[Key]) -> float:
    """Return the confidence of comparisons: higher for many groups, since one in twenty would differ."""
    return ONE_PAGE if len(keys) <= 1 else MANY_ROWS


class Summary(NamedTuple):
    """The figures of a period and of the one before, and what became of them; None without a comparison."""

    total: dict[str, Any]
    before: dict[str, Any] | None
    change: dict[str, str] | None


def summary(
    question: SeriesQuestion,
    planned: Plan,
    sums: Sums,
    keys: Sequence[Key],
    first: int | None,
    confidence: float,
) -> Summary:
    """Return the figures of some groups together; their *first* event begins the days that count."""
    total = sums.together(keys, planned.total)
    shown = _numbers(total, question.period, first)
    if planned.before is None:
        return Summary(shown, None, None)
    before = sums.together(keys, planned.total_before)

    def side(tally: Tally, part: range, weeks: Iterable[tuple[Bucket, range]]) -> Side:
        return Side(tally, sums.drawn(keys, part), sums.deploys(keys, _observed(weeks, first)))

    change = changes(
        side(before, planned.total_before, planned.weeks_before),
        side(total, planned.total, planned.weeks),
        confidence,
    )
    return Summary(shown, _numbers(before, planned.before, first), change)


def first_of(question: SeriesQuestion, firsts: Mapping[str, int], key: Key) -> int | None:
    """Return the time of the first event of a group, or of all groups."""
    repos: Iterable[str] = firsts
    if key and REPO in question.by:
        repos = {key[question.by.index(REPO)]} & firsts.keys()
    return min((firsts[repo] for repo in question.selected(repos, key)), default=None)


class _Head(NamedTuple):
    """What a bucket has in each group: its times as they are shown, and its days if all are observed."""

    shown: dict[str, Any]
    days: float


def _head(bucket: Bucket) -> _Head:
    period = bucket.period
    ended = None if period.ended_at is None else _text(period.ended_at)
    return _Head({"from": _text(period.began_at), "to": ended, "whole": bucket.whole}, period.days)


def _group(  # noqa: PLR0917  what all groups have in common comes first
    question: SeriesQuestion,
    planned: Plan,
    heads: Sequence[_Head],
    sums: Sums,
    key: Key,
    firsts: Mapping[str, int],
    confidence: float,
) -> dict[str, Any]:
    first = first_of(question, firsts, key)
    found = summary(question, planned, sums, (key,), first, confidence)
    compared = {"before": found.before, "change": found.change} if question.compare else {}
    rolled = [
        {
            "rolling": {
                "from": _text(planned.segments[part.start].began_at),
                **rolling.rolling_numbers(sums.over(key, part)),
            }
        }
        for part in planned.rolling
    ] or [{}] * len(planned.buckets)
    spreads = sums.spreads(key, [part for _, part in planned.buckets])
    buckets = [
        {
            **head.shown,
            **_numbers(sums.over(key, part), bucket.period, first, days=head.days, spread=spread),
            **with_rolling,
        }
        for (bucket, part), head, spread, with_rolling in zip(
            planned.buckets, heads, spreads, rolled, strict=True
        )
    ]
    return {"key": key, "total": found.total, **compared, "buckets": buckets}


def _observed(weeks: Iterable[tuple[Bucket, range]], first: int | None) -> list[range]:
    """Return the weeks that were observed from their beginning on; they are in order."""

    def is_observed(week: Period) -> bool:
        return week.observed_from(first) == week.began_at

    return [part for _, part in dropwhile(lambda week: not is_observed(week[0].period), weeks)]


def _numbers(
    found: Tally,
    period: Period,
    first: int | None,
    *,
    days: float | None = None,
    spread: Spread | None = None,
) -> dict[str, Any]:
    """Return the figures of a sum; the *days* of the period and the *spread* are given if they are known."""
    observed_from = period.observed_from(first)
    if observed_from == period.began_at:
        return numbers(found, period.days if days is None else days, None, spread)
    since = None if observed_from is None else _text(observed_from)
    return numbers(found, period.days_since(observed_from), since, spread)


def _text(at: int) -> str:
    return text_of(from_us(at))
