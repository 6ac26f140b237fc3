"""Charts and small drawings: everything is inside its frame, and nothing in them is refused by the policy."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from gitdailies_dora.pages.charts import axis, figure_charts, sparks
from gitdailies_dora.pages.charts import trend_charts as charts
from gitdailies_dora.pages.charts.figure_charts import Measure
from gitdailies_dora.pages.charts.trend_charts import HEIGHT, WIDTH, Point
from hypothesis import given
from hypothesis import strategies as st

# Markup, and other characters that XML can hold.
WORDS = st.text(st.sampled_from("""<>&"' ab7;:/é中"""), max_size=12)
LABELS = st.sampled_from(("5 Jan", "26 Jan", "Apr 2026", "1990"))


def points(greatest: float) -> st.SearchStrategy[list[Point]]:
    values = st.floats(0, greatest)
    spreads = st.tuples(values, values).map(lambda pair: (min(pair), max(pair)))
    point = st.builds(
        Point,
        WORDS,
        LABELS,
        st.none() | values,
        st.none() | spreads,
        st.integers(0, 10**6),
        st.none() | values,
        st.booleans(),
    )
    return st.lists(point, min_size=1, max_size=37)


def plotted(drawn: list[Point], scale: axis.Scale, label: str, unsettled: float | None = None) -> str:
    return charts.plot(label, drawn, scale, end=["1 h", "47 min"], unsettled=unsettled)


def extents(drawing: str) -> list[tuple[float, float, float, float]]:
    """Return the left, top, right and bottom of each mark of a chart; of words, of their place."""
    found = []
    for mark in ET.fromstring(drawing):
        match mark.tag:
            case "rect":
                x, y, width, height = (float(mark.attrib[name]) for name in ("x", "y", "width", "height"))
                found.append((x, y, x + width, y + height))
            case "circle":
                x, y, radius = (float(mark.attrib[name]) for name in ("cx", "cy", "r"))
                found.append((x - radius, y - radius, x + radius, y + radius))
            case "text":
                x, y = float(mark.attrib["x"]), float(mark.attrib["y"])
                found.append((x, y, x, y))
            case "path":
                found.append(path_extent(mark.attrib["d"].split()))
    return found


def path_extent(steps: list[str]) -> tuple[float, float, float, float]:
    """Follow the steps that charts use: M, L, H, V and h."""
    places, at, left = [(float(steps[1]), float(steps[2]))], 3, steps
    while at < len(left):
        x, y = places[-1]
        match left[at]:
            case "L":
                places.append((float(left[at + 1]), float(left[at + 2])))
                at += 3
                continue
            case "H":
                places.append((float(left[at + 1]), y))
            case "V":
                places.append((x, float(left[at + 1])))
            case "h":
                places.append((x + float(left[at + 1]), y))
            case other:
                raise AssertionError(other)
        at += 2
    across, down = zip(*places, strict=True)
    return min(across), min(down), max(across), max(down)


KINDS = pytest.mark.parametrize(
    ("make", "greatest"), [(axis.durations, 1e9), (axis.ratios, 1.0), (axis.counts, 1e6)]
)


@KINDS
@given(data=st.data(), label=WORDS, unsettled=st.none() | st.floats(-2, 40))
def test_every_mark_is_inside_the_frame(
    make, greatest: float, data: st.DataObject, label: str, unsettled: float | None
) -> None:
    """No value, spread, line, field or label of a chart is outside of it."""
    drawn = data.draw(points(greatest))
    scale = make([point.value for point in drawn] + [point.rolling for point in drawn])
    for drawing in (plotted(drawn, scale, label, unsettled), charts.bars(label, drawn, scale)):
        for left, top, right, bottom in extents(drawing):
            assert 0 <= left <= right <= WIDTH + 0.1
            assert 0 <= top <= bottom <= HEIGHT + 0.1


