"""`hold` of a source with a real relay: a start is sent only where the incident is still open then."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from gitdailies_connection.config.load import load
from gitdailies_core.values.times import text_of
from gitdailies_relay.store import store

from tests.support import databases
from tests.support.processes import eventually, running
from tests.support.relay import reports
from tests.support.relay.deliveries import Delivery, pagerduty
from tests.support.relay.receiver import Receiver
from tests.support.relay.running import configure, in_thread

STARTED_AT = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


def start(incident: str) -> Delivery:
    return pagerduty("incident.triggered", incident, source="held", at=at(0), created_at=at(0))


def end(incident: str, minutes: float) -> Delivery:
    return pagerduty("incident.resolved", incident, source="held", at=at(minutes), created_at=at(0))


def at(minutes: float) -> str:
    return text_of(STARTED_AT + timedelta(minutes=minutes))


def configured(folder: Path, url: str, hold: str, **settings: str) -> Path:
    file = configure(folder, url=url, **settings)
    source = f"{{adapter: pagerduty, secrets: [{{file: pagerduty-secret}}], hold: {hold}}}"
    file.write_text(file.read_text().replace("sources:\n", f"sources:\n  held: {source}\n"))
    return file


RELAY = ("relay", "--config", "gitdailies.yml")
LINE = "mapped by the line checkout-api of services, which said larkspur/checkout-api"


def test_a_brief_incident_is_shown_and_never_sent(tmp_path: Path, receiver: Receiver) -> None:
    """Start and end are explained with the reason. A resume sends neither, nor does a replay."""
    file = configured(tmp_path, receiver.url, "7m")
    with in_thread(file) as relay:
        assert start("Q1").post(relay.url).json()["status"] == "stored"
        (event,) = relay.explain("Q1")["events"]
        assert event["state"] == "held"
        assert relay.status()["held"] == 1
        assert relay.status()["waiting"] == 0
        relay.command("resume")
        answer = end("Q1", 3).post(relay.url).json()
        assert answer["reasons"] == ["held: it was over after 3m, before the hold of 7m"]
        pagerduty("incident.triggered", "other").post(relay.url)
        eventually(lambda: receiver.of("other"))
        shown = relay.explain("Q1")
        printed = relay.command("explain", "Q1")
        relay.command("replay", "--source", "held", "--ignored", "--delivered")
        assert relay.status()["held"] == 0
        scraped = requests.get(f"{relay.status_url}/metrics", timeout=10).text
        assert 'gitdailies_relay_ignored_total{reason="hold",source="held"} 1.0' in scraped
    assert receiver.of("Q1") == []
    (event,) = shown["events"]
    assert (event["state"], event["reason"]) == ("discarded", "it was over after 3m, before the hold of 7m")
    assert [one["reason"] for one in shown["deliveries"]] == [
        f"held: the start is sent if the incident is still open after 7m; {LINE}",
        "held: it was over after 3m, before the hold of 7m",
    ]
    assert "discarded, it was over after 3m, before the hold of 7m" in printed


@pytest.mark.parametrize("kind", databases.KINDS)
def test_a_hold_survives_kill(kind: str, tmp_path: Path, receiver: Receiver) -> None:
    """After kill -9 an end cancels a held start. One that stays open is sent, no sooner, with its time."""
    with databases.setting(kind) as address:
        settings = {} if kind == "sqlite" else {"store": address}
        file = configured(tmp_path, receiver.url, "4s", **settings)
        with running(*RELAY, folder=tmp_path) as relay:
            began = time.time()
            start("brief").post(relay.address)
            start("long").post(relay.address)
            relay.kill()
        with in_thread(file) as again:
            assert end("brief", 0.05).post(again.url).status_code == 200
            (arrival,) = eventually(lambda: receiver.of("long"), seconds=30)
            assert arrival.at - began >= 4
            end("long", 40).post(again.url)
            eventually(lambda: len(receiver.of("long")) == 2)
            with store.reading(store.database_of(load(file).relay.store)) as session:
                assert reports.status(session)["held"] == 0
                assert reports.explain(session, "brief")["events"][0]["state"] == "discarded"
    assert receiver.of("brief") == []
    assert [(one["kind"], one["time"]) for one in receiver.taken()] == [
        ("incidentStarted", at(0)),
        ("incidentResolved", at(40)),
    ]
