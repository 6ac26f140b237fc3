"""The delivery worker: order, what counts as a try, and that no fault ends it."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from gitdailies_connection.settings import Destination
from gitdailies_core import retry
from gitdailies_core.errors import StoreUnavailable
from gitdailies_core.retry import Outcome
from gitdailies_relay import delivery, pausing, store

from tests.relay.bench import DESTINATION, TAKEN, Bench, FakeSender, bench, eventually, write

REFUSED, BROKEN, DOWN = Outcome(400, "no such repository"), Outcome(500), Outcome(None, "connection refused")


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry within milliseconds, so that a test need not wait for a second try."""
    monkeypatch.setattr(retry, "FIRST_DELAY_SECONDS", 0.02)
    monkeypatch.setattr(retry, "LONGEST_DELAY_SECONDS", 0.05)
    monkeypatch.setattr(delivery, "POLL_SECONDS", 0.02)


def answering(**of: Any) -> FakeSender:
    """Answer by incident: an outcome for ever, or a list of them, the last one for ever."""
    waiting: dict[str, Iterator[Outcome]] = {n: iter(o) for n, o in of.items() if isinstance(o, list)}

    def answer(incident: str, _kind: str) -> Outcome:
        if incident in waiting:
            return next(waiting[incident], TAKEN)
        outcome: Outcome = of.get(incident, TAKEN)
        return outcome

    return FakeSender(answer)


def test_events_of_an_incident_go_one_by_one_and_in_order(tmp_path: Path) -> None:
    """Of one incident never two are on their way, and they arrive as they were decided."""

    def slow(_incident: str, _kind: str) -> Outcome:
        time.sleep(0.05)
        return TAKEN

    async def body(on: Bench) -> None:
        await on.accept("A", "start", "end")
        await on.accept("A", "start", "end", minute=10)
        await on.delivered()

    sender = bench(tmp_path, body, sender=FakeSender(slow))
    assert sender.of("A") == ["started", "resolved", "started", "resolved"]
    assert sender.most_of_one == 1
    assert len(set(sender.ids)) == 4


def test_many_incidents_are_on_their_way_at_once_up_to_the_bound(tmp_path: Path) -> None:
    """Twenty incidents keep all eight places busy, and no ninth is taken."""
    full = threading.Barrier(8, timeout=10)

    def answer(_incident: str, kind: str) -> Outcome:
        if kind == "started" and len(sender.sent) <= 8:
            full.wait()
        return TAKEN

    sender = FakeSender(answer)

    async def body(on: Bench) -> None:
        for number in range(20):
            await on.accept(f"I{number}", "start", "end")
        await on.delivered()

    bench(tmp_path, body, sender=sender)
    assert sender.most_at_once == 8
    assert all(sender.of(f"I{number}") == ["started", "resolved"] for number in range(20))


def test_a_stuck_incident_does_not_hold_up_another(tmp_path: Path) -> None:
    """While one event fails and fails, incidents that come after it go through at once, both events."""
    sender = answering(stuck=BROKEN)

    async def body(on: Bench) -> None:
        await on.accept("stuck", "start", "end")
        await eventually(lambda: len(sender.of("stuck")) > 4)
        for number in range(5):
            await on.accept(f"I{number}", "start", "end")
            await eventually(lambda name=f"I{number}": len(sender.of(name)) == 2, 2.0)
        assert [row[0] for row in on.pending()] == ["stuck", "stuck"]

    bench(tmp_path, body, sender=sender)
    assert "resolved" not in sender.of("stuck")


def test_waiting_for_its_turn_is_no_attempt(tmp_path: Path) -> None:
    """While the start is tried again and again, the end has neither attempts nor a first one."""
    sender = answering(A=BROKEN)

    async def body(on: Bench) -> None:
        await on.accept("A", "start", "end")
        await eventually(lambda: len(sender.sent) > 3)
        start, end = on.pending()
        assert (start[1], start[2] > 2, start[3] is not None) == (1, True, True)
        assert end == ("A", 0, 0, None, None)

    bench(tmp_path, body, sender=sender)


