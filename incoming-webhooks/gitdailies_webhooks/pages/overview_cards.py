"""The five cards of the overview. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup

from gitdailies_webhooks.figures import metrics, series
from gitdailies_webhooks.figures.durations import NOTHING
from gitdailies_webhooks.figures.tally import Tally, median
from gitdailies_webhooks.pages import phrases, sparks
from gitdailies_webhooks.pages.event_links import Piece
from gitdailies_webhooks.pages.event_view import NAMES
from gitdailies_webhooks.pages.formatting import (
    FEW,
    LEAST_FOR_PERCENT,
    amount,
    count,
    duration,
    part_in_percent,
    percent,
    unbroken,
)


class Units(NamedTuple):
    """The sums in each unit of a period, such as a week, and whether the unit is whole."""

    name: str
    sums: Sequence[Tally]
    whole: Sequence[bool]


class _Drawn(NamedTuple):
    """How a figure is drawn: its value in a unit (None: nothing to draw), of how many, and its text."""

    value: Callable[[Tally], float | None]
    of: Callable[[Tally], int]
    text: Callable[[float | None], str]


def _seconds(us: float | None) -> str:
    return duration(None if us is None else us / 1e6)


_DRAWN = {
    # A count is exact, however small it is.
    metrics.FREQUENCY: _Drawn(lambda found: found.deploys, lambda _: FEW, count),
    metrics.LEAD_TIME: _Drawn(
        lambda found: median(found.lead_times), lambda found: len(found.lead_times), _seconds
    ),
    metrics.FAIL_RATE: _Drawn(
        lambda found: metrics.ratio(found.failed, found.settled), lambda found: found.settled, percent
    ),
    metrics.RECOVERY: _Drawn(
        lambda found: median(found.recoveries), lambda found: len(found.recoveries), _seconds
    ),
    metrics.REWORK: _Drawn(
        lambda found: metrics.ratio(found.rework, found.deploys), lambda found: found.deploys, percent
    ),
}


def cards(
    whole: series.Summary, open_now: Piece, units: Units, observed: Mapping[str, str] | None
) -> list[dict[str, Any]]:
    """Return the five cards: title, value, the lines below it, what became of it, and a small drawing.

    *observed* says from when days count, if that is later than the period begins.
    """
    frequency, lead, fail, recovery, rework = (whole.total[figure] for figure in metrics.FIGURES)
    by_remedy = recovery["byRemedy"]
    often, within = phrases.frequency(frequency["deploys"], frequency["days"], frequency["value"], observed)
    deploys = amount(frequency["deploys"], "deploy", "deploys")
    shown: dict[str, tuple[str, str, list[str | Piece]]] = {
        metrics.FREQUENCY: (
            NAMES[metrics.FREQUENCY],
            often,
            [within or f"{deploys} {_during(frequency['days'], observed)}"] if frequency["days"] else [],
        ),
        metrics.LEAD_TIME: (
            NAMES[metrics.LEAD_TIME],
            duration(lead["median"]),
            [
                phrases.median_of(lead["commits"], "commit", "commits"),
                f"middle half {duration(lead['p25'])} to {duration(lead['p75'])}",
                _unknown(lead["unknownDeploys"]),
            ]
            if lead["commits"]
            else [_unknown(lead["unknownDeploys"])],
        ),
        metrics.FAIL_RATE: (
            NAMES[metrics.FAIL_RATE],
            _part(fail["failed"], fail["settled"]),
            [
                _percent(fail["failed"], fail["settled"], fail),
                _young(fail["failedYoung"], fail["failedYoung"] + fail["pending"]),
            ],
        ),
        metrics.RECOVERY: (
            NAMES[metrics.RECOVERY],
            duration(recovery["median"] if recovery["recovered"] else by_remedy["median"]),
            [
                phrases.median_of(recovery["recovered"], "recovered deploy", "recovered deploys")
                if recovery["recovered"]
                else "",
                phrases.by_remedy(by_remedy),
                open_now,
            ],
        ),
        metrics.REWORK: (
            NAMES[metrics.REWORK],
            _part(rework["rework"], rework["deploys"]),
            [_percent(rework["rework"], rework["deploys"], rework)],
        ),
    }
    return [
        {
            "name": figure,
            "title": title,
            "value": value,
            "is_empty": value == NOTHING or (figure == metrics.FREQUENCY and not frequency["deploys"]),
            "lines": [line if isinstance(line, Piece) else Piece(line) for line in lines if line],
            "spark": _spark(title, _DRAWN[figure], units),
            "change": ""
            if whole.change is None or whole.before is None
            else phrases.change(figure, whole.change[figure], whole.before[figure]),
        }
        for figure, (title, value, lines) in shown.items()
    ]


def _during(days: float, observed: Mapping[str, str] | None) -> str:
    """Write how long deploys were counted: over the whole period, or since the first event."""
    return f"in {phrases.span(days)}" if observed is None else f"since {observed['day']} {observed['time']}"


def _part(some: int, whole: int) -> str:
    return f"{count(some)} of {count(whole)}" if whole else NOTHING


def _percent(some: int, whole: int, numbers: Mapping[str, Any]) -> str:
    """Write a rate in percent, unless it is of few, and its interval."""
    interval = phrases.between(numbers)
    if whole < LEAST_FOR_PERCENT:
        return interval
    known = unbroken(part_in_percent(some, whole))
    return f"{known} ({interval})" if interval else known


def _spark(title: str, drawn: _Drawn, units: Units) -> Markup:
    """Draw a figure in each unit: paler where few events are behind it or the unit is not whole."""
    values = [drawn.value(found) for found in units.sums]
    sure = [whole and drawn.of(found) >= FEW for found, whole in zip(units.sums, units.whole, strict=True)]
    label = f"{title} by {units.name}: {', '.join(map(drawn.text, values))}"
    heights = [value or 0 for value in values]
    return sparks.bars(label, heights, sure, max(heights, default=0), wide=True)


def _unknown(deploys: int) -> str:
    """Write how many deploys have a commit without a lead time."""
    return f"unknown for {count(deploys)} {'deploy' if deploys == 1 else 'deploys'}" if deploys else ""


def _young(failed: int, young: int) -> str:
    """Write how many deploys are not settled, in neither number of the rate."""
    return f"not judged yet: {count(young)}, {count(failed)} failed so far" if young else ""
