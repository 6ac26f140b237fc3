"""Status, failed and explain as JSON: their whole shapes, and that each is told as it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from gitdailies_relay import reports, store
from gitdailies_server.sqlite import SqliteDatabase

from tests.processes import eventually, run
from tests.relay.deliveries import ENDED_AT, STARTED_AT, pagerduty, signed
from tests.relay.receiver import Receiver, answer
from tests.relay.running import Relay, configure, in_thread

TIME = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def shape(value: Any) -> Any:
    """Replace what differs from run to run: moments of now by `time`, ids by what they name."""
    if isinstance(value, dict):
        return {name: shape(one) for name, one in value.items()}
    if isinstance(value, list):
        return [shape(one) for one in value]
    if isinstance(value, str) and value not in (STARTED_AT, ENDED_AT):
        if TIME.fullmatch(value):
            return "time"
        value = re.sub(r"\bd[0-9a-f]{22}\b", "delivery", value)
        value = re.sub(r"\bincident-[0-9a-f]{32}\b", "event", value)
        return re.sub(r"file \S+/", "file ", value)
    return value


@pytest.fixture
def busy(relay: Relay, receiver: Receiver) -> Iterator[Relay]:
    """A relay with one event delivered, one buried, one that is tried again, and two bodies kept."""

    def script(one: Any) -> bytes:
        statuses = {"refused": "400 X", "failing": "429 X"}
        return answer(statuses.get(one.event["incidentId"], "202 X"), Retry_After="60")

    receiver.script = script
    for incident in ("fine", "refused", "failing"):
        pagerduty("incident.triggered", incident).post(relay.url)
        eventually(lambda name=incident: receiver.of(name))
    pagerduty("incident.resolved", "failing", at=ENDED_AT).post(relay.url)
    pagerduty("incident.triggered", "nowhere", service="attic").post(relay.url)
    signed(b"{}").post(relay.url)
    eventually(lambda: relay.status()["retrying"])
    return relay


def test_status_as_json(busy: Relay) -> None:
    """The command, the status listener and the report tell the same, in numbers that add up."""
    told = busy.status()
    assert shape(told) == {
        "paused": [],
        "waiting": 2,
        "retrying": 1,
        "buried": 1,
        "oldestWaitingSince": "time",
        "lastAttempt": {"at": "time", "status": 429, "verdict": "again", "reason": "answered 429"},
        "kept": {"shape": 1, "unmapped": 1},
        "deliveries": {"pagerduty": {"shape": 1, "stored": 4, "unmapped": 1}},
    }
    with store.reading(SqliteDatabase(busy.store)) as connection:
        assert reports.status(connection) == told


def test_failed_as_json(busy: Relay) -> None:
    """What was set aside and what was kept, each with its reason."""
    assert shape(busy.failed()) == {
        "buried": [
            {
                "id": "event",
                "source": "pagerduty",
                "incident": "refused",
                "storedAt": "time",
                "attempts": 1,
                "reason": "answered 400",
            }
        ],
        "kept": [
            {
                "delivery": "delivery",
                "source": "pagerduty",
                "receivedAt": "time",
                "why": "unmapped",
                "reason": "no line under services for 'attic'",
            },
            {
                "delivery": "delivery",
                "source": "pagerduty",
                "receivedAt": "time",
                "why": "shape",
                "reason": "event: expected an object, got null",
            },
        ],
    }


def test_explain_as_json(busy: Relay) -> None:
    """Deliveries, periods, events and attempts of one incident, in order, with nothing left out."""
    told = busy.explain("failing")
    start, end = told["events"]
    assert shape({**told, "events": []}) == {
        "incident": "failing",
        "deliveries": [
            {
                "delivery": "delivery",
                "receivedAt": "time",
                "source": "pagerduty",
                "word": word,
                "proof": "file pagerduty-secret",
                "outcome": "stored",
                "reason": "",
                "events": ["event"],
            }
            for word in ("incident.triggered", "incident.resolved")
        ],
        "periods": [
            {
                "source": "pagerduty",
                "repo": "larkspur/checkout-api",
                "environment": "production",
                "service": "checkout-api",
                "period": STARTED_AT,
                "state": "closed",
                "startedAt": STARTED_AT,
                "endedAt": ENDED_AT,
                "mergedInto": None,
            }
        ],
        "events": [],
    }
    assert shape({**start, "event": None}) == {
        "id": "event",
        "event": None,
        "delivery": "delivery",
        "storedAt": "time",
        "state": "waiting",
        "reason": None,
        "dueAt": "time",
        "attempts": [{"at": "time", "status": 429, "verdict": "again", "reason": "answered 429"}],
    }
    assert (start["event"]["kind"], start["event"]["id"]) == ("incidentStarted", start["id"])
    assert (end["state"], end["dueAt"], end["attempts"]) == ("waits for its turn", None, [])


@pytest.mark.parametrize(("incident", "state"), [("fine", "delivered"), ("refused", "buried")])
def test_the_state_of_an_event_is_told(busy: Relay, incident: str, state: str) -> None:
    """Delivered and buried events are told as such, the buried one with its reason."""
    (event,) = busy.explain(incident)["events"]
    assert (event["state"], event["reason"]) == (state, "answered 400" if state == "buried" else None)


def test_an_incident_that_nobody_named_has_an_empty_story(busy: Relay) -> None:
    """Explain of an unknown incident is empty, not an error."""
    assert busy.explain("never") == {"incident": "never", "deliveries": [], "periods": [], "events": []}


def test_metrics_count_deliveries_and_attempts(busy: Relay) -> None:
    """Each outcome and verdict is counted once, and nothing that came from outside is a label."""
    requests.post(busy.url + "/hooks/planted-name", data=b"", timeout=5)
    requests.post(busy.url + "/hooks/pagerduty", data=b"", timeout=5)
    told = requests.get(f"{busy.status_url}/metrics", timeout=5)
    assert told.headers["content-type"].startswith("text/plain; version=")
    for line in (
        'gitdailies_relay_messages_total{outcome="stored",source="pagerduty"} 4.0',
        'gitdailies_relay_messages_total{outcome="unmapped",source="pagerduty"} 1.0',
        'gitdailies_relay_messages_total{outcome="shape",source="pagerduty"} 1.0',
        'gitdailies_relay_requests_total{source="pagerduty",status="401"} 1.0',
        'gitdailies_relay_requests_total{source="",status="404"} 1.0',
        'gitdailies_relay_attempts_total{verdict="done"} 1.0',
        'gitdailies_relay_attempts_total{verdict="buried"} 1.0',
        'gitdailies_relay_attempts_total{verdict="again"} 1.0',
        "gitdailies_relay_attempt_seconds_count 3.0",
    ):
        assert line in told.text.splitlines()
    assert "planted-name" not in told.text


def test_status_of_a_relay_that_was_stopped_is_told_too(tmp_path: Path) -> None:
    """The verbs need no running server."""
    with in_thread(configure(tmp_path)) as relay:
        pagerduty("incident.triggered", "Q1").post(relay.url)
    done = run("relay", "status", "--config", "gitdailies.yml", folder=tmp_path)
    lines = dict(line.split("  ", 1) for line in done.stdout.splitlines() if "  " in line)
    assert lines["waiting"].strip() == "1"
    assert lines["destination"].strip() == "delivering"
