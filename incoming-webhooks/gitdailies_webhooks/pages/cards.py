"""What the page says of each figure: its number, what stands beside it, its course as a chart and a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from markupsafe import Markup

from gitdailies_webhooks.figures import metrics
from gitdailies_webhooks.figures.trend import Trend
from gitdailies_webhooks.pages import axis, charts
from gitdailies_webhooks.pages.charts import Line
from gitdailies_webhooks.pages.formatting import count, decimal, duration, percent, rate

_Form: TypeAlias = Callable[[float | None], str]

# With fewer, a median says more of one event than of the team.
_FEW = 5


@dataclass(frozen=True)
class Figure:
    """How a figure is shown.

    *main* is its number; *beside* and *columns* are those that are told with it, and in the table of its
    course; *lines* are those that are drawn, on an axis that *scale* makes, in each bucket for which
    *drawn_when* holds. *few* is the number of what it is made of, where little of that makes it shaky.
    """

    name: str
    title: str
    means: str
    main: tuple[str, _Form]
    nothing: str
    beside: tuple[tuple[str, str, _Form], ...]
    columns: tuple[tuple[str, str, _Form], ...]
    lines: tuple[tuple[str, str], ...]
    scale: Callable[[Sequence[float | None]], axis.Scale]
    few: str
    drawn_when: Callable[[Mapping[str, Any]], bool] = lambda _: True


_MEDIANS = (("Median", "median", duration), ("90th percentile", "p90", duration))
_MEDIAN_LINES = (("Median", "median"), ("90th percentile", "p90"))

FIGURES = (
    Figure(
        metrics.FREQUENCY,
        "Deployment frequency",
        "Deploys of every type, rollbacks and hotfixes too, by the days of the period up to now. "
        "Gap: the time from one to the next.",
        ("value", rate),
        "the period has not begun",
        (
            ("Deploys", "numerator", count),
            ("Days", "denominator", decimal),
            ("Median gap", "medianGap", duration),
            ("90th percentile", "gapP90", duration),
        ),
        (
            ("Deploys", "numerator", count),
            ("Days", "denominator", decimal),
            ("Deploys a day", "value", decimal),
            ("Median gap", "medianGap", duration),
        ),
        (("Deploys", "numerator"),),
        axis.counts,
        few="",
    ),
    Figure(
        metrics.LEAD_TIME,
        "Change lead time",
        "From a commit to the deploy that brought it to its repository, environment and service for the "
        "first time. Unknown: the first deploy there, one that tells no commits, a commit without a time "
        "or with one after its deploy.",
        ("median", duration),
        "no commit with a known lead time",
        (
            ("90th percentile", "p90", duration),
            ("Commits", "count", count),
            ("Deploys unknown", "unknownDeploys", count),
            ("Commits unknown", "unknownCommits", count),
        ),
        (
            *_MEDIANS,
            ("Commits", "count", count),
            ("Deploys unknown", "unknownDeploys", count),
            ("Commits unknown", "unknownCommits", count),
        ),
        _MEDIAN_LINES,
        axis.durations,
        few="count",
    ),
    Figure(
        metrics.FAIL_RATE,
        "Change fail rate",
        "Deploys that an incident is laid to or that a rollback undid, by all that are settled: no longer "
        "pending. Pending: not failed, and younger than {window}. Unlinked: incidents laid to no deploy. "
        "A time with pending deploys is not drawn: as yet, only its failures are known.",
        ("value", percent),
        "no settled deploy",
        (
            ("Failed", "numerator", count),
            ("Settled", "denominator", count),
            ("Pending", "pending", count),
            ("Failed and young", "failedYoung", count),
            ("Incidents unlinked", "unlinked", count),
        ),
        (
            ("Rate", "value", percent),
            ("Failed", "numerator", count),
            ("Settled", "denominator", count),
            ("Pending", "pending", count),
            ("Failed and young", "failedYoung", count),
            ("Incidents unlinked", "unlinked", count),
        ),
        (("Rate", "value"),),
        axis.ratios,
        few="denominator",
        # Of the pending ones only those that fail would be known: the rate would be far too high.
        drawn_when=lambda part: not part["pending"],
    ),
    Figure(
        metrics.RECOVERY,
        "Failed deployment recovery time",
        "For each failed deploy, from the start of its first incident until none of those that touch is "
        "open. Open ones, and those that failed by a rollback alone, have no time yet or none at all.",
        ("median", duration),
        "no failed deploy that has recovered",
        (
            ("90th percentile", "p90", duration),
            ("Recovered", "count", count),
            ("Open", "open", count),
            ("Without incident", "withoutIncident", count),
        ),
        (
            *_MEDIANS,
            ("Recovered", "count", count),
            ("Open", "open", count),
            ("Without incident", "withoutIncident", count),
        ),
        _MEDIAN_LINES,
        axis.durations,
        few="count",
    ),
    Figure(
        metrics.REWORK,
        "Deployment rework rate",
        "Rollbacks, hotfixes and deploys that say which incident they fix, by all deploys.",
        ("value", percent),
        "no deploy",
        (("Rework", "numerator", count), ("Of deploys", "denominator", count)),
        (
            ("Rate", "value", percent),
            ("Rework", "numerator", count),
            ("Deploys", "denominator", count),
        ),
        (("Rate", "value"),),
        axis.ratios,
        few="denominator",
    ),
)


class Card(NamedTuple):
    """A figure as the template shows it; *chart* is "" where there is nothing to draw."""

    name: str
    title: str
    means: str
    value: str
    nothing: str
    few: str
    beside: list[tuple[str, str]]
    chart: Markup | str
    legend: list[str]
    columns: list[str]
    rows: list[list[str]]


def cards(
    told: Mapping[str, Any], course: Trend, labels: Sequence[str], *, began_at: int | None, window: str
) -> list[Card]:
    """Lay out every figure; what was before *began_at* is not drawn, as nothing was counted yet."""
    there = [began_at is not None and bucket.period.until >= began_at for bucket in course.buckets]
    return [_card(figure, told, course, labels, there, window) for figure in FIGURES]


def _card(
    figure: Figure,
    told: Mapping[str, Any],
    course: Trend,
    labels: Sequence[str],
    there: Sequence[bool],
    window: str,
) -> Card:
    numbers = told[figure.name]
    parts = [part[figure.name] for part in course.figures]
    measure, form = figure.main
    known = [is_there and figure.drawn_when(part) for part, is_there in zip(parts, there, strict=True)]
    firm = [
        part[figure.few] >= _FEW if figure.few else bucket.whole
        for part, bucket in zip(parts, course.buckets, strict=True)
    ]
    drawn = [
        Line(name, [part[line] if known_ else None for part, known_ in zip(parts, known, strict=True)], firm)
        for name, line in figure.lines
    ]
    counted = numbers[figure.few] if figure.few else _FEW
    return Card(
        name=figure.name,
        title=figure.title,
        means=figure.means.format(window=window),
        value=form(numbers[measure]),
        nothing=figure.nothing if numbers[measure] is None else "",
        few=str(counted) if 0 < counted < _FEW else "",
        beside=[(label, shown(numbers[name])) for label, name, shown in figure.beside],
        chart=_chart(figure, drawn, course, labels),
        legend=[line.name for line in drawn] if len(drawn) > 1 else [],
        columns=[heading for heading, _, _ in figure.columns],
        rows=[[shown(part[name]) for _, name, shown in figure.columns] for part in parts],
    )


def _chart(figure: Figure, drawn: Sequence[Line], course: Trend, labels: Sequence[str]) -> Markup | str:
    values = [value for line in drawn for value in line.values]
    if all(value is None for value in values):
        return ""
    label = f"{figure.title} by {course.unit}; the numbers stand in the table below"
    scale = figure.scale(values)
    if figure.name == metrics.FREQUENCY:
        return charts.bars(label, labels, drawn[0], scale)
    return charts.lines(label, labels, drawn, scale)
