"""Whether a source is silent for longer than usual, from what it sent on each day."""

from __future__ import annotations

import random

import pytest
from gitdailies_relay.accepting.source_days import DAY_US, SourceDay, source_days
from gitdailies_relay.operations.source_health import SourceHealth, health_of

HOUR_US = DAY_US // 24
FIRST = 20_000 * DAY_US


def sent_every(hours: float, days: int) -> list[SourceDay]:
    """The days of a source that sent regularly since FIRST."""
    count = int(days * 24 / hours)
    return source_days([("pagerduty", FIRST + int(number * hours * HOUR_US)) for number in range(count + 1)])


def health(days: list[SourceDay], hours_later: float) -> SourceHealth:
    return health_of("pagerduty", days, days[-1].last_at + int(hours_later * HOUR_US))


@pytest.mark.parametrize(
    ("every", "hours_later", "silent"),
    [
        (6, 5, False),
        (6, 11.9, False),
        (6, 12.1, True),
        (6, 24 * 365, True),
        # An hour is never long.
        (0.1, 0.9, False),
        (0.1, 1.1, True),
        (6, -3, False),
    ],
)
def test_a_silence_is_long_when_it_is_twice_the_usual_one(
    every: float, hours_later: float, silent: bool
) -> None:
    """Twice the longest of the last four weeks, and at least an hour."""
    found = health(sent_every(every, 14), hours_later)
    assert found.usual_silence == int(every * HOUR_US)
    assert found.is_silent == silent


def test_a_quiet_weekend_is_usual() -> None:
    """A source that sends hourly on work days is not silent on a Sunday, and is on a Tuesday."""
    times = [
        FIRST + day * DAY_US + hour * HOUR_US for day in range(12) if day % 7 < 5 for hour in range(8, 18)
    ]
    days = source_days([("pagerduty", at) for at in times])
    weekend = 2 * DAY_US + 15 * HOUR_US
    assert health(days, 0).usual_silence == weekend
    assert not health(days, 48).is_silent
    assert health(days, 2 * weekend / HOUR_US + 1).is_silent


def test_before_a_week_nothing_is_usual() -> None:
    """A source that is new, or sends seldom, is never called silent."""
    for days in (sent_every(1, 6), sent_every(40, 14)):
        found = health(days, 24 * 300)
        assert (found.usual_silence, found.is_silent) == (None, False)
        assert found.last_at == days[-1].last_at
    assert health_of("new", [], FIRST) == SourceHealth("new")


def test_what_is_older_than_four_weeks_does_not_count() -> None:
    """A long silence is forgotten after four weeks of deliveries."""
    days = sent_every(200, 9)
    late = source_days(
        [("pagerduty", days[-1].last_at + 20 * DAY_US + number * HOUR_US) for number in range(28 * 24)]
    )
    assert health([*days, *late], 1).usual_silence == HOUR_US
    assert health([*days, *late[:7]], 1).usual_silence != HOUR_US


def test_batches_add_up_in_any_division() -> None:
    """The gaps inside days are the same, however the deliveries of a day are divided into commits."""
    chance = random.Random(7)
    times = sorted(FIRST + chance.randrange(3 * DAY_US) for _ in range(200))
    whole = source_days([("s", at) for at in times])
    for cut in (1, 50, 199):
        parts = [
            *source_days([("s", at) for at in times[:cut]]),
            *source_days([("s", at) for at in times[cut:]]),
        ]
        joined: dict[int, SourceDay] = {}
        for part in parts:
            before = joined.get(part.day)
            # As the stores' statements do it.
            joined[part.day] = (
                part
                if before is None
                else SourceDay(
                    "s",
                    part.day,
                    before.deliveries + part.deliveries,
                    min(before.first_at, part.first_at),
                    max(before.last_at, part.last_at),
                    max(before.longest_gap, part.longest_gap, part.first_at - before.last_at),
                )
            )
        assert [joined[day.day] for day in whole] == whole
