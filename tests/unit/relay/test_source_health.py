"""Whether a source is silent for longer than usual, from what it sent on each day."""

import pytest
from gitdailies_connection.relay.answers import SourceHealth
from gitdailies_relay.accepting.source_days import DAY_US, SourceDay, source_days
from gitdailies_relay.operations.attention import health_of
from gitdailies_server.storage.timestamps import from_us

HOUR_US = DAY_US // 24
FIRST = 20_000 * DAY_US


def sent_every(hours: float, days: int) -> list[SourceDay]:
    """The days of a source that sent regularly since FIRST."""
    count = int(days * 24 / hours)
    return source_days([("pagerduty", FIRST + int(number * hours * HOUR_US)) for number in range(count + 1)])


def health(days: list[SourceDay], hours_later: float) -> SourceHealth:
    return health_of(days, days[-1].last_at + int(hours_later * HOUR_US))


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
    assert found.usual_silence_seconds == int(every * 3600)
    assert found.silent == silent


def test_a_quiet_weekend_is_usual() -> None:
    """A source that sends hourly on work days is not silent on a Sunday, and is on a Tuesday."""
    times = [
        FIRST + day * DAY_US + hour * HOUR_US for day in range(12) if day % 7 < 5 for hour in range(8, 18)
    ]
    days = source_days([("pagerduty", at) for at in times])
    weekend = 2 * DAY_US + 15 * HOUR_US
    assert health(days, 0).usual_silence_seconds == weekend // 1_000_000
    assert not health(days, 48).silent
    assert health(days, 2 * weekend / HOUR_US + 1).silent


def test_before_a_week_nothing_is_usual() -> None:
    """A source that is new, or sends seldom, is never called silent."""
    for days in (sent_every(1, 6), sent_every(40, 14)):
        found = health(days, 24 * 300)
        assert (found.usual_silence_seconds, found.silent) == (None, False)
        assert found.last_delivery == from_us(days[-1].last_at)
    assert health_of([], FIRST) == SourceHealth()


def test_what_is_older_than_four_weeks_does_not_count() -> None:
    """A long silence is forgotten after four weeks of deliveries."""
    days = sent_every(200, 9)
    late = source_days(
        [("pagerduty", days[-1].last_at + 20 * DAY_US + number * HOUR_US) for number in range(28 * 24)]
    )
    assert health([*days, *late], 1).usual_silence_seconds == 3600
    assert health([*days, *late[:7]], 1).usual_silence_seconds != 3600
