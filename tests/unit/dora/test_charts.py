"""Charts and small drawings: everything is inside its frame, and nothing in them is refused by the policy."""

import xml.etree.ElementTree as ET

import pytest
from gitdailies_dora.pages.charts import axis, sparks
from gitdailies_dora.pages.charts import trend_charts as charts
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
        st.none() | st.floats(0, 1),
        st.sampled_from(("", "/events?kind=deployed&from=2026-01-05")),
    )
    return st.lists(point.map(with_its_part), min_size=1, max_size=37)


def with_its_part(point: Point) -> Point:
    """Return a point in which the dark part is not more than its value."""
    return (
        point if point.dark is None or point.value is None else point._replace(dark=point.dark * point.value)
    )


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
    for left, top, right, bottom in extents(plotted(drawn, scale, label, unsettled)):
        assert 0 <= left <= right <= WIDTH + 0.1
        assert 0 <= top <= bottom <= HEIGHT + 0.1


@KINDS
@given(data=st.data(), label=WORDS)
def test_a_drawing_has_nothing_that_the_policy_refuses(
    make, greatest: float, data: st.DataObject, label: str
) -> None:
    """A drawing has no style, script or id, links to lists alone, and it is the same each time."""
    drawn = data.draw(points(greatest))
    scale = make([point.value for point in drawn] + [point.rolling for point in drawn])
    drawing = plotted(drawn, scale, label)
    assert drawing == plotted(drawn, scale, label)
    tree = ET.fromstring(drawing)
    assert tree.attrib["aria-label"] == label
    assert {mark.tag for mark in tree.iter()} <= {"svg", "a", "rect", "circle", "path", "text", "title"}
    for mark in tree.iter():
        assert {"style", "id"}.isdisjoint(mark.attrib)
        assert mark.attrib.get("href", "/events?").startswith("/events?")
        assert (mark.tag == "a") is ("href" in mark.attrib)
        assert not any(name.startswith("on") for name in mark.attrib)
    titles = [mark.findtext("title") or "" for mark in tree.iter() if mark.get("class") == "field"]
    assert titles == [point.title for point in drawn]


@given(WORDS, st.lists(st.integers(0, 10**9), max_size=60), st.floats(0, 1), st.floats(0, 1))
def test_a_small_drawing_is_plain_too(label: str, counts: list[int], one: float, other: float) -> None:
    """The drawings of the overview have their label, marks and numbers only."""
    low, high = min(one, other), max(one, other)
    for drawing in (
        sparks.bars(label, counts, [True] * len(counts)),
        sparks.bars(label, counts, [False] * len(counts), dark=[count * low for count in counts]),
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


@pytest.mark.parametrize(("value", "dots"), [(0.4, 1), (0.5, 0), (None, 0)])
def test_a_rate_beyond_the_axis_has_no_dot(value: float | None, dots: int) -> None:
    """A dot at the end of the axis would be read as the value there; the arrow alone says that it goes on.

    A rate that is not known has its line alone.
    """
    drawing = sparks.interval("a rate", 0.1, value, 0.9, common=None, top=0.4)
    assert (drawing.count("<circle"), "l 4 4" in drawing) == (dots, True)


def heights(drawing: str) -> list[tuple[str, float, float]]:
    """Return the class, width and height of each part of a bar that can be seen."""
    parts = [mark for mark in ET.fromstring(drawing) if mark.get("class", "") in ("may", "dark", "flat", "")]
    found = [
        (mark.get("class", ""), float(mark.get("width", 0)), float(mark.get("height", 0))) for mark in parts
    ]
    return [one for one in found if one[2]]


def test_a_bar_is_dark_for_certain_and_pale_above() -> None:
    """Each part is as high as its share; 0 is flat and gray, and no value is a gap; one of few is narrow."""
    shown = [(0.2, 0.05), (0.1, 0.1), (0.1, 0.0), (0.0, 0.0), (None, None), (0.2, 0.2)]
    drawn = [Point("", "", value, dark=dark) for value, dark in shown]
    drawn[-1] = drawn[-1]._replace(whole=False)
    found = heights(plotted(drawn, axis.ratios([0.2]), "a chart"))
    whole = found[0][2] / 0.15 * 0.2
    wide = found[0][1]
    assert found == [
        (css, pytest.approx(width, abs=0.1), pytest.approx(height, abs=0.1))
        for css, width, height in (
            ("may", wide, whole * 0.75),
            ("dark", wide, whole * 0.25),
            ("dark", wide, whole * 0.5),
            ("may", wide, whole * 0.5),
            ("flat", wide, 2),
            ("dark", wide / 2, whole),
        )
    ]


def test_a_line_has_gaps_where_it_has_no_value() -> None:
    """Neighbors are joined; a value alone is a short line; a gap is not bridged."""
    rolling = [1.0, 2.0, None, 3.0, None]
    drawn = [Point("", "", None, rolling=value) for value in rolling]
    tree = ET.fromstring(plotted(drawn, axis.counts([3.0]), "a chart"))
    lines = [mark.attrib["d"] for mark in tree if mark.get("class") == "rolling"]
    assert [line.count("L") + line.count("h") for line in lines] == [1, 1]
    assert "h" in lines[1]