@KINDS
@given(data=st.data(), label=WORDS)
def test_a_drawing_has_nothing_that_the_policy_refuses(
    make, greatest: float, data: st.DataObject, label: str
) -> None:
    """A drawing has no style, script, id or link, its words are read back, and it is the same each time."""
    drawn = data.draw(points(greatest))
    scale = make([point.value for point in drawn] + [point.rolling for point in drawn])
    drawing = plotted(drawn, scale, label)
    assert drawing == plotted(drawn, scale, label)
    tree = ET.fromstring(drawing)
    assert tree.attrib["aria-label"] == label
    assert {mark.tag for mark in tree.iter()} <= {"svg", "rect", "circle", "path", "text", "title"}
    for mark in tree.iter():
        assert {"style", "id", "href"}.isdisjoint(mark.attrib)
        assert not any(name.startswith("on") for name in mark.attrib)
    titles = [mark.findtext("title") or "" for mark in tree if mark.get("class") == "field"]
    assert titles == [point.title for point in drawn]


@given(WORDS, st.lists(st.integers(0, 10**9), max_size=60), st.floats(0, 1), st.floats(0, 1))
def test_a_small_drawing_is_plain_too(label: str, counts: list[int], one: float, other: float) -> None:
    """The drawings of the overview have their label, marks and numbers only."""
    low, high = min(one, other), max(one, other)
    for drawing in (
        sparks.bars(label, counts, [True] * len(counts), max(counts, default=0)),
        sparks.interval(label, low, (low + high) / 2, high, common=low, top=0.4),
    ):
        tree = ET.fromstring(drawing)
        assert tree.attrib["aria-label"] == label
        assert {name for mark in tree.iter() for name in mark.attrib} <= {
            *("class", "role", "aria-label", "viewBox", "width", "height"),
            *("x", "y", "d", "cx", "cy", "r"),
        }


def test_a_bar_that_goes_on_beyond_the_axis_says_so() -> None:
    """A range above the top of the axis has an arrow there; one that ends on the axis has none."""
    drawn = [Point("", "", 0.1, spread=(0, 0.9)), Point("", "", 0.1, spread=(0, 0.2))]
    tree = ET.fromstring(plotted(drawn, axis.ratios([0.1]), "a chart"))
    spreads = [mark.attrib["d"] for mark in tree if mark.get("class") == "spread"]
    assert [step.count("L") for step in spreads] == [0, 2, 0]


@pytest.mark.parametrize(("value", "dots"), [(0.4, 1), (0.5, 0)])
def test_a_rate_beyond_the_axis_has_no_dot(value: float, dots: int) -> None:
    """A dot at the end of the axis would be read as the value there; the arrow alone says that it goes on."""
    drawing = sparks.interval("a rate", 0.1, value, 0.9, common=None, top=0.4)
    assert (drawing.count("<circle"), "l 4 4" in drawing) == (dots, True)


def test_a_caption_names_what_is_drawn_and_no_more() -> None:
    """An arrow and the gray field are explained where they are drawn."""
    measure = Measure("Change fail rate", "rates", "deploy", "deploys")
    beyond, within = (Point("", "", 0.1, spread=(0, high)) for high in (0.9, 0.2))
    for one, grays in ((beyond, True), (within, False)):
        caption = figure_charts._caption(measure, "week", [one], axis.ratios([0.1]), grays=grays)
        assert caption.startswith("No trend line: it needs five deploys in four weeks. Dots: weeks,")
        assert ("an arrow: goes beyond the chart." in caption) is grays
        assert caption.endswith("Gray: too new to tell.") is grays


def test_a_line_has_gaps_where_it_has_no_value() -> None:
    """Neighbors are joined; a value alone is a short line; a gap is not bridged."""
    rolling = [1.0, 2.0, None, 3.0, None]
    drawn = [Point("", "", None, rolling=value) for value in rolling]
    tree = ET.fromstring(plotted(drawn, axis.counts([3.0]), "a chart"))
    lines = [mark.attrib["d"] for mark in tree if mark.get("class") == "rolling"]
    assert [line.count("L") + line.count("h") for line in lines] == [1, 1]
    assert "h" in lines[1]
