"""Two relays on one PostgreSQL: whichever a delivery reaches, the events are those of a single relay."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Sequence
from pathlib import Path

from gitdailies_connection.config.load import load
from gitdailies_core.sources import registry
from gitdailies_relay.operations import reports
from gitdailies_relay.store import store

from tests.component.relay.test_examples import configured, proven, sources
from tests.support import databases
from tests.support.processes import Server, eventually, running
from tests.support.relay.deliveries import JSON, Delivery, pagerduty
from tests.support.relay.receiver import Receiver, answer, receiving
from tests.support.relay.running import configure

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

    with receiving() as receiver, databases.postgresql_url() as url:
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

    with receiving() as receiver, databases.postgresql_url() as url:
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
