"""Charts of a trend: bars, and dots with their spread and a rolling line.

Each bucket has a field as high as the chart, which is not visible. Its title has the numbers: browsers show
it under the pointer, and `page.js` reads it out for the keyboard.
"""

from collections.abc import Iterator, Sequence
from math import sqrt
from typing import NamedTuple

from markupsafe import Markup

from gitdailies_dora.pages.charts import svg
from gitdailies_dora.pages.charts.axis import Scale, thinned

# In units of the drawing, as wide as on a phone. The style makes letters smaller in these on a wider card.
WIDTH, HEIGHT = 340, 164
_TOP, _RIGHT, _BOTTOM = 10, 12, 28
_FONT, _LINE, _LETTER, _BOLD = 14, 17, 8.6, 10

# How many labels are below a chart at most, and how many letters are free between two.
_MOST_LABELS, _BETWEEN = 5, 1.2

_LEAST_RADIUS, _MOST_RADIUS = 1.6, 6.0
_BAR, _FLAT = 0.7, 2
# The size of the arrow of a bar that continues beyond the axis.
_ARROW = 4
_UNSETTLED = "too new to tell"


class Point(NamedTuple):
    """One bucket: its title with all numbers, its label below the chart, and what is drawn of it.

    `value` is None where there is nothing to draw. `spread` is the low and the high end of a thin bar.
    `weight` is the number of events behind the value. It is not `whole` if the period has a part of it, or
    if a rate is of few. A bar is `dark` up to there, and pale above it; without, there is a dot.
    """

    title: str
    label: str
    value: float | None
    spread: tuple[float, float] | None = None
    weight: int = 1
    rolling: float | None = None
    whole: bool = True
    dark: float | None = None
    href: str = ""


def plot(
    label: str,
    points: Sequence[Point],
    scale: Scale,
    *,
    end: Sequence[str] = (),
    unsettled: float | None = None,
    marks: Sequence[tuple[float, str]] = (),
) -> Markup:
    """Draw the rolling line, and each bucket: a bar, or a dot, its area by the weight, on its spread.

    *end* is written after the end of the line, one word group a line. A gray field begins at *unsettled*,
    counted in buckets from the left. So are *marks*, thin lines behind the rest, each
    with its class.
    """
    frame = _Frame(points, scale, end, above=_FONT if unsettled is not None else 0)
    drawn = [
        *frame.axes(),
        *frame.gray(unsettled),
        *frame.marks(marks),
        *frame.bars(),
        *frame.spreads(),
        *frame.dots(),
        *frame.line(),
        *frame.end(end),
        *frame.fields(),
    ]
    return svg.svg("chart", label, WIDTH, HEIGHT, drawn)


def both(
    label: str, sides: Sequence[Sequence[Point]], scale: Scale, marks: Sequence[tuple[float, str]]
) -> Markup:
    """Draw the dots and the lines of two groups over the same buckets; the first one has the titles."""
    one, other = (_Frame(points, scale) for points in sides)
    lines = [svg.group("one", one.lines()), svg.group("other", other.lines())]
    drawn = [*one.axes(), *one.marks(marks), *lines, *one.fields()]
    return svg.svg("chart", label, WIDTH, HEIGHT, drawn)


