"""`hold` of a source with a real relay: a start is sent only where the incident is still open then."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from gitdailies_connection.config.load import load
from gitdailies_core.values.times import text_of
from gitdailies_relay.store import store

from tests.support import databases
from tests.support.processes import Server, eventually, run, running
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


def explained(file: Path, incident: str) -> dict[str, Any]:
    with store.reading(store.database_of(load(file).relay.store)) as session:
        return reports.explain(session, incident)


def status_of(file: Path) -> dict[str, Any]:
    with store.reading(store.database_of(load(file).relay.store)) as session:
        return reports.status(session)


def kinds(receiver: Receiver, incident: str) -> list[tuple[str, str]]:
    return [(one["kind"], one["time"]) for one in receiver.taken() if one["incidentId"] == incident]


@contextmanager
def relay_of(folder: Path) -> Iterator[Server]:
    with running("relay", "--config", "gitdailies.yml", folder=folder) as server:
        yield server


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
        run("relay", "resume", "--config", "gitdailies.yml", folder=tmp_path)
        answer = end("Q1", 3).post(relay.url).json()
        assert answer["reasons"] == ["held: it was over after 3m, before the hold of 7m"]
        pagerduty("incident.triggered", "other").post(relay.url)
        eventually(lambda: receiver.of("other"))
        shown = relay.explain("Q1")
        printed = run("relay", "explain", "Q1", "--config", "gitdailies.yml", folder=tmp_path).stdout
        run(
            "relay",
            "replay",
            "--source",
            "held",
            "--ignored",
            "--delivered",
            "--config",
            "gitdailies.yml",
            folder=tmp_path,
        )
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


def test_a_start_is_sent_after_its_hold_with_its_own_time(tmp_path: Path, receiver: Receiver) -> None:
    """It comes no sooner than the hold is long, and its end follows in order."""
    with in_thread(configured(tmp_path, receiver.url, "2s")) as relay:
        began = time.time()
        start("Q1").post(relay.url)
        (arrival,) = eventually(lambda: receiver.of("Q1"))
        assert arrival.at - began >= 2
        end("Q1", 40).post(relay.url)
        eventually(lambda: len(receiver.of("Q1")) == 2)
    assert kinds(receiver, "Q1") == [("incidentStarted", at(0)), ("incidentResolved", at(40))]


def test_an_end_of_an_incident_that_was_long_lets_its_start_go(tmp_path: Path, receiver: Receiver) -> None:
    """Where both come together, late, both are sent at once."""
    with in_thread(configured(tmp_path, receiver.url, "7m")) as relay:
        start("Q1").post(relay.url)
        end("Q1", 40).post(relay.url)
        eventually(lambda: len(receiver.of("Q1")) == 2)
    assert kinds(receiver, "Q1") == [("incidentStarted", at(0)), ("incidentResolved", at(40))]


@pytest.mark.parametrize("kind", databases.KINDS)
def test_a_hold_survives_kill(kind: str, tmp_path: Path, receiver: Receiver) -> None:
    """After kill -9 a held start is still held: an end cancels it, and one that stays open is sent."""
    with databases.setting(kind) as address:
        settings = {} if kind == "sqlite" else {"store": address}
        file = configured(tmp_path, receiver.url, "6s", **settings)
        with relay_of(tmp_path) as relay:
            start("brief").post(relay.address)
            start("long").post(relay.address)
            relay.kill()
        with relay_of(tmp_path) as relay:
            assert end("brief", 0.05).post(relay.address).status_code == 200
            eventually(lambda: receiver.of("long"), seconds=30)
            assert status_of(file)["held"] == 0
        assert explained(file, "brief")["events"][0]["state"] == "discarded"
    assert receiver.of("brief") == []
    assert kinds(receiver, "long") == [("incidentStarted", at(0))]


def test_two_relays_hold_a_start_once(tmp_path: Path, receiver: Receiver) -> None:
    """Whichever of them a delivery reaches, first or again, a start is held once, and sent once or never."""
    with databases.setting("postgresql") as address:
        file = configured(tmp_path, receiver.url, "5s", store=address)
        with (
            running("relay", "--config", file.name, folder=tmp_path, name="one") as one,
            running("relay", "--config", file.name, folder=tmp_path, name="two") as two,
        ):
            relays = (one, two)
            names = [f"{kind}-{number}" for kind in ("brief", "long") for number in range(6)]
            with ThreadPoolExecutor(8) as pool:
                posts = [
                    pool.submit(delivery.post, relay.address)
                    for delivery in map(start, names)
                    for relay in relays
                ]
                assert {one.result().status_code for one in posts} == {202}
            assert status_of(file)["held"] == len(names)
            for number in range(6):
                assert end(f"brief-{number}", 0.05).post(relays[number % 2].address).status_code == 200
            eventually(lambda: len(receiver.taken()) == 6, seconds=60)
            assert status_of(file)["held"] == status_of(file)["waiting"] == 0

    assert sorted(arrival.event["incidentId"] for arrival in receiver.arrivals) == names[6:]
    assert all(kinds(receiver, name) == [("incidentStarted", at(0))] for name in names[6:])
