"""How many deploys failed by chance alone: incidents that no deploy caused come at any time. Pure.

An incident that a deploy caused comes soon after it. One that none caused comes as often in the half of all
moments that is *long after* the last deploy as in the half that is *soon after* one. So the incidents of a
target that came long after a deploy say how many came by chance, and how many deploys have one by chance.

People deploy in office hours, and load causes incidents then. So moments are compared twice: with all of the
period, and with those of the same hour and weekday in other weeks. The middle of both is the answer.

Targets are numbers, as in `columns`. Times and durations are whole microseconds.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from math import log1p
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gitdailies_dora.figures.answers.columns import (
    Columns,
    Durations,
    Index,
    Rows,
    begins_of,
    positions,
    sums_between,
)
from gitdailies_dora.figures.answers.selection import Period, at_local_time, local_time
from gitdailies_dora.figures.cores import at_once
from gitdailies_dora.figures.history.facts import EVIDENCE, TIME

Numbers: TypeAlias = NDArray[np.float64]

# With fewer incidents in all pools, the estimate is not worth saying.
LEAST_INCIDENTS = 4
# In a shorter period, hardly a moment has the same hour and weekday in another week. In a longer one, the
# first week says little about the last one, and there are too many to compare.
_LEAST_DAYS, _MOST_DAYS = 14, 366
_CONFIDENCE = 0.975
_HOUR = 3_600_000_000
_HOURS_A_WEEK = 168
_NEVER = 2**62
# Pairs of an incident and a week that are compared at once: a few MiB.
_MOST_PAIRS = 100_000
# Deploys that a core counts at once: arrays of this size fit into its cache.
_MOST_DEPLOYS = 50_000
# Beyond this a sum would overflow, and every deploy failed by chance long before.
_MOST_EXPECTED = 50.0


class Shares(NamedTuple):
    """The target of each incident in a pool, and the share of all moments that are sooner after a deploy."""

    target: Durations
    share: Numbers


NO_SHARES = Shares(np.empty(0, np.int64), np.empty(0))


class Pools(NamedTuple):
    """What the incidents of targets say about chance in a period, with one entry for each target.

    `incidents` are those that may have come by chance, `observed` the time, and `gaps` the time after settled
    deploys that did not fail. `blind` counts deploys that failed by time alone, of targets where no settled
    deploy did not fail: nothing says what chance did there. `late` counts incidents that came long after a
    deploy, and `expected` the deploys that failed by chance. Both have a row for each comparison. `shares`
    are of all targets, and of none where only some are asked for.
    """

    incidents: Numbers
    observed: Numbers
    gaps: Numbers
    blind: Numbers
    late: Numbers
    expected: Numbers
    shares: Shares = NO_SHARES

    def of(self, targets: Index) -> "Pools":
        """Return the pools of some targets."""
        incidents, observed, gaps, blind, late, expected = (one[..., targets] for one in self[:6])
        return Pools(incidents, observed, gaps, blind, late, expected)

    def by_chance(self, by_time: int) -> float | None:
        """Return how many of *by_time* deploys, whose only evidence is time, failed by chance alone."""
        if not by_time:
            return 0.0
        if self.incidents.sum() < LEAST_INCIDENTS:
            return None
        return float(np.minimum(self.expected.sum(axis=1), by_time).mean())

    def most_by_chance(self, by_time: int) -> int:
        """Return how many of *by_time* deploys chance alone may have made fail, in 39 of 40 cases."""
        most = max(
            self._most(late, expected, by_time)
            for late, expected in zip(self.late, self.expected, strict=True)
        )
        return min(most + int(self.blind.sum()), by_time)

    def _most(self, late: Numbers, expected: Numbers, by_time: int) -> int:
        """Return the upper bound of a negative binomial distribution, at most *by_time*.

        Each target has a number of incidents, and each incident has a weight in deploys.
        """
        if not by_time:
            return 0
        total, has_any = float(expected.sum()), late > 0
        if total:
            weight = float((expected[has_any] ** 2 / late[has_any]).sum()) / total
            size = total / weight + 0.5
        else:
            observed = float(self.observed.sum())
            weight, size = 2 * float(self.gaps.sum()) / observed if observed else 0.0, 0.5
        if not weight:
            return 0
        numbers = np.arange(by_time)
        # Logarithms, since the first probability of a large number is too small for a float.
        steps = np.log((numbers[:-1] + size) / (numbers[:-1] + 1) * (weight / (1 + weight)))
        below = np.cumsum(np.exp(np.append(0, np.cumsum(steps)) - size * log1p(weight)))
        return int(np.searchsorted(below, _CONFIDENCE))


def shown_rate(deploys: float, incidents: float, fails: float, window_days: float) -> float:
    """Return the rate of deploys that fail, or that only an incident of no deploy follows within a window.

    There are *deploys* a day and *incidents* of no deploy a week, both at any moment. *fails* is the rate
    of those that fail. An incident counts against the latest deploy before it.
    """
    outside = incidents / 7
    # What comes next, a deploy or an incident, and whether within the window.
    either = deploys + outside
    by_chance = -math.expm1(-either * window_days) * outside / either if outside else 0.0
    return fails + (1 - fails) * by_chance


class Timeline:
    """The deploys of each target in order, and when the `next` one is. Each target `begins` at a position.

    If several are at one instant, all except the last one last no time.
    """

    def __init__(
        self, keys: Durations, origin: int, span: int, targets: int, following: Durations | None = None
    ) -> None:
        # A target and a time are one number. Together they fit: thirty years of nine thousand targets.
        self._keys, self._origin, self.span, self.targets = keys, origin, span, targets
        numbers = np.arange(targets + 1)
        self.begins = np.searchsorted(keys, numbers * span)
        self.target = np.repeat(numbers[:-1], np.diff(self.begins))
        # What the key of a deploy has of its target.
        self.of_target = self.target * span
        self.at = keys - self.of_target + origin
        self.next = self._following() if following is None else following

    @classmethod
    def some_at_once(
        cls, found: Columns, now: int, chosen: NDArray[np.bool_]
    ) -> "Iterator[Callable[[], Timeline]]":
        """Yield functions that make the lines of *chosen* targets up to *now*, each of some targets."""
        deploys, around = found.deploys, found.around
        keys = np.concatenate(
            [np.repeat(deploys["target"], deploys["deploys"]), around["target"]], dtype=np.int64
        )
        at = np.concatenate([found.times, around["at"]])
        origin = int(at.min(initial=now))
        span = now - origin + 1
        if not chosen.all():
            mine = chosen[keys]
            keys, at = keys[mine], at[mine]
        keys *= span
        keys += at
        keys -= origin
        del at
        keys.sort()
        begins = np.searchsorted(keys, np.arange(len(found.targets)) * span)
        firsts = np.unique(begins // _MOST_DEPLOYS, return_index=True)[1]
        for part in np.split(keys, begins[firsts[1:]]):
            yield partial(cls, part, origin, span, len(found.targets))

    def _following(self) -> Durations:
        found: Durations = np.append(self.at[1:], _NEVER)[: len(self.at)]
        found[self.begins[1:][np.diff(self.begins) > 0] - 1] = _NEVER
        return found

    def during(self, period: Period, behind: int) -> "Timeline":
        """Return the deploys that are the last ones at any time of a period, which is over at *behind*."""
        mine = (self.next >= period.began_at) & (self.at < behind)
        if mine.all():
            return self
        return Timeline(self._keys[mine], self._origin, self.span, self.targets, self.next[mine])

    def sums(self, values: NDArray[Any]) -> Numbers:
        """Return the sum of the values of each target, one for each deploy; they are whole numbers."""
        return sums_between(values, self.begins).astype(np.float64)

    def _key(self, target: NDArray[Any], at: Durations) -> Durations:
        return target.astype(np.int64) * self.span + (at - self._origin)

    def last(self, target: NDArray[Any], at: Durations) -> Index:
        """Return the position of the latest deploy of each target at a time or before it; -1 for none."""
        keys = self._key(target, at)
        # Neighbors are found in the same part of the memory.
        order, found = np.argsort(keys), np.empty(len(keys), np.intp)
        found[order] = np.searchsorted(self._keys, keys[order], "right") - 1
        known = np.flatnonzero(found >= 0)
        found[known[self.target[found[known]] != target[known]]] = -1
        return found

    def rows_of(self, rows: Rows) -> Rows:
        """Return the rows of these targets; *rows* are in order of the target."""
        begin = np.searchsorted(rows["target"], self.target[:1]).sum()
        return rows[begin : np.searchsorted(rows["target"], self.target[-1:], "right").sum()]

    def those_of(self, rows: Rows) -> Index:
        """Return the positions of deploys that have rows of their own, in any order."""
        keys = np.sort(self._key(rows["target"], rows["at"]))
        behind = np.searchsorted(self._keys, keys, "right")
        keys, at = keys[behind > 0], behind[behind > 0] - 1
        found: Index = at[self._keys[at] == keys]
        return found

    def first_at(self, target: NDArray[Any]) -> Durations:
        """Return the time of the first deploy of each target, which has one."""
        return self.at[np.searchsorted(self._keys, target * self.span)]

    def between(self, target: NDArray[Any], first: Durations, behind: Durations) -> tuple[Index, Index]:
        """Return the positions after that of *first* up to before that of *behind*: begins and counts."""
        begins = np.searchsorted(self._keys, self._key(target, first), "right")
        return begins, np.searchsorted(self._keys, self._key(target, behind), "left") - begins


class _Suspects(NamedTuple):
    """Incidents that may have come by chance: target, time, and how long after the last deploy of it.

    They are in order of the target, and of how long after.
    """

    target: Durations
    at: Durations
    after: Durations


def pools(found: Columns, lines: Sequence[Callable[[], Timeline]], period: Period, window: int) -> Pools:
    """Return the pools of a period, of the targets of *lines* with a deploy in it; zeros for all others."""
    first, now = period.began_at, period.now
    behind = now + 1 if period.ended_at is None else min(period.ended_at, now + 1)
    rows = found.incidents
    rows = rows[(rows["chance"] == 1) & (rows["at"] >= first) & (rows["at"] < behind)]
    incidents, failures = (one.take(np.argsort(one["target"])) for one in (rows, found.failures))
    mine = found._replace(incidents=incidents, failures=failures)
    parts = at_once(lambda line: _pools(mine, line().during(period, behind), period, window), lines)
    *sums, shares = zip(*parts, strict=True)
    of_all = (np.sum(of_some, axis=0) for of_some in sums)
    all_ = Pools._make((*of_all, Shares(*map(np.concatenate, zip(*shares, strict=True)))))
    return all_._replace(blind=_blind(found.failures, all_.gaps == 0, first, min(behind, now - window + 1)))


def _pools(found: Columns, line: Timeline, period: Period, window: int) -> Pools:
    """Return the pools of one line; *found* has its incidents and failures in order of the target."""
    number, now, until = len(found.targets), period.now, period.until
    inside = line.at >= period.began_at
    here = line.sums(inside) > 0
    ends = np.minimum(line.next, until)
    observed = (ends - np.maximum(line.at, period.began_at)) * here[line.target]

    def added(values: NDArray[Any], target: NDArray[Any]) -> Numbers:
        return np.bincount(target, weights=values, minlength=number).astype(np.float64)

    in_all = line.sums(observed)
    suspects = _suspects(found, line, here)
    of = suspects.target
    sooner = _sooner_in_all(suspects, line, ends, observed)
    late = [_halves(sooner, in_all[of].astype(np.int64))]
    shares = Shares(of, np.where(in_all[of] > 0, sooner / np.maximum(in_all[of], 1), 0.5))
    rates = [_ratio(2 * added(late[0], of), in_all)]
    if _LEAST_DAYS <= period.days <= _MOST_DAYS:
        in_hours, near = _late_in_same_hours(suspects, line, period, window)
        late.append(in_hours)
        soon = np.minimum(ends, line.at + window) - np.maximum(line.at, period.began_at)
        rates.append(_ratio(2 * added(in_hours * near, of), line.sums(np.maximum(soon, 0))))
    lates = np.array([added(one, of) for one in late])
    judged = inside & (line.at <= now - window)
    judged[line.those_of(line.rows_of(found.failures))] = False
    gaps = np.minimum(line.next - line.at, window) * judged
    expected = [
        added(np.expm1(np.minimum(rate[line.target] * gaps, _MOST_EXPECTED)), line.target) for rate in rates
    ]
    incidents = added(np.ones(len(of)), of)
    return Pools(incidents, in_all, line.sums(gaps), np.zeros(number), lates, np.array(expected), shares)


def _blind(failures: Rows, targets: NDArray[np.bool_], first: int, behind: int) -> Numbers:
    """Return for each of some targets how many deploys from *first* on failed by time alone."""
    rows = failures[(failures["at"] >= first) & (failures["at"] < behind)]
    rows = rows[(rows["evidence"] == EVIDENCE.index(TIME)) & targets[rows["target"]]]
    return np.bincount(rows["target"], minlength=len(targets)).astype(np.float64)


def _suspects(found: Columns, line: Timeline, here: NDArray[np.bool_]) -> _Suspects:
    rows = line.rows_of(found.incidents)
    rows = rows[here[rows["target"]]]
    last = line.last(rows["target"], rows["at"])
    target, at = rows["target"].astype(np.int64), rows["at"]
    after, known = at - line.at[last], np.flatnonzero(last >= 0)
    known = known[np.argsort((target * line.span + after)[known])]
    return _Suspects(target[known], at[known], after[known])


def _halves(shorter: Durations, whole: Durations) -> Numbers:
    """Return 1 where more than half of the moments are shorter after a deploy, ½ where it is just half."""
    found: Numbers = (np.sign(2 * shorter - whole) + 1) / 2
    return found


def _sooner_in_all(suspects: _Suspects, line: Timeline, ends: Durations, observed: Durations) -> Durations:
    """Return how much of the observed time of its target is sooner after a deploy than each incident."""
    lasted = (ends - line.at) * (observed > 0)
    # The first one may have begun before the period.
    before = sums_between(lasted - observed, line.begins)
    lasted += line.of_target
    lasted.sort()
    sums, begins = begins_of(lasted - line.of_target), line.begins
    of, after = suspects.target, suspects.after
    shorter = np.searchsorted(lasted, of * line.span + after)
    time: Durations = sums[shorter] - sums[begins[of]] + after * (begins[of + 1] - shorter)
    time -= np.minimum(after, before[of])
    return time


def _ratio(part: Numbers, whole: Numbers) -> Numbers:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _late_in_same_hours(
    suspects: _Suspects, line: Timeline, period: Period, window: int
) -> tuple[Numbers, Numbers]:
    """Compare incidents with the moments of the same hour and weekday in the other weeks.

    Return also which part of these moments is within the window of a deploy.
    """
    edges = _hours(period)
    weeks = (len(edges) - 1) // _HOURS_A_WEEK
    begins, ends = (
        np.ascontiguousarray(side.reshape(weeks, _HOURS_A_WEEK).T) for side in (edges[:-1], edges[1:])
    )
    step = max(_MOST_PAIRS // weeks, 1)
    parts = [
        _Suspects(*(values[at : at + step] for values in suspects)) for at in range(0, len(suspects.at), step)
    ]
    found, near = [np.empty(0)], [np.empty(0)]
    for part in parts:
        week, hour = np.divmod(np.searchsorted(edges, part.at, "right") - 1, _HOURS_A_WEEK)
        since = np.maximum(line.first_at(part.target), period.began_at)
        low = np.minimum(np.maximum(begins[hour], since[:, None]), period.until)
        high = np.maximum(np.minimum(ends[hour], period.until), low)
        high[np.arange(len(week)), week] = low[np.arange(len(week)), week]
        whole = (high - low).sum(axis=1)
        halves = _halves(_shorter(part.target, part.after, line, low, high), whole)
        late, share = np.flatnonzero((halves > 0) & (whole > 0)), np.zeros(len(week))
        windows = np.full(len(late), window)
        share[late] = _shorter(part.target[late], windows, line, low[late], high[late]) / whole[late]
        found.append(halves)
        near.append(share)
    return np.concatenate(found), np.concatenate(near)


def _shorter(of: Durations, after: Durations, line: Timeline, low: Durations, high: Durations) -> Durations:
    """Return for how long, in the spans of each suspect, the last deploy is less long ago than for it."""
    shape, each = low.shape, low.shape[1]
    target, after, low, high = np.repeat(of, each), np.repeat(after, each), low.ravel(), high.ravel()
    last = line.last(target, low)
    found = np.clip(after - (low - line.at[last]), 0, np.minimum(line.next[last], high) - low)
    # Of the few spans with a deploy inside, also what follows each of these.
    several = np.flatnonzero(line.next[last] < high)
    begins, counts = line.between(target[several], low[several], high[several])
    deploys, spans = positions(begins, counts), np.repeat(several, counts)
    ends = np.minimum(line.next[deploys], high[spans])
    np.add.at(found, spans, np.minimum(after[spans], ends - line.at[deploys]))
    sums: Durations = found.reshape(shape).sum(axis=1)
    return sums


def _hours(period: Period) -> Durations:
    """Return when each clock hour of the weeks of a period begins, and when the last one ends."""
    shown = local_time(period.began_at, period.zone)
    monday = shown.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=shown.weekday())
    weeks = (local_time(period.until, period.zone) - monday) // timedelta(weeks=1) + 1
    dates = [monday + timedelta(days=day) for day in range(7 * weeks + 1)]
    days = np.array([at_local_time(date, period.zone) for date in dates], np.int64)
    edges = days[:-1, None] + np.arange(24) * _HOUR
    for day in np.flatnonzero(np.diff(days) != 24 * _HOUR):
        hours = [at_local_time(dates[day] + timedelta(hours=hour), period.zone) for hour in range(24)]
        edges[day] = np.clip(hours, days[day], days[day + 1])
    return np.append(edges.ravel(), days[-1])
