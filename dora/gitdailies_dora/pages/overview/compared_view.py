"""Turn two teams, or two repositories, into what their page shows: five cards, each with a chart of both."""

from collections.abc import Mapping
from typing import Any

from gitdailies_dora.derived.read.figures.compared import Compared
from gitdailies_dora.figures.answers.comparison import is_clear
from gitdailies_dora.figures.answers.numbers import FAIL_RATE, RECOVERY, Figures
from gitdailies_dora.figures.answers.series import SeriesQuestion
from gitdailies_dora.figures.history.settings import FigureSettings
from gitdailies_dora.figures.words.rates import fail_rate
from gitdailies_dora.pages.charts.figure_charts import Trends, drawn_both
from gitdailies_dora.pages.frame import phrases
from gitdailies_dora.pages.frame.event_links import urls_of_counts
from gitdailies_dora.pages.frame.formatting import BEHIND_US, amount, dora_url, moment, unbroken_units
from gitdailies_dora.pages.overview.cards import LAYOUTS, CardLayout
from gitdailies_dora.pages.overview.overview_view import period_words
from gitdailies_dora.pages.overview.repository_view import form, trends_of

# The field of the second team or repository.
WITH = "with"


def context(
    found: Compared, filters: Mapping[str, str], question: SeriesQuestion, settings: FigureSettings
) -> dict[str, Any]:
    """Return everything that the page shows."""
    (by,), (environment,), period = question.by, question.environments, question.period
    place = {name: filters.get(name, "") for name in ("service", "team")}
    place["environment"] = environment or settings.production_name
    cut = [one.bucket for one in found.groups[0].buckets]
    spans = [period, *(bucket.period for bucket in cut)]
    # The lists of the period and of each bucket; an earlier moment has none.
    listed = [
        [
            {} if filters.get("now") else urls_of_counts({**place, by: one.key}, span, settings.window_us)
            for span in spans
        ]
        for one in found.groups
    ]
    trends = [
        trends_of(question.interval, cut, group.first, period.until, found.changed) for group in found.groups
    ]
    return {
        **form(filters, found.choices),
        "wall": "",
        "sides": [(one.name, dora_url(filters, **{by: one.key, WITH: None})) for one in found.groups],
        "place": place["environment"],
        "period": period_words(period, settings),
        "as_of": moment(found.as_of, settings.zone),
        "behind": period.now - found.as_of > BEHIND_US,
        "shared": found.shared,
        "unknown": found.unknown,
        "changed": phrases.changed_settings(found.changed, settings.zone),
        "observed": {
            one.name: phrases.observed(one.figures.deployment_frequency, settings.zone)
            for one in found.groups
        },
        "unit": question.interval,
        "cards": [_card(layout, found, trends, listed) for layout in LAYOUTS],
    }


def _card(
    layout: CardLayout[Any], found: Compared, trends: list[Trends], listed: list[list[dict[str, str]]]
) -> dict[str, Any]:
    names = [group.name for group in found.groups]
    values = [[layout.drawn(bucket) for bucket in group.buckets] for group in found.groups]
    unit = phrases.unit_of(group.figures for group in found.groups)
    figures = [unbroken_units(_value(layout.name, group.figures, unit)) for group in found.groups]
    drawn = drawn_both(layout.measure, names, values, trends)
    return {
        "name": layout.name,
        "title": layout.measure.title,
        "sides": list(zip(names, figures, (lists[0] for lists in listed), strict=True)),
        "difference": phrases.difference(layout.name, found.apart, names),
        "is_clear": is_clear(found.apart.by_figure[layout.name]),
        "drawn": drawn,
        "by_remedy": layout.name == RECOVERY
        and any(group.figures.failed_deployment_recovery_time.by_remedy.count for group in found.groups),
        "rows": [
            (title, list(zip(cells[::2], cells[1::2], lists, strict=True)))
            for title, cells, *lists in zip(
                trends[0].titles, drawn.cells, *(lists[1:] for lists in listed), strict=True
            )
        ],
    }


def _value(figure: str, figures: Figures, unit: tuple[int, str]) -> str:
    """Write a figure with the count behind it; a recovery by remedies alone, if no other one is known."""
    recovery, fail = figures.failed_deployment_recovery_time, figures.change_fail_rate
    if figure == FAIL_RATE and (said := fail_rate(fail)).find(" of ") < 0 < fail.settled:
        return f"{said}, {amount(fail.settled, 'settled deploy', 'settled deploys')}"
    if figure == RECOVERY and not recovery.recovered and recovery.by_remedy.count:
        return phrases.by_remedy(recovery.by_remedy)
    return phrases.value(figure, figures, unit)
