"""What is thrown away after its time, and what never is."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from gitdailies_connection.settings import RelaySettings, Store
from gitdailies_core.adapter import RESOLVED, STARTED, UPDATED, Change
from gitdailies_core.routing import Target
from gitdailies_relay import queue, retention, server, store
from gitdailies_relay.acceptance import Delivery, accept
from gitdailies_relay.reading import SHAPE, Reading, Said
from gitdailies_relay.retention import doomed, prune
from gitdailies_server.moments import now_us
from gitdailies_server.sqlite import SqliteDatabase, connect

from tests.processes import eventually
from tests.relay.bench import BEGAN
from tests.relay.deliveries import pagerduty, signed
from tests.relay.running import configure, in_thread

DAY_US = 86_400_000_000
SETTINGS = RelaySettings(Store("sqlite", path=Path("relay.db")))
LONG_AGO = 400


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    store.migrate(SqliteDatabase(tmp_path / "relay.db"))
    opened = connect(tmp_path / "relay.db")
    yield opened
    opened.close()


def put(connection: sqlite3.Connection, given: Delivery, days: float) -> None:
    """Accept a delivery as if that many days ago."""
    accept(connection, replace(given, received_at=now_us() - int(days * DAY_US)))


def said(incident: str, state: str, *, refusal: str = "", into: str | None = None) -> Delivery:
    change = Change.make(
        state=state,
        word=state,
        incident=incident,
        at=BEGAN + timedelta(hours=state != STARTED),
        merged=into is not None,
        merged_into=into,
    )
    targets = () if refusal else (Target("larkspur/shop"),)
    one = Said(change, f"{incident}-{state}", targets, refusal)
    return Delivery(f"d-{incident}-{state}", now_us(), "default", Reading("test", "", b"", "", (one,)))


def deliver(connection: sqlite3.Connection, days: float) -> None:
    """Take every event as delivered, that many days ago."""
    for due in queue.due(connection, now_us(), 1000):
        queue.record(connection, queue.Attempt(due.seq, now_us() - int(days * DAY_US), 202, queue.DONE))


def pruned(connection: sqlite3.Connection, settings: RelaySettings = SETTINGS) -> dict[str, int]:
    """Prune until nothing is left to prune; return how many rows each table has."""
    while found := doomed(connection, settings, now_us()):
        prune(connection, found)
    tables = ("attempts", "deliveries", "events", "kept", "pending", "periods")
    return {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables}


def test_delivered_events_go_after_their_days_with_their_attempts(connection: sqlite3.Connection) -> None:
    """A week after, an event and its attempts are gone; six days after, both are there."""
    for incident, days in (("old", 7.1), ("young", 6.9)):
        put(connection, said(incident, STARTED), days)
        deliver(connection, days)
    left = pruned(connection)

    assert (left["events"], left["attempts"], left["deliveries"], left["periods"]) == (1, 1, 2, 2)
    assert connection.execute("SELECT incident FROM events").fetchall() == [("young",)]


def test_what_is_not_delivered_is_never_pruned(connection: sqlite3.Connection) -> None:
    """Events that wait or are buried stay however old they are, with their attempts."""
    put(connection, said("waits", STARTED), LONG_AGO)
    put(connection, said("buried", STARTED), LONG_AGO)
    (waits, buried) = queue.due(connection, now_us(), 10)
    long_ago = now_us() - LONG_AGO * DAY_US
    queue.record(connection, queue.Attempt(waits.seq, long_ago, 500, queue.AGAIN, "answered 500", long_ago))
    queue.record(connection, queue.Attempt(buried.seq, long_ago, 400, queue.BURIED, "answered 400"))
    left = pruned(connection)

    assert (left["events"], left["pending"], left["attempts"]) == (2, 2, 2)


def test_open_held_and_merged_periods_are_never_pruned(connection: sqlite3.Connection) -> None:
    """However old, a period that may still end is known: its end a year later goes where its start went."""
    put(connection, said("open", STARTED), LONG_AGO)
    put(connection, said("held", STARTED, refusal="filtered"), LONG_AGO)
    put(connection, said("target", STARTED), LONG_AGO)
    put(connection, said("merged", STARTED), LONG_AGO)
    put(connection, said("merged", RESOLVED, into="target"), LONG_AGO)
    for _ in range(2):
        deliver(connection, LONG_AGO)
    left = pruned(connection)
    assert (left["events"], left["deliveries"]) == (0, 0)
    states = dict(connection.execute("SELECT incident, state FROM periods"))
    assert states == {"open": "open", "held": "held", "target": "open", "merged": "merged"}

    put(connection, said("open", RESOLVED), 0)
    put(connection, said("held", UPDATED), 0)
    put(connection, said("target", RESOLVED), 0)
    kinds = connection.execute("SELECT incident, body FROM events ORDER BY seq").fetchall()
    assert [(name, "Started" in body) for name, body in kinds] == [
        ("open", False),
        ("held", True),
        ("target", False),
        ("merged", False),
    ]


def test_closed_periods_and_seen_ids_stay_for_ninety_days(connection: sqlite3.Connection) -> None:
    """Within ninety days a late repeat adds nothing; after them the closed period is gone."""
    for incident, days in (("old", 90.1), ("young", 89.9)):
        put(connection, said(incident, STARTED), days)
        put(connection, said(incident, RESOLVED), days)
        for _ in range(2):
            deliver(connection, days)
    left = pruned(connection)

    assert (left["periods"], left["deliveries"]) == (1, 2)
    repeat = accept(connection, said("young", STARTED))
    assert (repeat.repeated, len(repeat.events)) == (True, 1)
    assert connection.execute("SELECT count(*) FROM pending").fetchone() == (0,)


def keep(connection: sqlite3.Connection, name: str, days: float, size: int = 10) -> None:
    reading = Reading("test", "", b"x" * size, "", (), SHAPE, "planted")
    put(connection, Delivery(name, now_us(), "default", reading), days)


def kept(connection: sqlite3.Connection) -> list[str]:
    return [name for (name,) in connection.execute("SELECT delivery FROM kept ORDER BY seq")]


def test_kept_bodies_go_after_their_days(connection: sqlite3.Connection) -> None:
    """A kept body is there for thirty days."""
    keep(connection, "old", 30.1)
    keep(connection, "young", 29.9)
    pruned(connection)
    assert kept(connection) == ["young"]


def test_kept_bodies_are_bounded(connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over the bound those go first that were replayed, then the oldest."""
    monkeypatch.setattr(retention, "KEPT_BYTES", 2500)
    for name in ("a", "b", "c", "replayed"):
        keep(connection, name, 1, size=1000)
    connection.execute("UPDATE kept SET replayed_at = 1 WHERE delivery = 'replayed'")
    pruned(connection)
    assert kept(connection) == ["b", "c"]


