"""Small drawings in the rows of a table: bars over time, and a rate with its interval. SVG without styles."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

# In units of the drawing, which are pixels on the page.
_WIDTH, _HEIGHT, _GAP = 104, 24, 2
_RANGE_WIDTH, _RANGE_HEIGHT = 120, 24


def bars(label: str, counts: Sequence[int], whole: Sequence[bool], most: int) -> Markup:
    """Draw a bar for each count, paler if its unit is not whole; *most* is as high as the drawing.

    A count that is not 0 has a bar of one pixel at least.
    """
    slot = _WIDTH / max(len(counts), 1)
    drawn = []
    for number, (count, is_whole) in enumerate(zip(counts, whole, strict=True)):
        if not count:
            continue
        height = max(_HEIGHT * count / max(most, 1), 1)
        pale = "" if is_whole else ' class="pale"'
        drawn.append(
            f'<rect{pale} x="{number * slot:.1f}" y="{_HEIGHT - height:.1f}"'
            f' width="{max(slot - _GAP, 1):.1f}" height="{height:.1f}"/>'
        )
    ground = f'<path d="M0 {_HEIGHT - 0.5}H{_WIDTH}"/>'
    return _svg("spark", label, _WIDTH, _HEIGHT, ground + "".join(drawn))


def interval(
    label: str, low: float, value: float, high: float, *, common: float | None, top: float
) -> Markup:
    """Draw a rate as a dot on the line of its interval, and the *common* rate dashed; *top* is the right end.

    An arrow says that the interval goes on beyond it.
    """

    def x(rate: float) -> str:
        return f"{min(rate / top, 1) * (_RANGE_WIDTH - 8) + 4:.1f}"

    middle = _RANGE_HEIGHT / 2
    line = f'<path class="range" d="M{x(low)} {middle:g}H{x(high)}"/>'
    if high > top:
        end = _RANGE_WIDTH - 4
        line += f'<path class="range" d="M{end - 4} {middle - 4:g}l4 4l-4 4"/>'
    dashed = "" if common is None else f'<path class="common" d="M{x(common)} 0V{_RANGE_HEIGHT}"/>'
    dot = f'<circle cx="{x(value)}" cy="{middle:g}" r="4"/>'
    return _svg("interval", label, _RANGE_WIDTH, _RANGE_HEIGHT, dashed + line + dot)


def _svg(name: str, label: str, width: int, height: int, inner: str) -> Markup:
    return Markup(  # noqa: S704  the label is escaped, and everything else is numbers
        f'<svg class="{name}" role="img" aria-label="{escape(label)}" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}">{inner}</svg>'
    )