class _Frame:
    """The place of the buckets and the values of one chart."""

    def __init__(
        self, points: Sequence[Point], scale: Scale, beside: Sequence[str] = (), above: int = 0
    ) -> None:
        self._points, self._scale = points, scale
        self.left = max(len(tick.label) for tick in scale.ticks) * _LETTER + 8
        self.right = WIDTH - max(_RIGHT, max(map(len, beside), default=0) * _BOLD + 6)
        self.top, self.bottom = _TOP + above, HEIGHT - _BOTTOM
        self.slot = (self.right - self.left) / max(len(points), 1)

    def x(self, at: float) -> float:
        return self.left + (at + 0.5) * self.slot

    def y(self, value: float) -> float:
        return self.bottom - self._scale.at(value) * (self.bottom - self.top)

    def axes(self) -> Iterator[Markup]:
        """Draw a line and a label for each tick, and the labels of the buckets that have room."""
        for tick in self._scale.ticks:
            y = self.y(tick.value)
            css = "ground" if tick.value == self._scale.low else "guide"
            yield svg.path(css, "M", self.left, y, "H", self.right)
            yield svg.text(self.left - 6, y + _FONT / 3, tick.label, "end")
        longest = max((len(point.label) for point in self._points), default=1)
        room = (self.right - self.left) / _LETTER / (longest + _BETWEEN)
        for at in thinned(range(len(self._points)), max(min(_MOST_LABELS, int(room)), 1)):
            words = self._points[at].label
            over = self.x(at) + len(words) * _LETTER / 2 > WIDTH
            yield svg.text(WIDTH if over else self.x(at), HEIGHT - 5, words, "end" if over else "middle")

    def fields(self) -> Iterator[Markup]:
        for at, point in enumerate(self._points):
            place = self.left + at * self.slot, self.top, self.slot, self.bottom - self.top
            yield svg.rect(*place, "field", point.title, href=point.href)

    def marks(self, marks: Sequence[tuple[float, str]]) -> Iterator[Markup]:
        for mark, css in marks:
            yield svg.path(css, "M", self.left + mark * self.slot, self.top, "V", self.bottom)

    def gray(self, unsettled: float | None) -> Iterator[Markup]:
        if unsettled is not None:
            begin = self.left + min(max(unsettled, 0), len(self._points)) * self.slot
            yield svg.rect(begin, self.top, self.right - begin, self.bottom - self.top, "unsettled")
            # Over a narrow field, the words would seem to be about the rest of the chart.
            if self.right - begin >= len(_UNSETTLED) * _LETTER:
                yield svg.text(self.right, self.top - 5, _UNSETTLED, "end")

    def bars(self) -> Iterator[Markup]:
        """Draw bars. A rate of 0 is a flat one: a gap says that there is nothing to divide by."""
        for at, point in enumerate(self._points):
            if point.value is not None and point.dark is not None:
                width = self.slot * (_BAR if point.whole else _BAR / 2)
                left, top, between = self.x(at) - width / 2, self.y(point.value), self.y(point.dark)
                yield svg.rect(left, top, width, between - top, "may")
                yield svg.rect(left, between, width, self.bottom - between, "dark")
                if not point.value:
                    yield svg.rect(left, self.bottom - _FLAT, width, _FLAT, "flat")

    def spreads(self) -> Iterator[Markup]:
        for at, point in enumerate(self._points):
            if point.value is not None and point.spread is not None:
                low, high = map(self.y, point.spread)
                yield svg.path("spread", "M", self.x(at), low, "V", high)
                if point.spread[1] > self._scale.top:
                    yield self._goes_on(self.x(at))

    def _goes_on(self, x: float) -> Markup:
        """Draw an arrow at the top: the bar continues beyond the axis."""
        down = self.top + _ARROW
        return svg.path("spread", "M", x - _ARROW, down, "L", x, self.top, "L", x + _ARROW, down)

    def dots(self) -> Iterator[Markup]:
        most = max((point.weight for point in self._points), default=1)
        largest = min(_MOST_RADIUS, max(self.slot * 0.6, _LEAST_RADIUS))
        for at, point in enumerate(self._points):
            if point.value is not None and point.dark is None:
                radius = max(largest * sqrt(point.weight / max(most, 1)), _LEAST_RADIUS)
                yield svg.circle(self.x(at), self.y(point.value), radius, "" if point.whole else "pale")

    def lines(self) -> Iterator[Markup]:
        yield from self.spreads()
        yield from self.dots()
        yield from self.line()

    def line(self) -> Iterator[Markup]:
        """Join neighbors that have a rolling value; one without such a neighbor is a short line."""
        joined: list[tuple[int, float]] = []
        for at, point in enumerate((*self._points, None)):
            if point is not None and point.rolling is not None:
                joined.append((at, point.rolling))
            elif joined:
                yield self._joined(joined)
                joined = []

    def _joined(self, joined: Sequence[tuple[int, float]]) -> Markup:
        (first, value), *others = joined
        if not others:
            half = min(self.slot / 2, _MOST_RADIUS)
            return svg.path("rolling", "M", self.x(first) - half, self.y(value), "h", 2 * half)
        steps = [step for at, later in others for step in ("L", self.x(at), self.y(later))]
        return svg.path("rolling", "M", self.x(first), self.y(value), *steps)

    def end(self, words: Sequence[str]) -> Iterator[Markup]:
        """Write words after the end of the line, within the height of the chart."""
        values = [point.rolling for point in self._points if point.rolling is not None]
        if not values:
            return
        rest = (len(words) - 1) * _LINE
        first = min(max(self.y(values[-1]) + _FONT / 3 - rest / 2, self.top + _FONT / 2), self.bottom - rest)
        for number, word in enumerate(words):
            yield svg.text(self.right + 6, first + number * _LINE, word, "start", "end")
