"""The card of each figure: its number, the counts behind it, and its trend as a chart and a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from markupsafe import Markup

from gitdailies_webhooks.figures import metrics
from gitdailies_webhooks.figures.trend import Trend
from gitdailies_webhooks.pages import axis, charts
from gitdailies_webhooks.pages.charts import Series
from gitdailies_webhooks.pages.formatting import count, decimal, duration, percent, rate

_Format: TypeAlias = Callable[[float | None], str]

# With fewer events, one of them changes a median a lot.
_FEW = 5


@dataclass(frozen=True)
class CardLayout:
    """How the card of a figure looks.

    *main* is the number at the top. *counts* are shown below it, *columns* in the table of the trend, and
    *lines* in the chart, on an axis that *scale* makes, for buckets for which *drawn_when* is true.
    *basis* is the count behind the number, with its word for one and for several; a small one is shown
    with a warning. It is None for a figure that is exact with any count.
    """

    name: str
    title: str
    explanation: str
    main: tuple[str, _Format]
    nothing: str
    counts: tuple[tuple[str, str, _Format], ...]
    columns: tuple[tuple[str, str, _Format], ...]
    lines: tuple[tuple[str, str], ...]
    scale: Callable[[Sequence[float | None]], axis.Scale]
    basis: tuple[str, str, str] | None = None
    drawn_when: Callable[[Mapping[str, Any]], bool] = lambda _: True


_MEDIANS = (("Median", "median", duration), ("90th percentile", "p90", duration))
_MEDIAN_LINES = (("Median", "median"), ("90th percentile", "p90"))

LAYOUTS = (
    CardLayout(
        metrics.FREQUENCY,
        "Deployment frequency",
        "All deploys, including rollbacks and hotfixes, divided by the days of the period up to now. "
        "Gap: the time between a deploy and the next.",
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
    ),
    CardLayout(
        metrics.LEAD_TIME,
        "Change lead time",
        "The time from a commit to the first deploy that brought it to its repository, environment and "
        "service. Unknown deploys: the first one there, and those without a list of commits. "
        "Unknown commits: those without a time, or with a time after their deploy.",
        ("median", duration),
        "no commit with a known lead time",
        (
            ("90th percentile", "p90", duration),
            ("Commits", "count", count),
            ("Unknown deploys", "unknownDeploys", count),
            ("Unknown commits", "unknownCommits", count),
        ),
        (
            *_MEDIANS,
            ("Commits", "count", count),
            ("Unknown deploys", "unknownDeploys", count),
            ("Unknown commits", "unknownCommits", count),
        ),
        _MEDIAN_LINES,
        axis.durations,
        basis=("count", "commit", "commits"),
    ),
    CardLayout(
        metrics.FAIL_RATE,
        "Change fail rate",
        "Failed deploys divided by settled deploys. Failed: an incident is attributed to the deploy, or a "
        "rollback undid it. Settled: failed, or at least {window} old. Pending: not failed, and younger "
        "than {window}. Recent failures: failed, and younger than {window}. Unlinked incidents: attributed "
        "to no deploy. The chart leaves out times with pending deploys, since only their failures are "
        "known so far.",
        ("value", percent),
        "no settled deploy",
        (
            ("Failed", "numerator", count),
            ("Settled", "denominator", count),
            ("Pending", "pending", count),
            ("Recent failures", "failedYoung", count),
            ("Unlinked incidents", "unlinked", count),
        ),
        (
            ("Rate", "value", percent),
            ("Failed", "numerator", count),
            ("Settled", "denominator", count),
            ("Pending", "pending", count),
            ("Recent failures", "failedYoung", count),
            ("Unlinked incidents", "unlinked", count),
        ),
        (("Rate", "value"),),
        axis.ratios,
        basis=("denominator", "settled deploy", "settled deploys"),
        # While deploys are pending, only those that fail are known, and the rate would be far too high.
        drawn_when=lambda part: not part["pending"],
    ),
    CardLayout(
        metrics.RECOVERY,
        "Failed deployment recovery time",
        "For each failed deploy, the time from the start of its first incident until none of the incidents "
        "that overlap is open. Open: an incident has not ended yet. Without incident: the deploy failed "
        "only because a rollback undid it, so it has no recovery time.",
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
        basis=("count", "recovered deploy", "recovered deploys"),
    ),
    CardLayout(
        metrics.REWORK,
        "Deployment rework rate",
        "Rollbacks, hotfixes and deploys that name the incident they fix, divided by all deploys.",
        ("value", percent),
        "no deploy",
        (("Rework", "numerator", count), ("Deploys", "denominator", count)),
        (
            ("Rate", "value", percent),
            ("Rework", "numerator", count),
            ("Deploys", "denominator", count),
        ),
        (("Rate", "value"),),
        axis.ratios,
        basis=("denominator", "deploy", "deploys"),
    ),
)


class Card(NamedTuple):
    """A figure as the template shows it; `chart` is "" if there is nothing to draw.

    `few` is a sentence if the number is based on few events, else "".
    """

    name: str
    title: str
    explanation: str
    value: str
    nothing: str
    few: str
    counts: list[tuple[str, str]]
    chart: Markup | str
    legend: list[str]
    columns: list[str]
    rows: list[list[str]]


def cards(
    figures: Mapping[str, Any],
    trend: Trend,
    labels: Sequence[str],
    *,
    began_at: int | None,
    window: str,
) -> list[Card]:
    """Return the card of every figure; charts begin at *began_at*, the time of the first event."""
    counted = [began_at is not None and bucket.period.until >= began_at for bucket in trend.buckets]
    return [_card(layout, figures, trend, labels, counted, window) for layout in LAYOUTS]


def _card(
    layout: CardLayout,
    figures: Mapping[str, Any],
    trend: Trend,
    labels: Sequence[str],
    counted: Sequence[bool],
    window: str,
) -> Card:
    numbers = figures[layout.name]
    parts = [part[layout.name] for part in trend.figures]
    measure, format_ = layout.main
    visible = [counted_ and layout.drawn_when(part) for part, counted_ in zip(parts, counted, strict=True)]
    firm = [
        part[layout.basis[0]] >= _FEW if layout.basis else bucket.whole
        for part, bucket in zip(parts, trend.buckets, strict=True)
    ]
    drawn = [
        Series(
            name, [part[line] if shown else None for part, shown in zip(parts, visible, strict=True)], firm
        )
        for name, line in layout.lines
    ]
    return Card(
        name=layout.name,
        title=layout.title,
        explanation=layout.explanation.format(window=window),
        value=format_(numbers[measure]),
        nothing=layout.nothing if numbers[measure] is None else "",
        few=_few(layout, numbers),
        counts=[(label, write(numbers[name])) for label, name, write in layout.counts],
        chart=_chart(layout, drawn, trend, labels),
        legend=[series.name for series in drawn] if len(drawn) > 1 else [],
        columns=[heading for heading, _, _ in layout.columns],
        rows=[[write(part[name]) for _, name, write in layout.columns] for part in parts],
    )


def _few(layout: CardLayout, numbers: Mapping[str, Any]) -> str:
    if layout.basis is None or not 0 < numbers[layout.basis[0]] < _FEW:
        return ""
    measure, one, several = layout.basis
    number = numbers[measure]
    return f"Based on a single {one}." if number == 1 else f"Based on {number} {several} only."


def _chart(layout: CardLayout, drawn: Sequence[Series], trend: Trend, labels: Sequence[str]) -> Markup | str:
    values = [value for series in drawn for value in series.values]
    if all(value is None for value in values):
        return ""
    label = f"{layout.title} by {trend.unit}; the table below has the numbers"
    scale = layout.scale(values)
    if layout.name == metrics.FREQUENCY:
        return charts.bars(label, labels, drawn[0], scale)
    return charts.lines(label, labels, drawn, scale)
