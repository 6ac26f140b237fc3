"""What a relay needs a person for, out of its status."""

from __future__ import annotations

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
        ({}, {"store_fault": "disk full"}, [("store_failing", "The store cannot be written: disk full.")]),
        (
            {},
            {"reload_failed": True},
            [("reload_failed", "gitdailies.yml has errors. The previous one is used.")],
        ),
        (
            {**PAUSED, "oldest_waiting_since": LATE},
            {"circuit": "open"},
            [("paused", "Delivery is paused: the receiver is being moved.")],
        ),
        (
            TUNED,
            {},
            [("paused", "Delivery from datadog is paused: tuning.")],
        ),
        (
            {},
            {"circuit": "open", "circuit_reason": "answer 503"},
            [("receiver_failing", "The receiver fails: answer 503.")],
        ),
        ({"refused": 1}, {}, [("refused", "1 event was refused so far and will be retried.")]),
        (
            {"oldest_waiting_since": LATE},
            {},
            [("late", "An event has waited for more than half an hour.")],
        ),
        ({"oldest_waiting_since": LATE + timedelta(minutes=2)}, {}, []),
        ({"dead_letters": 2}, {}, [("dead_letters", "2 dead letters wait for a decision.")]),
        (
            {"quarantined": {"unmapped": 1, "invalid_json": 3}},
            {},
            [
                ("quarantined", "1 delivery waits for a decision: unmapped."),
                ("quarantined", "3 deliveries wait for a decision: quarantined, invalid json."),
            ],
        ),
        (
            SILENT,
            {},
            [("source_silent", "datadog is silent for longer than usual.")],
        ),
        (
            {"oldest_open_incident_since": LONG_AGO},
            {},
            [("incident_open", "An incident has been open for more than two weeks.")],
        ),
    ],
)
def test_each_fault_is_one_alert(
    status: dict[str, Any], server: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    """A calm relay has no alerts. A paused relay has one alert, without those that follow from the pause."""
    assert [(alert.code, alert.text) for alert in alerts(status, server)] == expected


@pytest.mark.parametrize(
    ("status", "server", "outcome", "source"),
    [
        ({}, {"store_fault": "disk full"}, None, None),
        ({}, {"reload_failed": True}, None, None),
        (PAUSED, {}, "waiting", None),
        (TUNED, {}, "waiting", "datadog"),
        ({}, {"circuit": "open"}, "waiting", None),
        ({"refused": 1}, {}, "waiting", None),
        ({"oldest_waiting_since": LATE}, {}, "waiting", None),
        ({"dead_letters": 2}, {}, "dead_letter", None),
        ({"quarantined": {"unmapped": 1}}, {}, "unmapped", None),
        ({"quarantined": {"invalid_json": 1}}, {}, "quarantined", None),
        (SILENT, {}, None, "datadog"),
        ({"oldest_open_incident_since": LONG_AGO}, {}, None, None),
    ],
)
def test_an_alert_has_the_filters_of_its_deliveries(
    status: dict[str, Any], server: dict[str, Any], outcome: str | None, source: str | None
) -> None:
    """An alert about deliveries has the outcome and the source that select them. Another alert has none."""
    assert [(alert.outcome, alert.source) for alert in alerts(status, server)] == [(outcome, source)]
    assert outcome is None or outcome in outcomes.OUTCOMES


def test_the_limits_are_those_of_the_alert_rules() -> None:
    """Prometheus and the pages call an event late, and an incident open for long, at the same age."""
    rules = (Path(__file__).parents[3] / "deployment" / "alerts.yml").read_text()
    assert f"gitdailies_relay_oldest_undelivered_seconds) > {attention.LATE_SECONDS}\n" in rules
    assert attention.OPEN_SECONDS == 14 * 86400
    assert "gitdailies_relay_oldest_open_incident_seconds) > 14 * 86400\n" in rules
