"""The five cards of the overview. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup

from gitdailies_dora.figures.answers.numbers import (
    FAIL_RATE,
    FREQUENCY,
    LEAD_TIME,
    RECOVERY,
    REWORK,
    RateInterval,
    ratio,
)
from gitdailies_dora.figures.answers.series import Summary
from gitdailies_dora.figures.answers.tally import Tally, median
from gitdailies_dora.figures.words.durations import NOTHING
from gitdailies_dora.figures.words.rates import LEAST_FOR_PERCENT, behind, fail_rate, too_new
from gitdailies_dora.pages.charts import sparks
from gitdailies_dora.pages.frame import phrases
from gitdailies_dora.pages.frame.event_links import Piece
from gitdailies_dora.pages.frame.formatting import (
    FEW,
    amount,
    count,
    duration,
    part_in_percent,
    percent,
    rate_unit,
    unbroken,
)
from gitdailies_dora.pages.overview.cards import LAYOUTS, CardContext


class Units(NamedTuple):
    """The sums in each unit of a period, such as a week, whether the unit is whole, and its title.

    `listed` has the addresses of the lists of each.
    """

    name: str
    sums: Sequence[Tally]
    whole: Sequence[bool]
    titles: Sequence[str] = ()
    listed: Sequence[Mapping[str, str]] = ()


class _Drawn(NamedTuple):
    """How a figure is drawn: its value in a unit (None: nothing to draw), of how many, and its text."""

    value: Callable[[Tally], float | None]
    of: Callable[[Tally], int]
    text: Callable[[float | None], str]


_DRAWN = {
    # A count is exact, however small it is.
    FREQUENCY: _Drawn(lambda found: found.deploys, lambda _: FEW, count),
    LEAD_TIME: _Drawn(lambda found: median(found.lead_times), lambda found: len(found.lead_times), duration),
    FAIL_RATE: _Drawn(lambda found: ratio(found.failed, found.settled), lambda found: found.settled, percent),
    RECOVERY: _Drawn(lambda found: median(found.recoveries), lambda found: len(found.recoveries), duration),
    REWORK: _Drawn(lambda found: ratio(found.rework, found.deploys), lambda found: found.deploys, percent),
}

_LEADS_TO = {layout.name: layout.measure.leads_to for layout in LAYOUTS}


def cards(whole: Summary, open_now: Piece, units: Units, context: CardContext) -> list[dict[str, Any]]:
    """Return the five cards: title, value, the lines below it, what became of it, and a small drawing."""
    observed = context.observed
    total, before, changed = whole
    frequency, lead, fail = total.deployment_frequency, total.change_lead_time, total.change_fail_rate
    recovery, rework = total.failed_deployment_recovery_time, total.deployment_rework_rate
    (often, within), unit = phrases.frequency(frequency, observed), rate_unit(frequency.value)
    deploys = amount(frequency.deploys, "deploy", "deploys")
    without: list[str | Piece] = [*phrases.without_lead_time(lead)]
    shown: dict[str, tuple[str, list[str | Piece]]] = {
        FREQUENCY: (
            often,
            [within or f"{deploys} {_during(frequency.days, observed)}"] if frequency.days else [],
        ),
        LEAD_TIME: (
            duration(lead.median),
            [
                phrases.median_of(lead.commits, "commit", "commits"),
                f"middle half {duration(lead.p25)} to {duration(lead.p75)}",
                *without,
            ]
            if lead.commits
            else without,
        ),
        RECOVERY: (
            duration(recovery.median if recovery.recovered else recovery.by_remedy.median),
            [
                phrases.median_of(recovery.recovered, "recovered deploy", "recovered deploys")
                if recovery.recovered
                else "",
                phrases.by_remedy(recovery.by_remedy),
                open_now,
            ],
        ),
        REWORK: (
            f"{count(rework.rework)} of {count(rework.deploys)}" if rework.deploys else NOTHING,
            [
                _percent(rework.rework, rework.deploys, rework.interval),
                amount(rework.inferred, "inferred fix", "inferred fixes") if rework.inferred else "",
            ],
        ),
        FAIL_RATE: (
            fail_rate(fail),
            [
                behind(fail, context.window) if fail.failed else "",
                too_new(fail, context.window) if fail.pending or fail.failed_pending else "",
            ],
        ),
    }
    return [
        {
            "name": figure,
            "title": phrases.FIGURE_NAMES[figure],
            "value": value,
            "is_empty": value == NOTHING or (figure == FREQUENCY and not frequency.deploys),
            "lines": [line if isinstance(line, Piece) else Piece(line) for line in lines if line],
            "spark": _spark(figure, units),
            "change": phrases.change(figure, changed, before, unit) if before and changed else "",
        }
        for figure, (value, lines) in shown.items()
    ]


def _during(days: float, observed: Mapping[str, str] | None) -> str:
    """Write how long deploys were counted: over the whole period, or since the first event."""
    return f"in {phrases.span(days)}" if observed is None else f"since {observed['day']} {observed['time']}"


def _percent(some: int, whole: int, interval_of: RateInterval) -> str:
    """Write a rate in percent, unless it is of few, and its interval."""
    interval = phrases.between(interval_of)
    if whole < LEAST_FOR_PERCENT:
        return interval
    known = unbroken(part_in_percent(some, whole))
    return f"{known} ({interval})" if interval else known


def _spark(figure: str, units: Units) -> Markup:
    """Draw a figure in each unit: paler where few events are behind it or the unit is not whole."""
    drawn = _DRAWN[figure]
    values = [drawn.value(found) for found in units.sums]
    sure = [whole and drawn.of(found) >= FEW for found, whole in zip(units.sums, units.whole, strict=True)]
    label = f"{phrases.FIGURE_NAMES[figure]} by {units.name}: {', '.join(map(drawn.text, values))}"
    certain = [ratio(one.certain, one.settled) for one in units.sums] if figure == FAIL_RATE else []
    label += f"; for certain: {', '.join(map(drawn.text, certain))}" if certain else ""
    return sparks.bars(
        label,
        [value or 0 for value in values],
        sure,
        dark=certain,
        wide=True,
        titles=[f"{title}: {drawn.text(value)}" for title, value in zip(units.titles, values, strict=True)],
        urls=[urls.get(_LEADS_TO[figure], "") for urls in units.listed],
    )
