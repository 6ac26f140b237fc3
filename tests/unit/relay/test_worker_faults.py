"""The delivery worker: no fault, of stored bytes, sender, store or its own, ends it or loses an event."""

from __future__ import annotations

import asyncio
import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from gitdailies_connection.config.sections.settings import Destination
from gitdailies_core.errors import StoreUnavailable
from gitdailies_core.retry import Outcome
from gitdailies_relay.delivery import worker
from gitdailies_relay.store import store

from tests.support.relay.bench import DESTINATION, TAKEN, Bench, FakeSender, bench, eventually, write


def test_a_damaged_event_is_a_dead_letter(tmp_path: Path) -> None:
    """An event whose stored bytes are damaged is a dead letter with the reason; the others are delivered."""
    bodies = [b'{"kind": "incidentSt', b'{"kind": "x\xff"}', b'{"kind": "incidentStarted"}', b"null", b""]
    path = tmp_path / "relay.db"

    async def stored(on: Bench) -> None:
        on.environ.clear()
        for number in range(len(bodies)):
            await on.accept(f"bad{number}", "start", "end")
        await on.accept("good", "start")

    async def body(on: Bench) -> None:
        await on.delivered()
        dead = on.dead_letters()
        assert [one["incident"] for one in dead] == [f"bad{number}" for number in range(len(bodies))]
        assert all(one["reason"].startswith("the stored event cannot be read: ") for one in dead)

    bench(tmp_path, stored)
    for number, damaged in enumerate(bodies):
        first = "(SELECT min(seq) FROM events WHERE incident = ?)"
        write(path, f"UPDATE events SET body = CAST(? AS TEXT) WHERE seq = {first}", damaged, f"bad{number}")
    sender = bench(tmp_path, body)
    assert sorted(sender.sent) == [
        *((f"bad{n}", "resolved") for n in range(len(bodies))),
        ("good", "started"),
    ]


pytestmark = pytest.mark.usefixtures("quick_retries")


def test_a_sender_that_breaks_counts_as_a_failure(tmp_path: Path) -> None:
    """Any exception of the sender is a try that failed; the worker goes on and the event arrives."""
    faults = iter([ValueError("planted"), MemoryError(), OSError("planted")])

    def answer(_incident: str, _kind: str) -> Outcome:
        for fault in faults:
            raise fault
        return TAKEN

    sender = FakeSender(answer)

    async def body(on: Bench) -> None:
        await on.accept("A", "start", "end")
        await on.delivered()
        statement = "SELECT verdict, reason FROM attempts ORDER BY seq"
        attempts = on.store.report(lambda connection: connection.execute(statement).fetchall())
        assert [verdict for verdict, _ in attempts] == ["retry"] * 3 + ["delivered"] * 2
        assert "planted" not in json.dumps(attempts)

    bench(tmp_path, body, sender=sender)
    assert sender.of("A") == ["started"] * 4 + ["resolved"]


def test_a_broken_task_does_not_stop_the_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug in what follows an attempt, or in choosing what to send, costs a moment, never the worker."""
    decide, ready = worker.DeliveryWorker._decide, worker.DeliveryWorker._ready
    faults = {"decide": 2, "ready": 2}

    def broken_decide(self: Any, *rest: Any) -> Any:
        if faults["decide"]:
            faults["decide"] -= 1
            raise RuntimeError("planted")
        return decide(self, *rest)

    def broken_ready(self: Any, *rest: Any) -> Any:
        if faults["ready"]:
            faults["ready"] -= 1
            raise RuntimeError("planted")
        return ready(self, *rest)

    monkeypatch.setattr(worker.DeliveryWorker, "_decide", broken_decide)
    monkeypatch.setattr(worker.DeliveryWorker, "_ready", broken_ready)

    async def body(on: Bench) -> None:
        await on.accept("A", "start", "end")
        await on.accept("B", "start")
        await on.delivered()

    sender = bench(tmp_path, body)
    assert faults == {"decide": 0, "ready": 0}
    assert sender.of("A")[-1] == "resolved"


def test_a_result_waits_for_a_store_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event that was delivered while the store failed is recorded later and not sent again."""
    record, failures = store.RelayStore.record, [StoreUnavailable("store: planted")] * 2

    async def sometimes(self: Any, *given: Any) -> None:
        if failures:
            raise failures.pop()
        await record(self, *given)

    monkeypatch.setattr(store.RelayStore, "record", sometimes)
    sleep = asyncio.sleep
    monkeypatch.setattr(asyncio, "sleep", lambda _seconds: sleep(0.01))

    async def body(on: Bench) -> None:
        await on.accept("A", "start", "end")
        await on.delivered()

    assert bench(tmp_path, body).of("A") == ["started", "resolved"]


def test_stop_records_what_is_on_its_way_and_starts_nothing_more(tmp_path: Path) -> None:
    """An answer that comes during stop is recorded. Waiting events are delivered after the next start."""
    began, go = threading.Event(), threading.Event()

    def answer(_incident: str, _kind: str) -> Outcome:
        began.set()
        assert go.wait(10)
        return TAKEN

    sender = FakeSender(answer)

    async def body(on: Bench) -> None:
        await on.accept("A", "start", "end")
        await asyncio.to_thread(began.wait, 10)
        stopping = asyncio.create_task(on.worker.stop(50.0))
        await asyncio.sleep(0.05)
        go.set()
        await stopping
        assert sender.of("A") == ["started"]
        assert [row[:2] for row in on.outbox()] == [("A", 1)]

    bench(tmp_path, body, sender=sender)

    async def rest(on: Bench) -> None:
        await on.delivered()

    bench(tmp_path, rest, sender=sender)
    assert sender.of("A") == ["started", "resolved"]


def test_stop_cuts_what_takes_too_long(tmp_path: Path) -> None:
    """A receiver that does not answer holds stop only for the set time, and the event stays."""
    sender = FakeSender()

    def answer(_incident: str, _kind: str) -> Outcome:
        sender.cut_off.wait(30)
        return Outcome(None, "timed out")

    sender.answer = answer

    async def body(on: Bench) -> None:
        await on.accept("A", "start")
        await eventually(lambda: sender.sent)
        async with asyncio.timeout(20):
            await on.worker.stop(0.2)
        assert sender.cut_off.is_set()
        assert [row[0] for row in on.outbox()] == ["A"]

    bench(tmp_path, body, sender=sender)


def test_what_the_receiver_is_is_found_out_once_it_answers(tmp_path: Path) -> None:
    """Without a configured receiver nothing is sent until the receiver's document was read."""
    destination: Destination = replace(DESTINATION, receiver=None)
    sender = FakeSender(there=False)

    async def body(on: Bench) -> None:
        await on.accept("A", "start")
        await asyncio.sleep(0.3)
        assert sender.sent == []
        assert on.outbox()[0][2] == 0
        sender.there = True
        await on.delivered()

    bench(tmp_path, body, sender=sender, destination=destination)
