"""A source with a relay is fetched up to the relay's first event, or up to the time that the user gives."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from gitdailies_cli.history.fetch import end_before_live
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
    return end_before_live(WHY, source=source, configuration=load(file), until=until, live_since=live_since)


@pytest.fixture
def with_delivery(tmp_path: Path) -> Path:
    """The configuration of a relay whose store holds one delivery of PagerDuty, and none of Datadog."""
    file = configure(tmp_path)
    with in_thread(file) as relay:
        assert pagerduty("incident.triggered", "Q1LARK7XW2M4CD").post(relay.url).status_code == 202
    return file


def test_a_source_with_live_deliveries_needs_live_since(with_delivery: Path) -> None:
    """Without --live-since it is refused, and the message has the time of the oldest stored delivery."""
    with pytest.raises(
        UsageError, match="--live-since: expected the time of the relay's first event"
    ) as caught:
        end(with_delivery)

    assert f"{datetime.now(UTC):%Y-%m-%dT%H}" in str(caught.value)
    assert WHY in str(caught.value)
    assert "--overlap" in str(caught.value)


def test_the_window_ends_where_the_relay_began(with_delivery: Path) -> None:
    """The window ends at --live-since or at an earlier --until; a later --until is refused."""
    earlier = LONG_AGO - timedelta(days=9)

    assert end(with_delivery, live_since=LONG_AGO) == LONG_AGO
    assert end(with_delivery, live_since=LONG_AGO, until=earlier) == earlier
    with pytest.raises(UsageError, match="--until: expected no later than --live-since, got 2025-06-10"):
        end(with_delivery, live_since=LONG_AGO, until=LONG_AGO + timedelta(days=9))


def test_a_time_after_the_oldest_delivery_is_refused(with_delivery: Path) -> None:
    """--live-since may not be later than the source's oldest stored delivery."""
    later = datetime.now(UTC) + timedelta(days=1)

    with pytest.raises(UsageError, match="--live-since: expected no later than 20"):
        end(with_delivery, live_since=later)


def test_a_source_without_deliveries_is_fetched_up_to_now(with_delivery: Path) -> None:
    """The window of a source without stored deliveries or configuration ends at --until, or now."""
    assert end(with_delivery, source="datadog") is None
    assert end(with_delivery, source="elsewhere", until=LONG_AGO) == LONG_AGO
    nowhere = end_before_live(WHY, source="datadog", configuration=None, until=None, live_since=None)
    assert nowhere is None


def test_without_the_relays_store_live_since_is_needed(tmp_path: Path) -> None:
    """If the relay runs on another machine, --live-since is required and taken unchecked."""
    file = configure(tmp_path)
    (tmp_path / "relay.db").unlink()

    with pytest.raises(UsageError, match="--live-since: expected the time"):
        end(file)
    assert end(file, live_since=LONG_AGO) == LONG_AGO
    assert end(file, live_since=datetime.now(UTC) + timedelta(days=1)) is None