def test_at_the_give_up_age_an_event_is_buried_and_the_next_has_its_own_time(tmp_path: Path) -> None:
    """The start is buried with its last answer; the end, which waited for it, is then tried as long."""
    sender = answering(A=BROKEN)

    async def body(on: Bench) -> None:
        await on.accept("A", "start", "end")
        await eventually(lambda: len(on.buried()) == 1)
        assert on.buried()[0]["reason"].startswith("given up after ")
        assert on.buried()[0]["reason"].endswith(": answered 500")
        first = on.pending()[1]
        await eventually(lambda: len(on.buried()) == 2)
        assert first[:2] == ("A", 1)

    bench(tmp_path, body, sender=sender, give_up_seconds=0.4)
    moments = {
        kind: [at for (_, k), at in zip(sender.sent, sender.times, strict=True) if k == kind]
        for kind in ("started", "resolved")
    }
    for times in moments.values():
        assert times[-1] - times[0] >= 0.4
    assert max(moments["started"]) < min(moments["resolved"])


def test_giving_up_by_age_does_not_take_the_receiver_for_well(tmp_path: Path) -> None:
    """Events buried because nothing answers leave the circuit open."""
    sender = FakeSender(lambda _incident, _kind: DOWN)

    async def body(on: Bench) -> None:
        for number in range(4):
            await on.accept(f"I{number}", "start")
        await eventually(on.buried)
        assert not on.worker.circuit.closed

    bench(tmp_path, body, sender=sender, give_up_seconds=0.1)


def test_a_refused_event_is_buried_and_the_next_flows(tmp_path: Path) -> None:
    """A 400 buries the start with the receiver's words after one try, and the end is delivered."""
    sender = answering(A=[REFUSED])

    async def body(on: Bench) -> None:
        await on.accept("A", "start", "end")
        await on.accept("B", "start")
        await on.delivered()
        (buried,) = on.buried()
        assert (buried["incident"], buried["attempts"]) == ("A", 1)
        assert buried["reason"] == "answered 400: no such repository"

    bench(tmp_path, body, sender=sender)
    assert sender.of("A") == ["started", "resolved"]


def test_a_failing_receiver_is_asked_by_probes_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the first failures one request at a time goes out; with the first success all go, in order."""
    monkeypatch.setattr("gitdailies_relay.circuit.FIRST_WAIT_SECONDS", 0.2)
    monkeypatch.setattr("gitdailies_relay.circuit.LONGEST_WAIT_SECONDS", 0.2)
    up = threading.Event()
    sender = FakeSender(lambda _incident, _kind: TAKEN if up.is_set() else DOWN)

    async def body(on: Bench) -> None:
        for number in range(30):
            await on.accept(f"I{number:02}", "start", "end")
        await eventually(lambda: not on.worker.circuit.closed)
        await asyncio.sleep(0.1)
        opened = len(sender.sent)
        sender.most_at_once = 0
        await asyncio.sleep(1.0)
        assert 3 <= len(sender.sent) - opened <= 6
        assert sender.most_at_once <= 1
        up.set()
        await on.delivered(5.0)
        assert on.worker.circuit.closed
        assert on.buried() == []

    bench(tmp_path, body, sender=sender)
    for number in range(30):
        taken = sender.of(f"I{number:02}")
        assert taken[-2:] == ["started", "resolved"]
        assert taken.count("resolved") == 1


def test_the_first_success_hurries_what_would_have_waited_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events whose next try is minutes away go out as soon as a probe has shown that the receiver is back."""
    monkeypatch.setattr(retry, "FIRST_DELAY_SECONDS", 300.0)
    monkeypatch.setattr(retry, "LONGEST_DELAY_SECONDS", 300.0)
    monkeypatch.setattr(delivery.random, "random", lambda: 0.9)
    up = threading.Event()
    sender = FakeSender(lambda _incident, _kind: TAKEN if up.is_set() else DOWN)

    async def body(on: Bench) -> None:
        for number in range(6):
            await on.accept(f"I{number}", "start")
        await eventually(lambda: len(sender.sent) >= 6)
        up.set()
        await on.delivered(5.0)

    bench(tmp_path, body, sender=sender)


