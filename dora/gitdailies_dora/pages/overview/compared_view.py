"""Turn two teams, or two repositories, into what their page shows: five cards, each with a chart of both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gitdailies_dora.derived.read.figures.compared import Compared, Group
from gitdailies_dora.figures.answers.numbers import FAIL_RATE, RECOVERY, Figures
from gitdailies_dora.figures.answers.series import SeriesQuestion
from gitdailies_dora.figures.history.settings import FigureSettings
from gitdailies_dora.figures.words.rates import fail_rate
from gitdailies_dora.pages.charts.figure_charts import Trends, drawn_both
from gitdailies_dora.pages.frame import phrases
from gitdailies_dora.pages.frame.event_links import urls_of_counts
from gitdailies_dora.pages.frame.formatting import (
    BEHIND_US,
    amount,
    dora_url,
    moment,
    rate_unit,
    unbroken_units,
)
from gitdailies_dora.pages.overview.cards import LAYOUTS, CardLayout
from gitdailies_dora.pages.overview.overview_view import BUCKET_LABELS, bucket_title, period_words
from gitdailies_dora.pages.overview.repository_view import form

# The field of the second team or repository.
WITH = "with"


def context(
    found: Compared, filters: Mapping[str, str], question: SeriesQuestion, settings: FigureSettings
) -> dict[str, Any]:
    """Return everything that the page shows."""
    (by,), period = question.by, question.period
    (environment,) = question.environments
    environment = environment or settings.production_name
    cut = [one.bucket for one in found.groups[0].buckets]
    titles = [bucket_title(question.interval, bucket) for bucket in cut]

    def listed(group: Group) -> list[Mapping[str, str]]:
        """Return the addresses of the lists of the period, and of each bucket; none of an earlier moment."""
        if filters.get("now"):
            return [{}] * (len(cut) + 1)
        place = {"service": filters.get("service", ""), "team": filters.get("team", ""), by: group.key}
        place["environment"] = environment
        periods = (period, *(bucket.period for bucket in cut))
        return [urls_of_counts(place, one, settings.window_us) for one in periods]

    lists = [listed(group) for group in found.groups]
    trends = [
        Trends(
            unit=question.interval,
            buckets=cut,
            labels=[BUCKET_LABELS[question.interval].format(bucket.local_begin) for bucket in cut],
            titles=titles,
            counted=[group.first is not None and group.first <= bucket.period.until for bucket in cut],
            settled_until=period.until,
        )
        for group in found.groups
    ]
    return {
        **form(filters),
        "wall": "",
        "names": [group.name for group in found.groups],
        "alone": [dora_url(filters, **{by: group.key, WITH: None}) for group in found.groups],
        "swapped": dora_url(filters, **{by: filters[WITH], WITH: filters[by]}),
        "place": environment,
        "period": period_words(period, settings),
        "as_of": moment(found.as_of, settings.zone),
        "behind": period.now - found.as_of > BEHIND_US,
        "shared": found.shared,
        "unknown": found.unknown,
        "unit": question.interval,
        "cards": [_card(layout, found, trends, lists) for layout in LAYOUTS],
        "clear": [
            said
            for layout in LAYOUTS
            if " than " in (said := phrases.difference(layout.name, found.apart, _names(found)))
        ],
        "repos": found.choices.repos,
        "environments": found.choices.environments,
    }


def _names(found: Compared) -> list[str]:
    return [group.name for group in found.groups]


def _card(
    layout: CardLayout[Any], found: Compared, trends: list[Trends], lists: list[list[Mapping[str, str]]]
) -> dict[str, Any]:
    names = _names(found)
    values = [[layout.value(bucket) for bucket in group.buckets] for group in found.groups]
    often = [group.figures.deployment_frequency.value for group in found.groups]
    unit = rate_unit(min(filter(None, often), default=0))
    drawn = drawn_both(layout.measure, names, values, trends)
    return {
        "name": layout.name,
        "title": layout.measure.title,
        "sides": [
            (group.name, unbroken_units(_value(layout.name, group.figures, unit)), of_group[0])
            for group, of_group in zip(found.groups, lists, strict=True)
        ],
        "difference": phrases.difference(layout.name, found.apart, names),
        "chart": drawn.chart,
        "caption": drawn.caption,
        "columns": drawn.columns,
        "rows": [
            (title, list(zip(cells[::2], cells[1::2], (one[at] for one in lists), strict=True)))
            for at, (title, cells) in enumerate(zip(trends[0].titles, drawn.cells, strict=True), 1)
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
