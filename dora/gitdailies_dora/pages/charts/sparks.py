"""Small drawings in the rows of a table: bars over time, and a rate with its interval."""

from collections import Counter
from collections.abc import Sequence
from itertools import zip_longest

from markupsafe import Markup

from gitdailies_dora.pages.charts import svg

# In units of the drawing, which are pixels on the page.
_WIDTH, _WIDE, _HEIGHT, _GAP = 104, 208, 24, 2
_RANGE_WIDTH, _RANGE_HEIGHT = 120, 24
_STRIP_WIDTH, _STRIP_HEIGHT, _DOT = 240, 48, 6


def bars(
    label: str,
    counts: Sequence[float],
    whole: Sequence[bool],
    *,
    dark: Sequence[float | None] = (),
    wide: bool = False,
    titles: Sequence[str] = (),
    urls: Sequence[str] = (),
) -> Markup:
    """Draw a bar for each count, paler if its unit is not whole.

    A count that is not 0 has a bar of one pixel at least. A *wide* one fills its card. With *dark*, a bar is
    dark up to there and pale above it, and narrower if its unit is not whole. *titles* are read out under the
    pointer, and each leads to its one of *urls*.
    """
    width = _WIDE if wide else _WIDTH
    slot = width / max(len(counts), 1)
    drawn = [svg.path("", "M", 0, _HEIGHT - 0.5, "H", width)]
    for at, (count, is_whole) in enumerate(zip(counts, whole, strict=True)):
        if count:
            height = max(_HEIGHT * count / max(counts), 1)
            css, across = "" if is_whole else "pale", max(slot - _GAP, 1)
            if dark:
                css, across = "", across if is_whole else across / 2
                drawn.append(svg.rect(at * slot, _HEIGHT - height, across, height, "may"))
                height *= (dark[at] or 0) / count
            drawn.append(svg.rect(at * slot, _HEIGHT - height, across, height, css))
    for at, (title, href) in enumerate(zip_longest(titles, urls, fillvalue="")):
        drawn.append(svg.rect(at * slot, 0, slot, _HEIGHT, "field", title, href=href))
    if wide:
        return svg.svg("spark", label, width, _HEIGHT, drawn)
    return svg.fixed("spark", label, width, _HEIGHT, drawn)


def interval(
    label: str, low: float, value: float | None, high: float, *, common: float | None, top: float
) -> Markup:
    """Draw the line of an interval, its rate as a dot if it is known, and the *common* rate dashed.

    The right end is *top*. An arrow means that the interval continues beyond it.
    """

    def x(rate: float) -> float:
        return min(rate / top, 1) * (_RANGE_WIDTH - 8) + 4

    middle = _RANGE_HEIGHT / 2
    drawn = [] if common is None else [svg.path("common", "M", x(common), 0, "V", _RANGE_HEIGHT)]
    drawn.append(svg.path("range", "M", x(low), middle, "H", x(high)))
    if high > top:
        end = _RANGE_WIDTH - 4
        drawn.append(svg.path("range", "M", end - 4, middle - 4, "l", 4, 4, "l", -4, 4))
    # A dot at the end would claim that the rate lies at the edge.
    if value is not None and value <= top:
        drawn.append(svg.circle(x(value), middle, 4))
    return svg.fixed("interval", label, _RANGE_WIDTH, _RANGE_HEIGHT, drawn)


def strip(label: str, shares: Sequence[float]) -> Markup:
    """Draw a dot at each share from 0 to 1, above those that are there already; the middle is dashed."""
    middle, ground = _STRIP_WIDTH / 2, _STRIP_HEIGHT - _DOT / 2
    drawn = [svg.path("", "M", 0, _STRIP_HEIGHT - 0.5, "H", _STRIP_WIDTH)]
    drawn.append(svg.path("common", "M", middle, 0, "V", _STRIP_HEIGHT))
    columns = Counter(min(int(share * _STRIP_WIDTH) // _DOT, _STRIP_WIDTH // _DOT - 1) for share in shares)
    for column, number in columns.items():
        # Many dots come closer together.
        step = min(_DOT, (_STRIP_HEIGHT - _DOT) / max(number - 1, 1))
        x = column * _DOT + _DOT / 2
        drawn += [svg.circle(x, ground - at * step, _DOT / 2 - 0.5) for at in range(number)]
    return svg.svg("strip", label, _STRIP_WIDTH, _STRIP_HEIGHT, drawn)
