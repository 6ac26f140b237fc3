"""What a relay needs a person for, out of its status."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from gitdailies_connection.relay.answers import RelayStatus
from gitdailies_relay.operations import attention, outcomes

from tests.support.relay.reports import IDLE, plain

TABLE = yaml.safe_load((Path(__file__).parent / "data/attention.yml").read_text())
NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)


@pytest.mark.parametrize("case", TABLE["cases"], ids=lambda case: str([one[0] for one in case["alerts"]]))
def test_each_fault_is_one_alert(case: dict[str, Any]) -> None:
    """It has the outcome and the source that select its deliveries. A paused relay has one alert alone."""
    server = {**TABLE["running"], **case.get("server", {})}
    status = msgspec.convert({**plain(IDLE), **case.get("status", {}), "server": server}, RelayStatus)
    found = [[one.code, one.text, one.outcome, one.source] for one in attention.alerts(status, NOW)]
    assert found == case["alerts"]
    assert {outcome for _, _, outcome, _ in found} <= {None, *outcomes.OUTCOMES}


def test_the_limits_are_those_of_the_alert_rules() -> None:
    """Prometheus and the pages call an event late, and an incident open for long, at the same age."""
    rules = (Path(__file__).parents[3] / "deployment" / "alerts.yml").read_text()
    assert f"gitdailies_relay_oldest_undelivered_seconds) > {attention.LATE_SECONDS}\n" in rules
    assert attention.OPEN_SECONDS == 14 * 86400
    assert "gitdailies_relay_oldest_open_incident_seconds) > 14 * 86400\n" in rules
