"""What a relay needs a person for, out of its status."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from gitdailies_relay.api import outcomes
from gitdailies_relay.operations import attention

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
CALM: dict[str, Any] = {
    "paused": [],
    "refused": 0,
    "oldestWaitingSince": None,
    "deadLetters": 0,
    "quarantined": {},
    "sources": {"pagerduty": {"silent": False}},
    "oldestOpenIncidentSince": None,
}
RUNNING = {"storeFault": None, "reloadFailed": False, "circuit": "closed", "circuitReason": None}
PAUSED = [{"source": None, "reason": "the receiver is being moved"}]
LATE = "2026-03-04T11:29:00Z"


def alerts(status: dict[str, Any], server: dict[str, Any] | None = None) -> list[tuple[str, str]]:
    shown = attention.with_alerts({**CALM, **status}, {**RUNNING, **(server or {})}, NOW)
    return [(alert["code"], alert["text"]) for alert in shown["alerts"]]


@pytest.mark.parametrize(
    ("status", "server", "expected"),
    [
        ({}, {}, []),
        ({}, {"storeFault": "disk full"}, [("store_failing", "The store cannot be written: disk full.")]),
        (
            {},
            {"reloadFailed": True},
            [("reload_failed", "gitdailies.yml has errors. The previous one is used.")],
        ),
        (
            {"paused": PAUSED, "oldestWaitingSince": LATE},
            {"circuit": "open"},
            [("paused", "Delivery is paused: the receiver is being moved.")],
        ),
        (
            {"paused": [{"source": "datadog", "reason": "tuning"}]},
            {},
            [("paused", "Delivery from datadog is paused: tuning.")],
        ),
        (
            {},
            {"circuit": "open", "circuitReason": "answer 503"},
            [("receiver_failing", "The receiver fails: answer 503.")],
        ),
        ({"refused": 1}, {}, [("refused", "1 event was refused so far and will be retried.")]),
        (
            {"oldestWaitingSince": LATE},
            {},
            [("late", "An event has waited for more than half an hour.")],
        ),
        ({"oldestWaitingSince": "2026-03-04T11:31:00Z"}, {}, []),
        ({"deadLetters": 2}, {}, [("dead_letters", "2 dead letters wait for a decision.")]),
        (
            {"quarantined": {"unmapped": 1, "invalid_json": 3}},
            {},
            [
                ("quarantined", "1 delivery waits for a decision: unmapped."),
                ("quarantined", "3 deliveries wait for a decision: quarantined, invalid json."),
            ],
        ),
        (
            {"sources": {"datadog": {"silent": True}}},
            {},
            [("source_silent", "datadog is silent for longer than usual.")],
        ),
        (
            {"oldestOpenIncidentSince": "2026-02-18T11:00:00Z"},
            {},
            [("incident_open", "An incident has been open for more than two weeks.")],
        ),
    ],
)
def test_each_fault_is_one_alert(
    status: dict[str, Any], server: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    """A calm relay has no alerts. A paused relay has one alert, without those that follow from the pause."""
    assert alerts(status, server) == expected


@pytest.mark.parametrize(
    ("status", "server", "outcome", "source"),
    [
        ({}, {"storeFault": "disk full"}, None, None),
        ({}, {"reloadFailed": True}, None, None),
        ({"paused": PAUSED}, {}, "waiting", None),
        ({"paused": [{"source": "datadog", "reason": "tuning"}]}, {}, "waiting", "datadog"),
        ({}, {"circuit": "open"}, "waiting", None),
        ({"refused": 1}, {}, "waiting", None),
        ({"oldestWaitingSince": LATE}, {}, "waiting", None),
        ({"deadLetters": 2}, {}, "dead_letter", None),
        ({"quarantined": {"unmapped": 1}}, {}, "unmapped", None),
        ({"quarantined": {"invalid_json": 1}}, {}, "quarantined", None),
        ({"sources": {"datadog": {"silent": True}}}, {}, None, "datadog"),
        ({"oldestOpenIncidentSince": "2026-02-18T11:00:00Z"}, {}, None, None),
    ],
)
def test_an_alert_has_the_filters_of_its_deliveries(
    status: dict[str, Any], server: dict[str, Any], outcome: str | None, source: str | None
) -> None:
    """An alert about deliveries has the outcome and the source that select them. Another alert has none."""
    shown = attention.with_alerts({**CALM, **status}, {**RUNNING, **server}, NOW)
    assert [(alert["outcome"], alert["source"]) for alert in shown["alerts"]] == [(outcome, source)]
    assert outcome is None or outcome in outcomes.OUTCOMES


def test_the_limits_are_those_of_the_alert_rules() -> None:
    """Prometheus and the pages call an event late, and an incident open for long, at the same age."""
    rules = (Path(__file__).parents[3] / "deployment" / "alerts.yml").read_text()
    assert f"gitdailies_relay_oldest_undelivered_seconds) > {attention.LATE_SECONDS}\n" in rules
    assert attention.OPEN_SECONDS == 14 * 86400
    assert "gitdailies_relay_oldest_open_incident_seconds) > 14 * 86400\n" in rules
