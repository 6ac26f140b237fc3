"""What may count twice is fetched up to where the relay began to tell of it, or where the user says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from gitdailies_cli.history import live
from gitdailies_connection.config.load import load
from gitdailies_core.errors import UsageError

from tests.support.relay.deliveries import pagerduty
from tests.support.relay.running import configure, in_thread

WHY = "what is fetched has other ids"
LONG_AGO = datetime(2025, 6, 1, tzinfo=UTC)


def end(
    file: Path,
    *,
    source: str = "pagerduty",
    until: datetime | None = None,
    live_since: datetime | None = None,
) -> datetime | None:
    return live.end(WHY, source=source, configuration=load(file), until=until, live_since=live_since)


@pytest.fixture
def told(tmp_path: Path) -> Path:
    """The configuration of a relay whose store holds one delivery of PagerDuty, and none of Datadog."""
    file = configure(tmp_path)
    with in_thread(file) as relay:
        assert pagerduty("incident.triggered", "Q1LARK7XW2M4CD").post(relay.url).status_code == 202
    return file


def test_a_source_that_the_relay_tells_of_needs_to_be_told_since_when(told: Path) -> None:
    """Without --live-since it is refused, and the oldest delivery of the store is named."""
    with pytest.raises(
        UsageError, match="--live-since: expected the time of the relay's first event"
    ) as caught:
        end(told)

    assert f"{datetime.now(UTC):%Y-%m-%dT%H}" in str(caught.value)
    assert WHY in str(caught.value)
    assert "--overlap" in str(caught.value)


def test_the_window_ends_where_the_relay_began(told: Path) -> None:
    """--live-since is the end, unless an earlier one is asked for; a later one is refused."""
    earlier = LONG_AGO - timedelta(days=9)

    assert end(told, live_since=LONG_AGO) == LONG_AGO
    assert end(told, live_since=LONG_AGO, until=earlier) == earlier
    with pytest.raises(UsageError, match="--until: expected no later than --live-since, got 2025-06-10"):
        end(told, live_since=LONG_AGO, until=LONG_AGO + timedelta(days=9))


def test_a_time_that_the_store_belies_is_refused(told: Path) -> None:
    """A relay that has a delivery of the source before --live-since did not begin then."""
    later = datetime.now(UTC) + timedelta(days=1)

    with pytest.raises(UsageError, match="--live-since: expected no later than 20"):
        end(told, live_since=later)


def test_what_the_relay_was_never_told_is_fetched_up_to_now(told: Path) -> None:
    """A source without a delivery in the store, or that stands in no file, ends where it is asked to."""
    assert end(told, source="datadog") is None
    assert end(told, source="elsewhere", until=LONG_AGO) == LONG_AGO
    nowhere = live.end(WHY, source="datadog", configuration=None, until=None, live_since=None)
    assert nowhere is None


def test_a_store_that_is_not_here_tells_nothing(tmp_path: Path) -> None:
    """A relay on another machine may tell of the source: --live-since is asked for, and taken as it is."""
    file = configure(tmp_path)

    with pytest.raises(UsageError, match="--live-since: expected the time"):
        end(file)
    assert end(file, live_since=LONG_AGO) == LONG_AGO
    assert end(file, live_since=datetime.now(UTC) + timedelta(days=1)) is None
