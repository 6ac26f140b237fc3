"""The chart of each figure from its trend: the marks, their titles, and the columns of the table below.

Every number that a chart draws is in the table below it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from markupsafe import Markup

from gitdailies_dora.figures.answers.numbers import ratio
from gitdailies_dora.figures.answers.trend import Bucket
from gitdailies_dora.figures.words.durations import NOTHING, duration
from gitdailies_dora.pages.charts import axis
from gitdailies_dora.pages.charts import trend_charts as charts
from gitdailies_dora.pages.charts.trend_charts import Point
from gitdailies_dora.pages.frame.formatting import FEW, amount, count, days, out_of

Kind = Literal["counts", "durations", "rates", "parts"]
COUNTS: Kind = "counts"
DURATIONS: Kind = "durations"
RATES: Kind = "rates"
PARTS: Kind = "parts"  # a rate of settled deploys, part of it for certain

_SCALES: Mapping[Kind, Callable[[Sequence[float | None]], axis.Scale]] = {
    COUNTS: axis.counts,
    DURATIONS: axis.durations,
    RATES: axis.ratios,
    PARTS: axis.ratios,
}
# The heading of the column of the spread.
_SPREADS: Mapping[Kind, str] = {DURATIONS: "Middle half", RATES: "Range (95 %)"}
# The units that are not longer than the rolling span.
_SHORT = frozenset({"day", "week"})
GRAY = "Gray: too new to tell."
# The least part of a chart that is drawn gray: a narrower one looks like a fault of the drawing.
_LEAST_GRAY = 0.03


@dataclass(frozen=True)
class Measure:
    """A figure in a chart: its title, its kind, and the words for one and for several of what is counted.

    *result* says what the counted ones of a rate did, like failed. A bucket leads to the list of the count
    that *leads_to* names.
    """

    title: str
    kind: Kind
    one: str
    several: str
    result: str = ""
    leads_to: str = "Deploys"


class Rolled(NamedTuple):
    """A figure of four weeks: a median of `whole` seconds, or a rate that counts `some` of the `whole`."""

    value: float
    some: int
    whole: int


class BucketValue(NamedTuple):
    """What to draw for a figure in one bucket: its value, and how many events are behind it.

    `some` of these are counted by a rate, `certain` of them for certain. `days` are those of a count.
    `spread` is the middle half of durations in seconds, or the interval of a rate (95 %). It and `rolled`
    are None of too few events.
    """

    value: float | None
    number: int
    some: int = 0
    certain: int = 0
    days: float = 0.0
    spread: tuple[float, float] | None = None
    rolled: Rolled | None = None


class Trends(NamedTuple):
    """The buckets of a period, the name of their unit, and the words for them.

    `labels` are short ones for below the chart, and `titles` name a bucket in a sentence. A bucket that was
    not `counted` is before the first event. `marks` has where a setting changed, in buckets from the left,
    and its name, and `outages` the same of incidents. `listed` has the addresses of the lists of a bucket.
    """

    unit: str
    buckets: Sequence[Bucket]
    labels: Sequence[str]
    titles: Sequence[str]
    counted: Sequence[bool]
    settled_until: int
    marks: Sequence[tuple[float, str]] = ()
    outages: Sequence[tuple[float, str]] = ()
    listed: Sequence[Mapping[str, str]] = ()


class Drawn(NamedTuple):
    """A chart, "" if there is nothing to draw, its caption, and columns for its table with their cells."""

    chart: Markup | str
    caption: str
    columns: list[str]
    cells: list[list[str]]


def drawn(measure: Measure, values: Sequence[BucketValue], trends: Trends) -> Drawn:
    """Draw a figure; *values* has what to draw for each bucket."""
    unit = trends.unit
    points = _points(measure, values, trends)
    own = {COUNTS: 0, PARTS: 1}.get(measure.kind, 2)
    columns = ["Rolling 4 weeks" if unit in _SHORT else _span(unit), _SPREADS.get(measure.kind, "")][:own]
    cells = [_cells(measure.kind, found)[:own] for found in values]
    shown = [point.value for point in points] + [point.rolling for point in points]
    if all(value is None for value in shown):
        return Drawn("", "", columns, cells)
    unsettled = _unsettled(trends) if measure.kind == PARTS else None
    if measure.kind == DURATIONS:
        shown += [end for point in points if point.spread for end in point.spread]
    scale = _SCALES[measure.kind](shown)
    caption = _caption(measure, unit, points, scale, grays=unsettled is not None)
    label = f"{measure.title} by {unit}. {_finding(measure, unit, points, values)} The table has the numbers."
    marks = [
        *((mark, "mark") for mark in sorted({mark for mark, _ in trends.marks})),
        *((mark, "mark outage") for mark in sorted({mark for mark, _ in trends.outages})),
    ]
    if trends.marks:
        caption += " Dashed: a setting changed."
    if trends.outages:
        caption += " Red: an incident began."
    rolling = [point.rolling for point in points if point.rolling is not None]
    end = _end(measure.kind, rolling[-1]) if rolling else ()
    chart = charts.plot(label, points, scale, end=end, unsettled=unsettled, marks=marks)
    return Drawn(chart, caption, columns, cells)


def drawn_both(
    measure: Measure,
    names: Sequence[str],
    values: Sequence[Sequence[BucketValue]],
    trends: Sequence[Trends],
) -> Drawn:
    """Draw a figure of two groups in one chart; each has its values and its trends, over the same buckets."""
    unit = trends[0].unit
    sides = [
        [_on_line(measure, *one) for one in zip(_points(measure, found, trend), found, strict=True)]
        for found, trend in zip(values, trends, strict=True)
    ]
    columns = [f"{name}{more}" for name in names for more in ("", ", the line")]
    cells = [
        [text for at in range(len(names)) for text in _told(measure, side[at], unit)]
        for side in zip(*values, strict=True)
    ]
    shown = [number for side in sides for point in side for number in (point.value, point.rolling)]
    if all(value is None for value in shown):
        return Drawn("", "", columns, cells)
    findings = " ".join(
        f"{name}: {_finding(measure, unit, points, found)}"
        for name, points, found in zip(names, sides, values, strict=True)
        if any(point.value is not None for point in points)
    )
    label = f"{measure.title} by {unit}, of {' and '.join(names)}. {findings} The table has the numbers."
    titles = [[point.title.partition(": ")[::2] for point in points] for points in sides]
    first = [
        point._replace(title=f"{when}: {names[0]}: {said}. {names[1]}: {other}.")
        for point, (when, said), (_, other) in zip(sides[0], *titles, strict=True)
    ]
    if measure.kind == COUNTS:
        caption = f"Lines: {measure.several} in whole {unit}s. Pale: part of a {unit}."
    else:
        figure = "median" if measure.kind == DURATIONS else "rate"
        caption = f"Lines: rolling {figure} of {_span(unit).lower()} up to each point. Dots: {unit}s."
    if any(point.spread for points in sides for point in points):
        caption += " Both count what may have failed; a thin bar goes down to what failed for certain."
    marks = [(mark, "mark") for mark in sorted({mark for mark, _ in trends[0].marks})]
    caption += " Thin and dashed: a setting changed." * bool(marks)
    chart = charts.both(label, [first, sides[1]], _SCALES[measure.kind](shown), marks)
    return Drawn(chart, caption, columns, cells)


def _on_line(measure: Measure, point: Point, found: BucketValue) -> Point:
    """Return a bucket as a dot, with the value of its line there; its spread is what may have failed."""
    if measure.kind == COUNTS:
        return point._replace(dark=None, weight=1, rolling=point.value if point.whole else None)
    may = None
    if point.value is not None and point.dark not in (None, point.value):
        may = point.dark, point.value
    return point._replace(dark=None, spread=may, rolling=found.rolled and found.rolled.value)


def _told(measure: Measure, found: BucketValue, unit: str) -> list[str]:
    """Write a bucket, and the value that its line has there."""
    said = _sentence(measure, found._replace(spread=None, rolled=None), unit)
    if measure.kind == COUNTS:
        return [said, count(found.value)]
    return [said, NOTHING if found.rolled is None else _write(measure.kind, found.rolled.value)]


def _points(measure: Measure, values: Sequence[BucketValue], trends: Trends) -> list[Point]:
    points = []
    for at, (bucket, found) in enumerate(zip(trends.buckets, values, strict=True)):
        title = trends.titles[at] + ("" if bucket.whole else " (partly)")
        if changed := [name for mark, name in trends.marks if int(mark) == at]:
            title += f" ({', '.join(changed)} changed)"
        if began := [name for mark, name in trends.outages if int(mark) == at]:
            title += f" ({', '.join(began)})"
        if not trends.counted[at]:
            points.append(Point(f"{title}: before the first event", trends.labels[at], None))
            continue
        certain = ratio(found.certain, found.number) if measure.kind == PARTS else None
        points.append(
            Point(
                f"{title}: {_sentence(measure, found, trends.unit)}",
                trends.labels[at],
                found.value,
                found.spread,
                found.number,
                None if found.rolled is None or measure.kind == PARTS else found.rolled.value,
                bucket.whole and (measure.kind != PARTS or found.number >= FEW),
                found.value if measure.kind == COUNTS else certain,
                trends.listed[at].get(measure.leads_to, "") if trends.listed else "",
            )
        )
    return points


def _sentence(measure: Measure, found: BucketValue, unit: str) -> str:
    """Write all numbers of a bucket that are drawn."""
    behind = amount(found.number, measure.one, measure.several)
    if measure.kind == COUNTS:
        return f"{behind} in {days(found.days)}"
    if not found.number:
        said = f"no {measure.one}"
    elif measure.kind == DURATIONS:
        said = f"median {duration(found.value)} of {behind}"
    elif measure.kind == PARTS:
        said = _of_parts(measure, [found])
    else:
        said = out_of(found.some, found.number, measure.result)
    rolling, spread = _cells(measure.kind, found)
    if found.number and found.spread is not None:
        said += f", {_SPREADS[measure.kind].lower()} {spread}"
    if found.rolled is not None and measure.kind != PARTS:
        said += f"; {_span(unit).lower()}: {rolling}"
    return said


def _of_parts(measure: Measure, found: Sequence[BucketValue]) -> str:
    """Write a rate over all buckets with its parts: 3 of 12 failed: 2 for certain, 1 may have."""
    whole, some, certain = map(sum, zip(*((one.number, one.some, one.certain) for one in found), strict=True))
    parts = ((certain, "for certain"), (some - certain, "may have"))
    said = ", ".join(f"{count(number)} {word}" for number, word in parts if number)
    return f"{count(some)} of {count(whole)} {measure.result}" + (f": {said}" if said else "")


def _cells(kind: Kind, found: BucketValue) -> list[str]:
    """Write the rolling value and the spread of a bucket."""
    spread = rolling = NOTHING
    if found.spread is not None:
        low, high = found.spread
        spread = f"{low * 100:.0f} to {high * 100:.0f} %" if kind == RATES else _between(low, high)
    if found.rolled is not None:
        value, some, whole = found.rolled
        rolling = f"{duration(value)} of {count(whole)}" if kind == DURATIONS else out_of(some, whole)
    return [rolling, spread]


def _between(low: float, high: float) -> str:
    return f"{duration(low)} to {duration(high)}"


def _write(kind: Kind, value: float) -> str:
    if kind == DURATIONS:
        return duration(value)
    return count(value) if kind == COUNTS else f"{value * 100:.0f} %"


def _end(kind: Kind, value: float) -> Sequence[str]:
    """Return the lines for the end of a line: each unit of a duration has its own."""
    words = _write(kind, value).split(" ")
    return [" ".join(words[at : at + 2]) for at in range(0, len(words), 2)]


def _span(unit: str) -> str:
    """Return the words for the span of a rolling value."""
    return "Four weeks" if unit in _SHORT else f"{unit.capitalize()} or four weeks"


def _caption(measure: Measure, unit: str, points: Sequence[Point], scale: axis.Scale, *, grays: bool) -> str:
    """Describe the drawing; *grays* if there is a gray field."""
    several = measure.several
    if measure.kind == COUNTS:
        return f"Bars: {several}. Narrow: part of a {unit}."
    if measure.kind == PARTS:
        both = any(point.value != point.dark for point in points)
        line = f"Bars: the share of {several} that failed"
        line += "; dark: for certain, pale: may have failed." if both else " for certain."
        return f"{line} Narrow: part of a {unit}, or fewer than five." + (f" {GRAY}" if grays else "")
    figure = "median" if measure.kind == DURATIONS else "rate"
    span = "four weeks" if unit in _SHORT else f"a {unit}, or in four weeks if it was shorter"
    before = "the four weeks" if unit in _SHORT else f"the {unit}, or four weeks if it was shorter,"
    spread = "middle half" if measure.kind == DURATIONS else "range (95\u00a0%)"
    line = f"Line: rolling {figure} of {before} up to each point."
    if all(point.rolling is None for point in points):
        line = f"No trend line: it needs five {several} in {span}."
    dots = f" Dots: {unit}s, larger with more {several}."
    ends = [point.spread[1] for point in points if point.value is not None and point.spread is not None]
    bars = f" Thin bars: {spread}." if ends else ""
    if any(end > scale.top for end in ends):
        bars = f" Thin bars: {spread}; an arrow: goes beyond the chart."
    return line + dots + bars


def _finding(measure: Measure, unit: str, points: Sequence[Point], found: Sequence[BucketValue]) -> str:
    """Say in a sentence what the chart shows."""
    kind = measure.kind
    values = [point.value for point in points if point.value is not None]
    if kind == COUNTS:
        whole = [point.value for point in points if point.value is not None and point.whole]
        last = f" {count(whole[-1])} in the last whole {unit}." if whole else ""
        return f"From {count(min(values))} to {count(max(values))} a {unit}.{last}"
    rolling = [point.rolling for point in points if point.rolling is not None]
    name = "four-week" if unit in _SHORT else "rolling"
    if not rolling:
        low, high = _write(kind, min(values)), _write(kind, max(values))
        said = _of_parts(measure, found) if kind == PARTS else f"Too few for a {name} line"
        return f"{said}; single {unit}s from {low} to {high}."
    if len(rolling) == 1:
        return f"The {name} value is {_write(kind, rolling[0])}."
    first, last, low, high = (
        _write(kind, value) for value in (rolling[0], rolling[-1], min(rolling), max(rolling))
    )
    return f"The {name} line is {first} at first and {last} at the end, from {low} to {high}."


def _unsettled(trends: Trends) -> float | None:
    """Return from where on deploys are not settled, in buckets; None if that is too little to be seen."""
    buckets = trends.buckets
    for at, bucket in enumerate(buckets):
        period = bucket.period
        if trends.settled_until < period.until:
            length = max(period.until - period.began_at, 1)
            begin = at + max(trends.settled_until - period.began_at, 0) / length
            return begin if len(buckets) - begin >= _LEAST_GRAY * len(buckets) else None
    return None
