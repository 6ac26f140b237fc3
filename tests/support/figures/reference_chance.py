"""What chance did to deploys, a second time: slowly, one incident and one hour of the clock after another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta, tzinfo
from math import exp, expm1, lgamma, log
from typing import NamedTuple

HOUR = timedelta(hours=1)
Moments = Callable[[datetime], Iterable[tuple[datetime, datetime]]]


class Target(NamedTuple):
    """The instants of the deploys of a target, of those that are settled and did not fail, and incidents."""

    deploys: Sequence[datetime]
    good: Sequence[datetime]
    incidents: Sequence[datetime]


class Found(NamedTuple):
    """Of one target and one comparison: k, b, the sum of the gaps and the observed time."""

    k: float
    b: float
    gaps: float
    observed: float


class Chance(NamedTuple):
    """The middle of what chance did, None if nobody can say, and the most that it may have done."""

    number: float | None
    most: int


def chance(
    targets: Sequence[Target], by_time: int, span: tuple[datetime, datetime], window: timedelta, zone: tzinfo
) -> Chance:
    began, until = span
    clock = until.astimezone(zone).replace(tzinfo=None) - began.astimezone(zone).replace(tzinfo=None)
    passes = [[_target(one, began, until, window, None) for one in targets]]
    if clock >= timedelta(days=14):
        passes.append([_target(one, began, until, window, zone) for one in targets])
    bounds = [min(_bound(found), by_time) for found in passes]
    known = sum(len(one.incidents) for one in targets)
    number: float | None = sum(min(sum(t.b for t in found), by_time) for found in passes) / len(passes)
    if not by_time:
        number = 0
    elif known < 4:
        number = None
    return Chance(number, max(bounds))


def _target(one: Target, began: datetime, until: datetime, window: timedelta, zone: tzinfo | None) -> Found:
    since = max(began, one.deploys[0])
    observed = max((until - since).total_seconds(), 0)

    def everything(_: datetime) -> list[tuple[datetime, datetime]]:
        return [(since, until)]

    def same_hours(at: datetime) -> list[tuple[datetime, datetime]]:
        hour = since.replace(minute=0, second=0, microsecond=0)
        found = []
        while hour < until:
            if _slot(hour, zone) == _slot(at, zone) and _week(hour, zone) != _week(at, zone):
                found.append((max(hour, since), min(hour + HOUR, until)))
            hour += HOUR
        return found

    moments = everything if zone is None else same_hours
    k = sum(_late(one.deploys, at, moments) for at in one.incidents)
    rate = 2 * k / observed if observed else 0
    if zone is not None:
        # Of the incidents by chance, those in the window of a deploy, in the time of all these windows.
        near = sum(
            2 * _late(one.deploys, at, moments) * _share(one.deploys, list(moments(at)), window)
            for at in one.incidents
        )
        in_windows = _less(one.deploys, since, until, window).total_seconds()
        rate = near / in_windows if in_windows else 0
    gaps = [_gap(one.deploys, at, window) for at in one.good]
    return Found(k, sum(expm1(min(rate * gap, 50)) for gap in gaps), sum(gaps), observed)


def _gap(deploys: Sequence[datetime], at: datetime, window: timedelta) -> float:
    later = [deploy for deploy in deploys if deploy > at]
    return min([later[0] - at, window] if later else [window]).total_seconds()


def _late(deploys: Sequence[datetime], at: datetime, moments: Moments) -> float:
    """1 if more than half of the moments are less long after a deploy than an incident, ½ if just half."""
    after = at - max(deploy for deploy in deploys if deploy <= at)
    spans = list(moments(at))
    less = sum((_less(deploys, first, last, after) for first, last in spans), timedelta(0))
    whole = sum((last - first for first, last in spans), timedelta(0))
    return 0.5 if 2 * less == whole else float(2 * less > whole)


def _share(
    deploys: Sequence[datetime], spans: Sequence[tuple[datetime, datetime]], window: timedelta
) -> float:
    """Which part of some moments is in the window of a deploy."""
    whole = sum((last - first for first, last in spans), timedelta(0))
    near = sum((_less(deploys, first, last, window) for first, last in spans), timedelta(0))
    return near / whole if whole else 0


def _less(deploys: Sequence[datetime], first: datetime, last: datetime, after: timedelta) -> timedelta:
    """How long, between two moments, the last deploy is less long ago than *after*."""
    found = timedelta(0)
    for deploy in deploys:
        later = [one for one in deploys if one > deploy]
        ends = min([deploy + after, last, *later[:1]])
        found += max(ends - max(deploy, first), timedelta(0))
    return found


def _slot(at: datetime, zone: tzinfo | None) -> tuple[int, int]:
    shown = at.astimezone(zone)
    return shown.weekday(), shown.hour


def _week(at: datetime, zone: tzinfo | None) -> tuple[int, int]:
    year, week, _ = at.astimezone(zone).isocalendar()
    return year, week


def _bound(found: Sequence[Found]) -> int:
    total = sum(one.b for one in found)
    if total:
        w = sum(one.b**2 / one.k for one in found if one.k) / total
        k = total / w
    else:
        observed = sum(one.observed for one in found)
        w, k = (2 * sum(one.gaps for one in found) / observed if observed else 0), 0
    if not w:
        return 0
    size, below, n = k + 0.5, 0.0, 0
    while True:
        below += exp(
            lgamma(n + size) - lgamma(size) - lgamma(n + 1) + n * (log(w) - log(1 + w)) - size * log(1 + w)
        )
        # Beyond this, no history of a test has as many deploys.
        if below >= 0.975 or n > 1000:
            return n
        n += 1
