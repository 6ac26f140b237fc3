"""Charts as SVG, drawn by pygal without its script and styles, which the policy of the pages refuses.

`style.css` has their looks, with the colors of the page in light and dark.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import pygal
from markupsafe import Markup
from pygal.style import Style

from gitdailies_webhooks.pages.axis import Scale, thinned

# pygal adds an old kind of import finder for plugins. Python 3.11 warns of it at every import that fails.
sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, pygal.PluginImportFixer)]

# In units of the drawing, which is scaled to the width of the page.
_WIDTH, _HEIGHT, _FONT = 400, 190, 14

# How many labels, and how many letters in all of them, have room below a chart.
_MOST_LABELS, _LETTERS = 5, 30

# Elements for the script of pygal, which is not used. Titles and comments would be read aloud or shown.
_LEFT_OUT = frozenset({"defs", "title", "desc"})


class Series(NamedTuple):
    """A name and a value for each bucket; None is a gap. A value is `firm` if enough events are behind it."""

    name: str
    values: Sequence[float | None]
    firm: Sequence[bool]


def bars(label: str, buckets: Sequence[str], series: Series, scale: Scale) -> Markup:
    """Draw a bar for each bucket, paler if it is not firm."""
    chart = pygal.Bar(**_options(buckets, scale))
    chart.add(series.name, _points(series, "rect pale"))
    return _drawn(chart, label)


def lines(label: str, buckets: Sequence[str], drawn: Sequence[Series], scale: Scale) -> Markup:
    """Draw a dot for each bucket, hollow if it is not firm, and join neighbors that are both firm."""
    chart = pygal.Line(allow_interruptions=True, dots_size=3.5, **_options(buckets, scale))
    for series in drawn:
        joined = [value if firm else None for value, firm in zip(series.values, series.firm, strict=True)]
        chart.add(series.name, joined, show_dots=False)
        chart.add(series.name, _points(series, "dot pale"), stroke=False)
    return _drawn(chart, label)


def _points(series: Series, pale: str) -> list[Any]:
    return [
        value if firm or value is None else {"value": value, "node": {"class": pale}}
        for value, firm in zip(series.values, series.firm, strict=True)
    ]


def _options(buckets: Sequence[str], scale: Scale) -> dict[str, Any]:
    longest = max(map(len, buckets), default=1)
    return {
        "width": _WIDTH,
        "height": _HEIGHT,
        "margin": 6,
        "margin_right": 18,
        "style": Style(label_font_size=_FONT, major_label_font_size=_FONT),
        "js": (),
        "css": (),
        "no_prefix": True,
        "disable_xml_declaration": True,
        "show_legend": False,
        "show_minor_x_labels": False,
        "truncate_label": -1,
        "x_labels": list(buckets),
        "x_labels_major": thinned(buckets, min(_MOST_LABELS, _LETTERS // longest)),
        "y_labels": [{"value": tick.value, "label": tick.label} for tick in scale.ticks],
        "range": (0, scale.top),
    }


def _drawn(chart: Any, label: str) -> Markup:
    def plain(root: Any) -> Any:
        _prune(root)
        root.attrib.pop("id", None)
        root.attrib.update({"class": "chart", "role": "img", "aria-label": label})
        return root

    chart.add_xml_filter(plain)
    return Markup(chart.render())  # noqa: S704  pygal escapes text


def _prune(node: Any) -> None:
    for child in list(node):
        tag = child.tag.rpartition("}")[2] if isinstance(child.tag, str) else ""
        if tag in _LEFT_OUT or not tag or "tooltip-overlay" in child.get("class", ""):
            node.remove(child)
        else:
            _prune(child)
