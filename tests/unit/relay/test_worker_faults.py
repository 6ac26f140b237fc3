"""The delivery worker: no fault, of stored bytes, sender, store or its own, ends it or loses an event."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from gitdailies_core.errors import StoreUnavailable
from gitdailies_core.retry import Outcome
from gitdailies_relay.delivery import batches, worker
from gitdailies_relay.store.store import RelayStore

from tests.support.relay.bench import TAKEN, FakeSender, bench, eventually

pytestmark = pytest.mark.usefixtures("quick_retries")


def breaking(function: Callable[..., Any], faults: Iterator[Exception]) -> Callable[..., Any]:
    """Raise a fault in place of each call as long as there is one."""

    def broken(*given: Any) -> Any:
        for fault in faults:
            raise fault
        return function(*given)

    return broken


async def test_a_sender_that_breaks_counts_as_a_failure(tmp_path: Path) -> None:
    """Any exception of the sender is a try that failed; the worker goes on and the event arrives."""
    faults = iter([ValueError("planted"), MemoryError(), OSError("planted")])
    sender = FakeSender(breaking(lambda *_: TAKEN, faults))
    async with bench(tmp_path, sender=sender) as on:
        await on.accept("A", "start", "end")
        await on.delivered()
        statement = "SELECT verdict, reason FROM attempts ORDER BY seq"
        attempts = on.store.report(lambda connection: connection.execute(statement).fetchall())
        assert [verdict for verdict, _ in attempts] == ["retry"] * 3 + ["delivered"] * 2
        assert "planted" not in json.dumps(attempts)
    assert sender.of("A") == ["started"] * 4 + ["resolved"]


async def test_a_broken_task_does_not_stop_the_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug in what follows an attempt, or in choosing what to send, costs a moment, never the worker."""
    places = ((batches, "decide"), (worker.DeliveryWorker, "_ready"))
    faults = [iter([RuntimeError("planted")] * 2) for _ in places]
    for (place, name), some in zip(places, faults, strict=True):
        monkeypatch.setattr(place, name, breaking(getattr(place, name), some))
    async with bench(tmp_path) as on:
        await on.accept("A", "start", "end")
        await on.accept("B", "start")
        await on.delivered()
    assert [list(left) for left in faults] == [[], []]
    assert on.sender.of("A")[-1] == "resolved"


async def test_a_result_waits_for_a_store_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was delivered while the store failed is recorded later, and not sent again."""
    faults, sleep = iter([StoreUnavailable("planted")] * 2), asyncio.sleep
    monkeypatch.setattr(RelayStore, "record", breaking(RelayStore.record, faults))
    monkeypatch.setattr(asyncio, "sleep", lambda _: sleep(0.01))
    async with bench(tmp_path) as on:
        await on.accept("A", "start", "end")
        await on.delivered()
    assert (list(faults), on.sender.of("A")) == ([], ["started", "resolved"])


async def test_stop_records_what_is_on_its_way_and_starts_nothing_more(tmp_path: Path) -> None:
    """It does not cut an answer that comes in time. What waits behind it stays."""
    began, go = threading.Event(), threading.Event()

    def answer(*_: str) -> Outcome:
        began.set()
        assert go.wait(10)
        return TAKEN

    sender = FakeSender(answer)
    async with bench(tmp_path, sender=sender) as on:
        await on.accept("A", "start", "end")
        await asyncio.to_thread(began.wait, 10)
        stopping = asyncio.create_task(on.worker.stop(50.0))
        await asyncio.sleep(0.05)
        assert not sender.cut_off.is_set()
        go.set()
        await stopping
        assert ([row[:3] for row in on.outbox()], sender.of("A")) == ([("A", 1, 0)], ["started"])


async def test_stop_cuts_what_takes_too_long(tmp_path: Path) -> None:
    """A receiver that does not answer holds stop only for the set time, and the event stays."""
    sender = FakeSender()

    def answer(_incident: str, _kind: str) -> Outcome:
        sender.cut_off.wait(30)
        return Outcome(None, "timed out")

    sender.answer = answer
    async with bench(tmp_path, sender=sender) as on:
        await on.accept("A", "start")
        await eventually(lambda: sender.sent)
        async with asyncio.timeout(20):
            await on.worker.stop(0.2)
        assert sender.cut_off.is_set()
        assert [row[0] for row in on.outbox()] == ["A"]