def test_retry_after_keeps_all_events_back(tmp_path: Path) -> None:
    """After one 429 that asks for a second, nothing goes out for a second, new events neither."""
    sender = answering(A=[Outcome(429, retry_after="1")])

    async def body(on: Bench) -> None:
        await on.accept("A", "start")
        await eventually(lambda: not on.worker.circuit.closed)
        await on.accept("B", "start")
        await on.delivered()

    bench(tmp_path, body, sender=sender)
    assert sorted(sender.sent[1:]) == [("A", "started"), ("B", "started")]
    assert sender.times[1] - sender.times[0] >= 1.0


def test_a_refused_key_pauses_until_there_is_another(tmp_path: Path) -> None:
    """A 401 stops everything with nothing lost and no try burnt; another key in its place starts it again."""

    def answer(_incident: str, _kind: str) -> Outcome:
        return TAKEN if sender.keys[-1] == "gdk_second" else Outcome(401, "no such key")

    sender = FakeSender(answer)

    async def body(on: Bench) -> None:
        await on.accept("A", "start", "end")
        await eventually(lambda: on.status()["paused"])
        (paused,) = on.status()["paused"]
        assert (paused["by"], paused["reason"]) == ("key", "the key is refused (answered 401: no such key)")
        for number in range(10):
            await on.accept(f"I{number}", "start")
        tries = len(sender.sent)
        await asyncio.sleep(0.2)
        assert len(sender.sent) == tries
        assert [row[2] for row in on.pending()] == [0] * 12
        on.environ["KEY"] = "gdk_second"
        await on.delivered()
        assert on.status()["paused"] == []

    bench(tmp_path, body, sender=sender, in_flight=1)
    assert sender.sent.count(("A", "resolved")) == 1


def test_a_key_that_cannot_be_read_pauses_without_a_try(tmp_path: Path) -> None:
    """Where the variable is gone, nothing is sent; once it is there, everything is."""

    async def body(on: Bench) -> None:
        del on.environ["KEY"]
        await on.accept("A", "start")
        await eventually(lambda: on.status()["paused"])
        (paused,) = on.status()["paused"]
        assert paused["reason"] == "env KEY: expected a secret, got a variable that is not set"
        assert on.sender.sent == []
        on.environ["KEY"] = "gdk_second"
        await on.delivered()

    assert bench(tmp_path, body).keys == ["gdk_second"]


