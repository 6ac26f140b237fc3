"""Buckets: a period cut into days, weeks or longer units.

The cuts are at round times on the clock of the time zone, so a day on which the clock is set forward is
one day. The unit is the shortest one that gives few enough buckets to draw.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple

from gitdailies_dora.figures.answers.selection import Period, at_local_time, local_time

MAX_BUCKETS = 37


class Unit(NamedTuple):
    """A length of buckets, by local times: `begin` returns the start of a bucket, `next` that of the next."""

    name: str
    begin: Callable[[datetime], datetime]
    next: Callable[[datetime], datetime]


class Bucket(NamedTuple):
    """A part of a period; `local_begin` is the local time at which its day, week or longer unit begins.

    It is not `whole` if the period begins inside the unit, or is over before the unit ends.
    """

    period: Period
    local_begin: datetime
    whole: bool


def buckets(period: Period) -> tuple[str, tuple[Bucket, ...]]:
    """Cut the part of a period that has passed by the shortest unit that gives at most `MAX_BUCKETS`."""
    for unit in UNITS[:-1]:
        parts = cut(period, unit, MAX_BUCKETS)
        if len(parts) <= MAX_BUCKETS:
            return unit.name, parts
    return UNITS[-1].name, cut(period, UNITS[-1])


def cut(period: Period, unit: Unit, most: int | None = None) -> tuple[Bucket, ...]:
    """Cut the part of a period that has passed by a unit; stop one bucket past *most*."""
    began = local_time(period.began_at, period.zone)
    local_begin = unit.begin(began)
    edges = [(period.began_at, local_begin, local_begin == began)]
    end = None
    for beginning in _beginnings(local_begin, unit):
        at = at_local_time(beginning, period.zone)
        if at >= period.until:
            end = at
            break
        # A place that moves across the date line skips a whole day.
        if at > edges[-1][0]:
            edges.append((at, beginning, True))
        if most is not None and len(edges) > most:
            break
    ends = [*(at for at, _, _ in edges[1:]), period.ended_at]
    last_whole = end == period.until and period.until == period.ended_at
    return tuple(
        Bucket(
            Period(at, until, period.now, period.zone),
            local_begin,
            whole and (number < len(edges) or last_whole),
        )
        for number, ((at, local_begin, whole), until) in enumerate(zip(edges, ends, strict=True), 1)
    )


def _beginnings(local_begin: datetime, unit: Unit) -> Iterator[datetime]:
    while True:
        try:
            local_begin = unit.next(local_begin)
        except (OverflowError, ValueError):  # the calendar ends with the year 9999
            return
        yield local_begin


def _midnight(local: datetime) -> datetime:
    return local.replace(hour=0, minute=0, second=0, microsecond=0)


def _monday(local: datetime) -> datetime:
    return _midnight(local) - timedelta(days=local.weekday())


def _month(local: datetime, months: int = 1) -> datetime:
    """Return the beginning of the month, or of the group of *months* months."""
    month = local.month - 1
    return _midnight(local).replace(month=month - month % months + 1, day=1)


def _months_later(local: datetime, months: int = 1) -> datetime:
    years, month = divmod(local.month - 1 + months, 12)
    return local.replace(year=local.year + years, month=month + 1)


def _years(local: datetime, years: int) -> datetime:
    """Return the beginning of the group of *years* years; there is no year 0."""
    return _month(local, 12).replace(year=max(local.year - local.year % years, 1))


def _years_later(local: datetime, years: int) -> datetime:
    return local.replace(year=local.year - local.year % years + years)


# From short to long.
UNITS = (
    Unit("day", _midnight, lambda local: local + timedelta(days=1)),
    Unit("week", _monday, lambda local: local + timedelta(days=7)),
    Unit("month", _month, _months_later),
    Unit("quarter", lambda local: _month(local, 3), lambda local: _months_later(local, 3)),
    Unit("year", lambda local: _years(local, 1), lambda local: _years_later(local, 1)),
    Unit("decade", lambda local: _years(local, 10), lambda local: _years_later(local, 10)),
    Unit("century", lambda local: _years(local, 100), lambda local: _years_later(local, 100)),
    Unit("millennium", lambda local: _years(local, 1000), lambda local: _years_later(local, 1000)),
)
UNIT_BY_NAME: Mapping[str, Unit] = MappingProxyType({unit.name: unit for unit in UNITS})
# Those that a series may have.
INTERVALS: Mapping[str, Unit] = MappingProxyType({unit.name: unit for unit in UNITS[:4]})
WEEK = INTERVALS["week"]