def test_every_number_of_days_is_a_setting(connection: sqlite3.Connection) -> None:
    """With a day for each, what is two days old goes everywhere."""
    keep(connection, "kept", 2)
    put(connection, said("A", STARTED), 2)
    put(connection, said("A", RESOLVED), 2)
    for _ in range(2):
        deliver(connection, 2)
    settings = replace(SETTINGS, delivered_days=1, keep_days=1, closed_period_days=1)
    assert set(pruned(connection, settings).values()) == {0}


def test_a_large_heap_goes_batch_by_batch(connection: sqlite3.Connection) -> None:
    """No transaction deletes more than a batch of a kind."""
    connection.execute("BEGIN")
    for number in range(1200):
        keep(connection, f"d{number}", 31)
    connection.execute("COMMIT")
    sizes = []
    while found := doomed(connection, SETTINGS, now_us()):
        sizes.append(max(len(rows) for rows in found.values()))
        prune(connection, found)
    assert sizes == [500, 500, 200]


def test_a_running_relay_prunes_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is too old goes while deliveries are taken, and a fault of the store does not end it."""
    monkeypatch.setattr(server, "_PRUNE_SECONDS", 0.05)
    real, faults = server.doomed, [sqlite3.OperationalError("planted")]

    def sometimes(*rest: Any) -> Any:
        if faults:
            raise faults.pop()
        return real(*rest)

    monkeypatch.setattr(server, "doomed", sometimes)
    with in_thread(configure(tmp_path)) as relay:
        signed(b"{}").post(relay.url)
        with store.transaction(SqliteDatabase(relay.store)) as connection:
            connection.execute("UPDATE kept SET received_at = 0")
        eventually(lambda: relay.failed()["kept"] == [])
        assert relay.logged("store cannot be pruned")
        assert pagerduty("incident.triggered", "Q1").post(relay.url).status_code == 202