def test_a_wrong_address_is_asked_again_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A 404 pauses; one request at a time asks again, and its success resumes all by itself."""
    monkeypatch.setitem(pausing.PROBE_SECONDS, "address", 0.3)
    there = threading.Event()
    sender = FakeSender(lambda _incident, _kind: TAKEN if there.is_set() else Outcome(404))

    async def body(on: Bench) -> None:
        for number in range(5):
            await on.accept(f"I{number}", "start")
        await eventually(lambda: on.status()["paused"])
        assert on.status()["paused"][0]["by"] == "address"
        await asyncio.sleep(0.1)
        before = len(sender.sent)
        await asyncio.sleep(0.7)
        assert len(sender.sent) - before in (1, 2, 3)
        assert all(row[2] == 0 for row in on.pending())
        there.set()
        await on.delivered(3.0)
        assert on.status()["paused"] == []

    bench(tmp_path, body, sender=sender)


def test_what_a_person_paused_only_a_person_resumes(tmp_path: Path) -> None:
    """A pause by hand outlasts a refused key, an event that was on its way, and a start."""
    held = threading.Event()

    def answer(incident: str, _kind: str) -> Outcome:
        assert held.wait(10)
        return Outcome(401) if incident == "refused" and sender.of(incident) == ["started"] else TAKEN

    sender = FakeSender(answer)
    path = tmp_path / "relay.db"

    def paused_by(on: Bench) -> list[str]:
        return [one["by"] for one in on.status()["paused"]]

    async def by_hand(on: Bench) -> None:
        await on.accept("refused", "start", "end")
        await on.accept("taken", "start", "end")
        await eventually(lambda: len(sender.sent) == 2)
        with store.transaction(path) as connection:
            store.pause(connection, "default", "manual", "by hand")
        held.set()
        await asyncio.sleep(0.2)
        assert sorted(sender.sent) == [("refused", "started"), ("taken", "started")]
        assert paused_by(on) == ["manual"]

    async def after_a_start(on: Bench) -> None:
        await on.accept("later", "start")
        await asyncio.sleep(0.2)
        assert paused_by(on) == ["manual"]
        assert len(sender.sent) == 2
        with store.transaction(path) as connection:
            store.resume(connection, "default")
        await on.delivered(2.0)

    bench(tmp_path, by_hand, sender=sender)
    bench(tmp_path, after_a_start, sender=sender)
    assert sender.of("refused") == ["started", "started", "resolved"]
    assert sender.of("taken") == ["started", "resolved"]


def test_a_start_ends_pauses_that_may_be_over(tmp_path: Path) -> None:
    """After a start an old pause for key or address is over, with nothing to send too."""

    path = tmp_path / "relay.db"
    store.migrate(path)
    for what in ("key", "address"):
        with store.transaction(path) as connection:
            store.pause(connection, "default", what, "before")

        async def body(on: Bench, name: str = what) -> None:
            await eventually(lambda: not on.status()["paused"], 2.0)
            await on.accept(name, "start")
            await on.delivered(2.0)

        assert bench(tmp_path, body).sent == [(what, "started")]


def test_a_damaged_event_is_set_aside(tmp_path: Path) -> None:
    """An event whose stored bytes are damaged is buried with what is wrong; the others are delivered."""
    bodies = [b'{"kind": "incidentSt', b'{"kind": "x\xff"}', b'{"kind": "incidentStarted"}', b"null", b""]
    path = tmp_path / "relay.db"

    async def stored(on: Bench) -> None:
        on.environ.clear()
        for number in range(len(bodies)):
            await on.accept(f"bad{number}", "start", "end")
        await on.accept("good", "start")

    async def body(on: Bench) -> None:
        await on.delivered()
        buried = on.buried()
        assert [one["incident"] for one in buried] == [f"bad{number}" for number in range(len(bodies))]
        assert all(one["reason"].startswith("the stored event cannot be read: ") for one in buried)

    bench(tmp_path, stored)
    for number, damaged in enumerate(bodies):
        first = "(SELECT min(seq) FROM events WHERE incident = ?)"
        write(path, f"UPDATE events SET body = CAST(? AS TEXT) WHERE seq = {first}", damaged, f"bad{number}")
    sender = bench(tmp_path, body)
    assert sorted(sender.sent) == [
        *((f"bad{n}", "resolved") for n in range(len(bodies))),
        ("good", "started"),
    ]


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
        assert [verdict for verdict, _ in attempts] == ["again"] * 3 + ["done"] * 2
        assert "planted" not in json.dumps(attempts)

    bench(tmp_path, body, sender=sender)
    assert sender.of("A") == ["started"] * 4 + ["resolved"]


def test_a_broken_task_does_not_stop_the_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug in what follows an attempt, or in choosing what to send, costs a moment, never the worker."""
    judge, heads = delivery.Worker._judge, delivery.Worker._heads
    faults = {"judge": 2, "heads": 2}

    def broken_judge(self: Any, *rest: Any) -> Any:
        if faults["judge"]:
            faults["judge"] -= 1
            raise RuntimeError("planted")
        return judge(self, *rest)

    def broken_heads(self: Any) -> Any:
        if faults["heads"]:
            faults["heads"] -= 1
            raise RuntimeError("planted")
        return heads(self)

    monkeypatch.setattr(delivery.Worker, "_judge", broken_judge)
    monkeypatch.setattr(delivery.Worker, "_heads", broken_heads)

    async def body(on: Bench) -> None:
        await on.accept("A", "start", "end")
        await on.accept("B", "start")
        await on.delivered()

    sender = bench(tmp_path, body)
    assert faults == {"judge": 0, "heads": 0}
    assert sender.of("A")[-1] == "resolved"


