"""The card of each figure: its number, the counts behind it, and its trend as a chart and a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from markupsafe import Markup

from gitdailies_webhooks.figures import metrics
from gitdailies_webhooks.pages import figure_charts, phrases
from gitdailies_webhooks.pages.event_links import Piece
from gitdailies_webhooks.pages.figure_charts import COUNTS, DURATIONS, RATES, Kind, Measure, Trends
from gitdailies_webhooks.pages.formatting import (
    FEW,
    count,
    decimal,
    duration,
    part_in_percent,
    percent,
    unbroken,
)

_Numbers: TypeAlias = Mapping[str, Any]
_Format: TypeAlias = Callable[[float | None], str]


class Headline(NamedTuple):
    """A number at the top of a card, and what it is of, in small letters below it."""

    value: str
    of: str = ""


@dataclass(frozen=True)
class CardLayout:
    """How the card of a figure looks.

    *headlines* writes the numbers at the top, from those of the figure and the window; without one,
    *nothing* says why. *counts* are shown below it, *columns* in the table of the trend, and *kind* says how
    it is drawn. A number in a group has a name like `byRemedy.count`. *basis* is the count behind the
    number, with its word for one and for several; a small one is shown with a warning, unless the figure is
    *exact* with any count. *result* says what the counted ones of a rate did.
    """

    name: str
    title: str
    explanation: str
    headlines: Callable[[_Numbers, str], list[Headline]]
    nothing: str
    counts: tuple[tuple[str, str, _Format], ...]
    columns: tuple[tuple[str, str, _Format], ...]
    kind: Kind
    basis: tuple[str, str, str]
    result: str = ""
    exact: bool = False


def _frequency(numbers: _Numbers, _: str) -> list[Headline]:
    if numbers["value"] is None:
        return []
    return [
        Headline(
            *phrases.frequency(
                numbers["numerator"], numbers["denominator"], numbers["value"], numbers.get("observed")
            )
        )
    ]


def _lead_time(numbers: _Numbers, _: str) -> list[Headline]:
    return [] if numbers["median"] is None else [Headline(duration(numbers["median"]))]


def _fail_rate(numbers: _Numbers, window: str) -> list[Headline]:
    found = []
    if numbers["denominator"]:
        found.append(_part(numbers, "failed"))
    failed, young = numbers["failedYoung"], numbers["failedYoung"] + numbers["pending"]
    if young:
        has = "has" if 1 in (failed, young) else "have"
        some = f"{count(failed)} of {count(young)}"
        found.append(Headline(some, f"{has} failed so far, in the last {unbroken(window)}"))
    return found


def _recovery(numbers: _Numbers, _: str) -> list[Headline]:
    by_remedy = numbers["byRemedy"]["median"]
    found = [] if numbers["median"] is None else [Headline(duration(numbers["median"]))]
    if by_remedy is not None:
        found = [one._replace(of="by incidents") for one in found]
        found.append(Headline(duration(by_remedy), "by rollback or hotfix"))
    return found


def _rework(numbers: _Numbers, _: str) -> list[Headline]:
    return [_part(numbers, "rework")] if numbers["denominator"] else []


def _part(numbers: _Numbers, result: str) -> Headline:
    some, whole = numbers["numerator"], numbers["denominator"]
    written = [result, "" if whole < FEW else unbroken(part_in_percent(some, whole))]
    return Headline(f"{count(some)} of {count(whole)}", ", ".join(filter(None, written)))


_PERCENTILES = frozenset({"p90", "gapP90"})
_MEDIANS = (("Median", "median", duration), ("90th percentile", "p90", duration))

LAYOUTS = (
    CardLayout(
        metrics.FREQUENCY,
        "Deployment frequency",
        "All deploys, including rollbacks and hotfixes, divided by the days of the period up to now. Days "
        "count from the day of the first event on. Gap: the time between a deploy and the next.",
        _frequency,
        "nothing happened yet",
        (
            ("Deploys", "numerator", count),
            ("Days", "denominator", decimal),
            ("Median gap", "medianGap", duration),
            ("90th percentile gap", "gapP90", duration),
        ),
        (
            ("Deploys", "numerator", count),
            ("Days", "denominator", decimal),
            ("Deploys a day", "value", decimal),
            ("Median gap", "medianGap", duration),
        ),
        COUNTS,
        ("numerator", "deploy", "deploys"),
        exact=True,
    ),
    CardLayout(
        metrics.LEAD_TIME,
        "Change lead time",
        "The time from a commit to the first deploy with it in its repository, environment and "
        "service. Unknown deploys: the first one there, and those without a list of commits. "
        "Unknown commits: those without a time, or with a time after their deploy.",
        _lead_time,
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
        DURATIONS,
        ("count", "commit", "commits"),
    ),
    CardLayout(
        metrics.FAIL_RATE,
        "Change fail rate",
        "Failed deploys divided by settled deploys. Settled: at least {window} old. Failed: an incident is "
        "attributed to the deploy, or a later deploy remedied it: a rollback, a hotfix or a revert. Pending "
        "and recent failures: younger than {window}, so in neither number. Unlinked incidents: attributed to "
        "no deploy.",
        _fail_rate,
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
        RATES,
        ("denominator", "settled deploy", "settled deploys"),
        "failed",
    ),
    CardLayout(
        metrics.RECOVERY,
        "Failed deployment recovery time",
        "For each failed deploy, the time from the start of its first incident until none of the incidents "
        "that overlap is open. Failed, still open: an incident of the deploy has not ended yet. By rollback "
        "or hotfix: the deploy failed without an incident; the time from the deploy to the first later "
        "deploy that remedied it. Recovery unknown: all incidents of the deploy were merged or canceled. "
        "Open incidents: all that are open now, also those that are attributed to no deploy.",
        _recovery,
        "no failed deploy that has recovered",
        (
            ("90th percentile", "p90", duration),
            ("Recovered", "count", count),
            ("Failed, still open", "open", count),
            ("By rollback or hotfix", "byRemedy.count", count),
            ("Recovery unknown", "withoutIncident", count),
        ),
        (
            *_MEDIANS,
            ("Recovered", "count", count),
            ("Failed, still open", "open", count),
            ("By rollback or hotfix", "byRemedy.count", count),
            ("Recovery unknown", "withoutIncident", count),
        ),
        DURATIONS,
        ("count", "recovered deploy", "recovered deploys"),
    ),
    CardLayout(
        metrics.REWORK,
        "Deployment rework rate",
        "Rollbacks, hotfixes and deploys that name the incident they fix, divided by all deploys. A deploy "
        "that goes back to an earlier commit is a rollback.",
        _rework,
        "no deploy",
        (("Rework", "numerator", count), ("Deploys", "denominator", count)),
        (
            ("Rate", "value", percent),
            ("Rework", "numerator", count),
            ("Deploys", "denominator", count),
        ),
        RATES,
        ("denominator", "deploy", "deploys"),
    ),
)


class Card(NamedTuple):
    """A figure as the template shows it; `chart` is "" if there is nothing to draw.

    `few` is a sentence if the number is based on few events, and `wide` one if a window of 72 hours would
    attribute more incidents; else they are "".
    """

    name: str
    title: str
    explanation: str
    headlines: list[Headline]
    nothing: str
    few: str
    wide: str
    counts: list[tuple[str, Piece]]
    chart: Markup | str
    caption: str
    columns: list[str]
    rows: list[list[str]]


def cards(figures: Mapping[str, Any], trends: Trends, *, window: str, open_now: Piece) -> list[Card]:
    """Return the card of every figure; *open_now* is the number of open incidents, a link to their list."""
    more = {metrics.RECOVERY: [("Open incidents", open_now)]}
    return [_card(layout, figures, trends, window, more.get(layout.name, [])) for layout in LAYOUTS]


def _card(
    layout: CardLayout, figures: Mapping[str, Any], trends: Trends, window: str, more: list[tuple[str, Piece]]
) -> Card:
    numbers = figures[layout.name]
    parts = [part[layout.name] for part in trends.trend.figures]
    headlines = layout.headlines(numbers, window)
    measure = Measure(layout.name, layout.title, layout.kind, layout.basis, layout.result)
    drawn = figure_charts.drawn(measure, trends)
    # The columns of the chart come right after the value.
    at = 1 if drawn.columns else 0
    columns = [heading for heading, _, _ in layout.columns]
    rows = [[write(_number(part, name)) for _, name, write in layout.columns] for part in parts]
    return Card(
        name=layout.name,
        title=layout.title,
        explanation=layout.explanation.format(window=window),
        headlines=headlines,
        nothing="" if headlines else layout.nothing,
        few=_few(layout, numbers),
        wide=_wide(numbers),
        counts=[
            *((label, Piece(write(_shown(layout, numbers, name)))) for label, name, write in layout.counts),
            *more,
        ],
        chart=drawn.chart,
        caption=drawn.caption,
        columns=[*columns[:at], *drawn.columns, *columns[at:]],
        rows=[[*row[:at], *cells, *row[at:]] for row, cells in zip(rows, drawn.cells, strict=True)],
    )


def _number(numbers: _Numbers, name: str) -> float | None:
    found: Any = numbers
    for key in name.split("."):
        found = found[key]
    number: float | None = found
    return number


def _shown(layout: CardLayout, numbers: _Numbers, name: str) -> float | None:
    """Return a number of a card. Of few, one in ten is none."""
    few = name in _PERCENTILES and numbers[layout.basis[0]] < FEW
    return None if few else _number(numbers, name)


def _wide(numbers: _Numbers) -> str:
    wide = numbers.get("attributedIn72h")
    if not wide:
        return ""
    some = f"{count(wide)} of {count(numbers['unlinked'])} unlinked incidents"
    return f"With a window of 72 h, {some} would be attributed."


def _few(layout: CardLayout, numbers: _Numbers) -> str:
    if layout.exact or not 0 < numbers[layout.basis[0]] < FEW:
        return ""
    measure, one, several = layout.basis
    number = numbers[measure]
    return f"Based on a single {one}." if number == 1 else f"Based on {number} {several} only."
