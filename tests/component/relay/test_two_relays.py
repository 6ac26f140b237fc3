"""Two relays on one PostgreSQL: whichever a delivery reaches, the events are those of a single relay."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from gitdailies_connection.config.load import load
from gitdailies_core.sources import registry
from gitdailies_relay.store import store

from tests.component.relay.test_examples import configured, proven, sources
from tests.support import databases
from tests.support.empty_stores import RELAY
from tests.support.processes import Server, eventually, running
from tests.support.relay import reports
from tests.support.relay.deliveries import JSON, Delivery, pagerduty
from tests.support.relay.deploys import (
    NOTHING,
    add_sources,
    deployment_status,
    gitlab,
    minutes_ago,
    push,
)
from tests.support.relay.receiver import Receiver, answer, receiving
from tests.support.relay.running import configure

MOVED_CLOCK = Path(__file__).parents[2] / "campaign" / "moved_clock"
ADAPTERS = ("datadog", "pagerduty", "squadcast")
SEED = 20261124


def sequences(adapter: str) -> list[list[Delivery]]:
    """Return every example of an adapter, a list for each of its sources, in the order of their files."""
    return [
        [proven(adapter, source, e.request.body, e.request.header("content-type") or JSON) for e in examples]
        for source, (_, examples) in sources(adapter).items()
    ]


def configure_all(folder: Path, url: str, database: str) -> Path:
    """Write one gitdailies.yml with the sources of every adapter."""
    folder.mkdir()
    texts = []
    for adapter in ADAPTERS:
        text = configured(folder, adapter, url).read_text()
        texts.append(text.partition("sources:")[2])
    head = text.partition("sources:")[0].replace("sqlite:relay.db", database)
    file = folder / "gitdailies.yml"
    file.write_text(head + "sources:" + "".join(texts))
    return file


def send_in_order(relays: Sequence[Server], delivery: Sequence[Delivery], seed: int, repeats: int) -> None:
    """Send deliveries one after another, each to any of *relays*, and again at once to any of them."""
    odds = random.Random(seed)
    for one in delivery:
        assert one.post(odds.choice(relays).address).status_code in (200, 202, 400), one
        again = [
            threading.Thread(target=one.post, args=(odds.choice(relays).address,)) for _ in range(repeats)
        ]
        for thread in again:
            thread.start()
        for thread in again:
            thread.join()


def send_all(relays: Sequence[Server], repeats: int) -> None:
    """Send each source's deliveries in their order, all sources at the same time."""
    sources = [deliveries for adapter in ADAPTERS for deliveries in sequences(adapter)]
    threads = [
        threading.Thread(target=send_in_order, args=(relays, deliveries, SEED + n, repeats))
        for n, deliveries in enumerate(sources)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def stories(receiver: Receiver, file: Path) -> dict[str, list[str]]:
    """Return the events of each incident in the order of their arrival, once nothing waits."""
    database = store.database_of(load(file).relay.store)

    def over() -> bool:
        with store.reading(database) as session:
            return bool(reports.status(session)["waiting"] == 0)

    eventually(over)
    events: dict[str, list[str]] = {}
    for event in receiver.taken():
        key = f"{event['source']} {event['incidentId']}"
        events.setdefault(key, []).append(json.dumps(event, sort_keys=True))
    return events


def test_every_sample_sequence_sent_to_either_relay(tmp_path: Path) -> None:
    """Every example, sent to either of two relays and again to any of them, gives what one relay gives."""
    assert set(ADAPTERS) == set(registry.names())
    with receiving() as receiver:
        file = configure_all(tmp_path / "one", receiver.url, "sqlite:relay.db")
        with running("relay", "--config", "gitdailies.yml", folder=tmp_path / "one") as relay:
            send_all([relay], 0)
            alone = stories(receiver, file)

    with receiving() as receiver, databases.postgresql_url(RELAY) as url:
        file = configure_all(tmp_path / "two", receiver.url, url)
        start = ("relay", "--config", "gitdailies.yml")
        with (
            running(*start, folder=tmp_path / "two", name="first") as first,
            running(*start, folder=tmp_path / "two", name="second") as second,
        ):
            send_all([first, second], 2)
            together = stories(receiver, file)

    assert sum(len(events) for events in alone.values()) > 40
    assert together == alone


def test_a_relay_that_was_killed_is_replaced(tmp_path: Path) -> None:
    """Events that a killed relay had leased are sent by the other after the lease's end, in order."""
    held, let_go = threading.Event(), threading.Event()

    def script(_: object) -> bytes:
        held.set()
        let_go.wait(30)
        return answer("202 Accepted", b"{}")

    with receiving() as receiver, databases.postgresql_url(RELAY) as url:
        receiver.script = script
        configure(tmp_path, url=receiver.url, store=url, lease_seconds="3")
        start = ("relay", "--config", "gitdailies.yml")
        with running(*start, folder=tmp_path, name="first") as first:
            pagerduty("incident.triggered", "Q1").post(first.address)
            assert held.wait(10)
            first.kill()
        let_go.set()
        with running(*start, folder=tmp_path, name="second") as second:
            pagerduty("incident.resolved", "Q1", at="2026-03-04T10:00:00Z").post(second.address)
            eventually(lambda: len(receiver.taken()) == 2)
    assert [event["kind"] for event in receiver.taken()] == ["incidentStarted", "incidentResolved"]


def test_a_relay_whose_clock_is_ahead_sends_nothing_twice(tmp_path: Path) -> None:
    """Leases go by the database's clock: with one relay 90 s ahead each event arrives once, and soon."""

    def script(_: object) -> bytes:
        time.sleep(0.3)
        return answer("202 Accepted", b"{}")

    moved = tmp_path / "moved-by"
    moved.write_text("90")
    ahead = {"PYTHONPATH": str(MOVED_CLOCK), "MOVED_CLOCK": str(moved)}
    with receiving() as receiver, databases.postgresql_url(RELAY) as url:
        receiver.script = script
        configure(tmp_path, url=receiver.url, store=url, lease_seconds="60", receiver="documented")
        start = ("relay", "--config", "gitdailies.yml")
        with (
            running(*start, folder=tmp_path, name="right") as right,
            running(*start, folder=tmp_path, name="ahead", environ=ahead) as wrong,
        ):
            for number in range(20):
                for relay in (right, wrong):
                    pagerduty("incident.triggered", f"{relay.output.stem}-{number}").post(relay.address)
            eventually(lambda: len(receiver.taken()) == 40, 30)
            time.sleep(1.0)
    assert len(receiver.arrivals) == 40


@pytest.mark.parametrize("late", [False, True])
def test_deploys_sent_to_both_relays_at_once_count_once(late: bool, tmp_path: Path) -> None:
    """Two messages about one deploy, one to each relay at the same moment, are one event with its commits.

    So they are where the push comes *late*, to both relays.
    """
    began, before = minutes_ago(60), NOTHING
    with receiving() as receiver, databases.postgresql_url(RELAY) as url:
        configure(tmp_path, url=receiver.url, store=url)
        add_sources(tmp_path)
        start = ("relay", "--config", "gitdailies.yml")
        with (
            running(*start, folder=tmp_path, name="first") as first,
            running(*start, folder=tmp_path, name="second") as second,
        ):
            for number in range(1, 9):
                sha, at = f"{number:040x}", began + timedelta(minutes=number)
                pushes = [push("larkspur/both", before, [(sha, at)])] * 2
                status = [
                    deployment_status("larkspur/both", sha, run=number, deployment=number, at=at)
                    for _ in range(2)
                ]
                for same in (status, pushes) if late and number > 1 else (pushes, status):
                    at_once([first, second], same)
                hooks = [
                    gitlab(name, "larkspur/hooks", sha, job=number, pipeline=number, at=at)
                    for name in ("build.success.production", "deployment.success")
                ]
                at_once([first, second], hooks)
                before = sha
            eventually(lambda: len(receiver.taken()) >= 16)
            time.sleep(0.5)
    events = receiver.taken()
    both = [event for event in events if event["repo"] == "larkspur/both"]
    commits = [event["commitSHA"] for event in both]
    assert commits == [f"{number:040x}" for number in range(1, 9)]
    assert [[one["sha"] for one in event.get("commits", ())] for event in both] == [
        [],
        *([sha] for sha in commits[1:]),
    ]
    hooked = [event["commitSHA"] for event in events if event["repo"] == "larkspur/hooks"]
    assert sorted(hooked) == commits


def at_once(relays: Sequence[Server], deliveries: Sequence[Delivery]) -> None:
    """Send each delivery to a relay of its own, all at the same time."""
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda o=one, r=relay: statuses.append(o.post(r.address).status_code))
        for relay, one in zip(relays, deliveries, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(statuses) <= {200, 202}, statuses