def test_a_result_waits_for_a_store_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was delivered while the store failed is recorded when it is back, and not sent again."""
    record, failures = store.Store.record, [StoreUnavailable("store: planted")] * 2

    async def sometimes(self: Any, attempt: Any) -> None:
        if failures:
            raise failures.pop()
        await record(self, attempt)

    monkeypatch.setattr(store.Store, "record", sometimes)
    sleep = asyncio.sleep
    monkeypatch.setattr(delivery.asyncio, "sleep", lambda _seconds: sleep(0.01))

    async def body(on: Bench) -> None:
        await on.accept("A", "start", "end")
        await on.delivered()

    assert bench(tmp_path, body).of("A") == ["started", "resolved"]


def test_stop_records_what_is_on_its_way_and_starts_nothing_more(tmp_path: Path) -> None:
    """An answer that comes during stop is recorded; what waits is delivered by the next start alone."""
    began, go = threading.Event(), threading.Event()

    def answer(_incident: str, _kind: str) -> Outcome:
        began.set()
        assert go.wait(10)
        return TAKEN

    sender = FakeSender(answer)

    async def body(on: Bench) -> None:
        await on.accept("A", "start", "end")
        await asyncio.to_thread(began.wait, 10)
        stopping = asyncio.create_task(on.worker.stop(5.0))
        await asyncio.sleep(0.05)
        go.set()
        await stopping
        assert sender.of("A") == ["started"]
        assert [row[:2] for row in on.pending()] == [("A", 1)]

    bench(tmp_path, body, sender=sender)

    async def rest(on: Bench) -> None:
        await on.delivered()

    bench(tmp_path, rest, sender=sender)
    assert sender.of("A") == ["started", "resolved"]


def test_stop_cuts_what_takes_too_long(tmp_path: Path) -> None:
    """A receiver that does not answer holds stop only for the set time, and the event is kept."""
    sender = FakeSender()

    def answer(_incident: str, _kind: str) -> Outcome:
        sender.cut_off.wait(30)
        return Outcome(None, "timed out")

    sender.answer = answer

    async def body(on: Bench) -> None:
        await on.accept("A", "start")
        await eventually(lambda: sender.sent)
        async with asyncio.timeout(3):
            await on.worker.stop(0.2)
        assert sender.cut_off.is_set()
        assert [row[0] for row in on.pending()] == ["A"]

    bench(tmp_path, body, sender=sender)


def test_what_the_receiver_is_is_found_out_once_it_answers(tmp_path: Path) -> None:
    """Where the configuration does not say, nothing is sent until the receiver tells what it takes."""
    destination: Destination = replace(DESTINATION, receiver=None)
    sender = FakeSender(there=False)

    async def body(on: Bench) -> None:
        await on.accept("A", "start")
        await asyncio.sleep(0.3)
        assert sender.sent == []
        assert on.pending()[0][2] == 0
        sender.there = True
        await on.delivered()

    bench(tmp_path, body, sender=sender, destination=destination)


def test_another_destination_is_taken_while_it_runs(tmp_path: Path) -> None:
    """After redirect the new sender gets everything, and a pause for the old address is over."""
    old, new = FakeSender(lambda _incident, _kind: Outcome(404)), FakeSender()

    async def body(on: Bench) -> None:
        await on.accept("A", "start", "end")
        await eventually(lambda: on.status()["paused"])
        await on.worker.redirect(DESTINATION, new)
        await on.delivered()

    bench(tmp_path, body, sender=old)
    assert new.of("A") == ["started", "resolved"]
