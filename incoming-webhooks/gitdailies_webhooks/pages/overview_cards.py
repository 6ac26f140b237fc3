"""The five cards of the overview. Pure."""

from __future__ import annotations

from typing import Any

from gitdailies_webhooks.figures import metrics, series
from gitdailies_webhooks.figures.durations import duration
from gitdailies_webhooks.pages import phrases
from gitdailies_webhooks.pages.event_links import Piece
from gitdailies_webhooks.pages.formatting import count, decimal, fraction, rate, unbroken


def cards(whole: series.Summary, open_now: Piece) -> list[dict[str, Any]]:
    """Return the five cards: title, value, the lines below it, and what became of it."""
    frequency, lead, fail, recovery, rework = (whole.total[figure] for figure in metrics.FIGURES)
    by_remedy = recovery["byRemedy"]
    shown: dict[str, tuple[str, str, list[str | Piece]]] = {
        metrics.FREQUENCY: (
            "Deploys",
            rate(frequency["value"]),
            [f"{count(frequency['deploys'])} in {decimal(frequency['days'])} days"],
        ),
        metrics.LEAD_TIME: (
            "Change lead time",
            duration(lead["median"]),
            [
                f"median of {count(lead['commits'])} commits",
                f"middle half {duration(lead['p25'])} to {duration(lead['p75'])}" if lead["commits"] else "",
            ],
        ),
        metrics.FAIL_RATE: (
            "Change fail rate",
            fraction(fail["failed"], fail["settled"]),
            [
                phrases.between(fail),
                _young(fail["failedYoung"], fail["failedYoung"] + fail["pending"]),
            ],
        ),
        metrics.RECOVERY: (
            "Recovery time",
            duration(recovery["median"] if recovery["recovered"] else by_remedy["median"]),
            [
                f"median of {count(recovery['recovered'])} by incidents" if recovery["recovered"] else "",
                phrases.by_remedy(by_remedy),
                open_now,
            ],
        ),
        metrics.REWORK: (
            "Rework rate",
            fraction(rework["rework"], rework["deploys"]),
            [phrases.between(rework)],
        ),
    }
    return [
        {
            "name": figure,
            "title": title,
            "value": _whole(value),
            "lines": [line if isinstance(line, Piece) else Piece(line) for line in lines if line],
            "change": ""
            if whole.change is None or whole.before is None
            else phrases.change(figure, whole.change[figure], whole.before[figure]),
        }
        for figure, (title, value, lines) in shown.items()
    ]


def _whole(value: str) -> str:
    """Keep the percent of a rate in one line: 12 of 150 (8 %)."""
    counts, mark, percent = value.partition("(")
    return counts + unbroken(mark + percent)


def _young(failed: int, young: int) -> str:
    """Write how many deploys are not settled, in neither number of the rate."""
    return f"not judged yet: {count(young)}, {count(failed)} failed so far" if young else ""
