"""Rolling values and spreads: they are the figures of the deploys between two moments, and no others."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from gitdailies_webhooks.figures import rolling
from gitdailies_webhooks.figures.comparison import Part, wilson
from gitdailies_webhooks.figures.metrics import DeployRow, Unlinked, figures, select_rows
from gitdailies_webhooks.figures.rolling import LEAST_FOR_HALF, LEAST_ROLLING, beside
from gitdailies_webhooks.figures.selection import Period
from gitdailies_webhooks.figures.trend import buckets
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.figures.asking import compute, us
from tests.support.figures.histories import HISTORIES, QUESTIONS
from tests.support.forms import examples

DAY = 86_400_000_000
BEHIND = {
    "changeLeadTime": ("median", "count"),
    "changeFailRate": ("value", "denominator"),
    "failedDeploymentRecoveryTime": ("median", "count"),
    "deploymentReworkRate": ("value", "denominator"),
}


def expected(deploys: list[DeployRow], period: Period, window: int) -> dict[str, Any]:
    return figures(deploys, unlinked=Unlinked(0, 0), period=period, observed_from=None, window=window)


@settings(
    max_examples=examples(200),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(HISTORIES, QUESTIONS)
def test_a_rolling_value_is_the_figure_of_its_span(
    events: list[dict[str, Any]], question: dict[str, str]
) -> None:
    """A line has the figure of the four weeks up to the end of a bucket, or of a longer bucket."""
    computed = compute(events, question)
    period, window = computed.selection.period, computed.settings.window_us
    wide = replace(period, began_at=rolling.needed_from(period))
    deploys, _ = select_rows(computed.facts, replace(computed.selection, period=wide))
    cut = [bucket.period for bucket in buckets(period)[1]]
    for part, found in zip(cut, beside(deploys, cut, period.now - window), strict=True):
        began = min(part.began_at, rolling.needed_from(replace(period, began_at=part.until)))
        span = expected(
            [row for row in deploys if began <= row.at and row.at in wide_until(part)], part, window
        )
        own = expected([row for row in deploys if row.at in part], part, window)
        for figure, (value, count) in BEHIND.items():
            numbers, rolled = span[figure], found[figure].rolling
            if numbers[count] < LEAST_ROLLING:
                assert rolled is None
            else:
                assert rolled is not None
                assert (rolled.value, rolled.whole) == (pytest.approx(numbers[value]), numbers[count])
            spread = found[figure].spread
            if value == "median":
                assert (spread is None) == (own[figure]["count"] < LEAST_FOR_HALF)
                assert spread is None or spread.low <= own[figure]["median"] <= spread.high
            else:
                assert spread == wilson(Part(own[figure]["numerator"], own[figure]["denominator"]))


def wide_until(part: Period) -> Period:
    """The times up to the end of a bucket."""
    return replace(part, began_at=-(2**62))


def deploy(number: int, at: int, lead_hours: int = 1) -> DeployRow:
    return DeployRow(f"d{number}", at, False, False, False, 0, str(lead_hours * 3_600_000_000), None, False)


def test_the_weeks_before_the_period_are_in_its_first_values() -> None:
    """The first day of a period has the median of the 28 days up to its end, and not a day more."""
    now = us("2026-04-05T00:00:00+00:00")
    deploys = [deploy(number, now - DAY * (34 - number), lead_hours=number + 1) for number in range(34)]
    period = Period(now - 3 * DAY, now, now)
    cut = [bucket.period for bucket in buckets(period)[1]]
    assert rolling.needed_from(period) == period.began_at - 28 * DAY
    first = beside(deploys, cut, now)[0]["changeLeadTime"].rolling
    assert first is not None
    assert (first.whole, first.value) == (28, 18.5 * 3600)


def test_a_month_that_has_just_begun_is_filled_up_to_four_weeks() -> None:
    """Three days of a month are not a point of their own: its span reaches four weeks back."""
    now = us("2026-04-04T00:00:00+00:00")
    deploys = [deploy(number, now - DAY * (400 - number)) for number in range(400)]
    period = Period(now - 365 * DAY, None, now)
    unit, cut = buckets(period)
    found = [one["changeLeadTime"].rolling for one in beside(deploys, [one.period for one in cut], now)]
    assert unit == "month"
    assert [one.whole for one in found if one][-3:] == [28, 31, 28]


@given(st.integers(0, 400))
def test_the_first_days_of_the_calendar_have_a_span(days: int) -> None:
    """A period in the year 1 needs nothing before the calendar, and no error comes of it."""
    began = us("0001-01-02T00:00:00+00:00") + days * DAY
    assert rolling.needed_from(Period(began, None, began)) == began - timedelta(days=28) // timedelta(
        microseconds=1
    )
