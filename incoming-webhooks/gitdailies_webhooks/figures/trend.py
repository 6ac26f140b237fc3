"""The course of the figures: a period cut into days, weeks or longer, each with figures of its own.

Where it is cut is read off the clock of the time zone, so that a day on which it is set forward is a
day. Whatever is asked for, there are few enough buckets to draw.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from gitdailies_webhooks.figures.metrics import IncidentRow, Row, figures, unlinked
from gitdailies_webhooks.figures.period import Span, clock, from_clock

MOST = 37


class Unit(NamedTuple):
    """A length to cut by; `begin` and `next` tell on a clock when one begins, and the next."""

    word: str
    begin: Callable[[datetime], datetime]
    next: Callable[[datetime], datetime]


class Bucket(NamedTuple):
    """A part of a period; `shown` is what the clock shows when its day, week or so begins.

    It is not `whole` where the period begins in the midst of it, or is over before its end.
    """

    span: Span
    shown: datetime
    whole: bool


class Course(NamedTuple):
    """Buckets in order, each with its figures, and the word for what they are, such as week."""

    word: str
    buckets: tuple[Bucket, ...]
    figures: tuple[dict[str, Any], ...]


def course(deploys: Sequence[Row], incidents: Sequence[IncidentRow], span: Span, window: int) -> Course:
    """Cut a period, and its deploys and incidents, which come in the order of time."""
    word, cut = buckets(span)
    starts = [bucket.span.began_at for bucket in cut]
    parts = zip(cut, _parts(deploys, starts), _parts(incidents, starts), strict=True)
    return Course(
        word,
        cut,
        tuple(
            figures(some, unlinked=unlinked(others), span=bucket.span, window=window)
            for bucket, some, others in parts
        ),
    )


def buckets(span: Span) -> tuple[str, tuple[Bucket, ...]]:
    """Cut what has passed of a period by the shortest unit that gives no more than `MOST`."""
    for unit in UNITS[:-1]:
        found = _cut(span, unit)
        if len(found) <= MOST:
            return unit.word, found
    return UNITS[-1].word, _cut(span, UNITS[-1])


def _cut(span: Span, unit: Unit) -> tuple[Bucket, ...]:
    """Cut a period by a unit; of more than `MOST` buckets only that there are more is told."""
    began = clock(span.began_at, span.zone)
    shown = unit.begin(began)
    edges = [(span.began_at, shown, shown == began)]
    end = None
    for beginning in _beginnings(shown, unit):
        at = from_clock(beginning, span.zone)
        if at >= span.until:
            end = at
            break
        # On the way around the world, a clock may pass over a whole day.
        if at > edges[-1][0]:
            edges.append((at, beginning, True))
        if len(edges) > MOST and unit is not UNITS[-1]:
            break
    ends = [*(at for at, _, _ in edges[1:]), span.ended_at]
    last_whole = end == span.until and span.until == span.ended_at
    return tuple(
        Bucket(Span(at, until, span.now, span.zone), shown, whole and (number < len(edges) or last_whole))
        for number, ((at, shown, whole), until) in enumerate(zip(edges, ends, strict=True), 1)
    )


def _beginnings(shown: datetime, unit: Unit) -> Iterator[datetime]:
    while True:
        try:
            shown = unit.next(shown)
        except (OverflowError, ValueError):  # the calendar ends with the year 9999
            return
        yield shown


def _parts(rows: Sequence[Any], starts: Sequence[int]) -> list[Sequence[Any]]:
    cuts = [bisect_left(rows, start, key=lambda row: row.at) for start in starts]
    return [rows[begin:end] for begin, end in zip(cuts, [*cuts[1:], len(rows)], strict=True)]


def _midnight(shown: datetime) -> datetime:
    return shown.replace(hour=0, minute=0, second=0, microsecond=0)


def _monday(shown: datetime) -> datetime:
    return _midnight(shown) - timedelta(days=shown.weekday())


def _month(shown: datetime, months: int = 1) -> datetime:
    """Return when the month began, or the group of so many months."""
    month = shown.month - 1
    return _midnight(shown).replace(month=month - month % months + 1, day=1)


def _months_later(shown: datetime, months: int = 1) -> datetime:
    years, month = divmod(shown.month - 1 + months, 12)
    return shown.replace(year=shown.year + years, month=month + 1)


def _years(shown: datetime, years: int) -> datetime:
    """Return when the group of so many years began; there is no year 0."""
    return _month(shown, 12).replace(year=max(shown.year - shown.year % years, 1))


def _years_later(shown: datetime, years: int) -> datetime:
    return shown.replace(year=shown.year - shown.year % years + years)


UNITS = (
    Unit("day", _midnight, lambda shown: shown + timedelta(days=1)),
    Unit("week", _monday, lambda shown: shown + timedelta(days=7)),
    Unit("month", _month, _months_later),
    Unit("quarter", lambda shown: _month(shown, 3), lambda shown: _months_later(shown, 3)),
    Unit("year", lambda shown: _years(shown, 1), lambda shown: _years_later(shown, 1)),
    Unit("decade", lambda shown: _years(shown, 10), lambda shown: _years_later(shown, 10)),
    Unit("century", lambda shown: _years(shown, 100), lambda shown: _years_later(shown, 100)),
    Unit("millennium", lambda shown: _years(shown, 1000), lambda shown: _years_later(shown, 1000)),
)
