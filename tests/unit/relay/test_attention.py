"""What a relay needs a person for, out of its status."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from gitdailies_connection.relay.answers import PausedDelivery, RelayAlert, ServerState, SourceHealth
from gitdailies_relay.operations import attention, outcomes
from msgspec.structs import replace

from tests.support.relay.reports import IDLE

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
RUNNING = ServerState(
    version="1",
    store="sqlite:relay.db",
    store_fault=None,
    circuit="closed",
    circuit_reason=None,
    reload_failed=False,
    receiver="ours",
    receiver_is_sure=True,
)
PAUSED = {"paused": (PausedDelivery("default", None, "manual", "the receiver is being moved", NOW),)}
TUNED = {"paused": (PausedDelivery("default/datadog", "datadog", "manual", "tuning", NOW),)}
LATE = datetime(2026, 3, 4, 11, 29, tzinfo=UTC)
LONG_AGO = datetime(2026, 2, 18, 11, tzinfo=UTC)
SILENT = {"sources": {"datadog": SourceHealth(silent=True)}}


def alerts(status: dict[str, Any], server: dict[str, Any]) -> list[RelayAlert]:
    return list(attention.alerts(replace(IDLE, server=replace(RUNNING, **server), **status), NOW))


@pytest.mark.parametrize(
    ("status", "server", "expected"),
    [
        ({}, {}, []),
        (
            {},
            {"store_fault": "disk full"},
            [("store_failing", "The store cannot be written: disk full.", None, None)],
        ),
        (
            {},
            {"reload_failed": True},
            [("reload_failed", "gitdailies.yml has errors. The previous one is used.", None, None)],
        ),
        (
            {**PAUSED, "oldest_waiting_since": LATE},
            {"circuit": "open"},
            [("paused", "Delivery is paused: the receiver is being moved.", "waiting", None)],
        ),
        (TUNED, {}, [("paused", "Delivery from datadog is paused: tuning.", "waiting", "datadog")]),
        (
            {},
            {"circuit": "open", "circuit_reason": "answer 503"},
            [("receiver_failing", "The receiver fails: answer 503.", "waiting", None)],
        ),
        (
            {"refused": 1},
            {},
            [("refused", "1 event was refused so far and will be retried.", "waiting", None)],
        ),
        (
            {"oldest_waiting_since": LATE},
            {},
            [("late", "An event has waited for more than half an hour.", "waiting", None)],
        ),
        ({"oldest_waiting_since": LATE + timedelta(minutes=2)}, {}, []),
        (
            {"dead_letters": 2},
            {},
            [("dead_letters", "2 dead letters wait for a decision.", "dead_letter", None)],
        ),
        (
            {"quarantined": {"unmapped": 1, "invalid_json": 3}},
            {},
            [
                ("quarantined", "1 delivery waits for a decision: unmapped.", "unmapped", None),
                (
                    "quarantined",
                    "3 deliveries wait for a decision: quarantined, invalid json.",
                    "quarantined",
                    None,
                ),
            ],
        ),
        (SILENT, {}, [("source_silent", "datadog is silent for longer than usual.", None, "datadog")]),
        (
            {"oldest_open_incident_since": LONG_AGO},
            {},
            [("incident_open", "An incident has been open for more than two weeks.", None, None)],
        ),
    ],
)
def test_each_fault_is_one_alert(
    status: dict[str, Any], server: dict[str, Any], expected: list[tuple[str, str, str | None, str | None]]
) -> None:
    """It has the outcome and the source that select its deliveries. A paused relay has one alert alone."""
    found = alerts(status, server)
    assert [(one.code, one.text, one.outcome, one.source) for one in found] == expected
    assert {one.outcome for one in found} <= {None, *outcomes.OUTCOMES}


def test_the_limits_are_those_of_the_alert_rules() -> None:
    """Prometheus and the pages call an event late, and an incident open for long, at the same age."""
    rules = (Path(__file__).parents[3] / "deployment" / "alerts.yml").read_text()
    assert f"gitdailies_relay_oldest_undelivered_seconds) > {attention.LATE_SECONDS}\n" in rules
    assert attention.OPEN_SECONDS == 14 * 86400
    assert "gitdailies_relay_oldest_open_incident_seconds) > 14 * 86400\n" in rules
