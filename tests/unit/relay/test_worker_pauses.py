"""The delivery worker: causes of a pause, the resume, and no counted attempt in between."""

import asyncio
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from gitdailies_connection.http.sender import ReceiverAnswer
from gitdailies_core.errors import DeliveryError
from gitdailies_core.events.receivers import DOCUMENTED
from gitdailies_core.retry import Outcome
from gitdailies_relay.store import store
from gitdailies_server.storage.database import transaction
from gitdailies_server.storage.sqlite import SqliteDatabase

from tests.support.relay.bench import DESTINATION, TAKEN, Bench, FakeSender, bench, eventually

pytestmark = pytest.mark.usefixtures("quick_retries")


async def test_a_key_that_cannot_be_read_pauses_without_a_try(tmp_path: Path) -> None:
    """While the variable is missing nothing is sent; once it is set, every event is."""
    async with bench(tmp_path) as on:
        del on.environ["KEY"]
        await on.accept("A", "start")
        await eventually(lambda: on.status()["paused"])
        (paused,) = on.status()["paused"]
        assert paused["reason"] == "env KEY: this variable is not set"
        assert on.sender.sent == []
        on.environ["KEY"] = "gdk_second"
        await on.delivered()
    assert on.sender.keys == ["gdk_second"]


async def test_what_a_person_paused_only_a_person_resumes(tmp_path: Path) -> None:
    """A pause by hand outlasts a refused key, an event that was on its way, and a start."""
    held = threading.Event()

    def answer(incident: str, _kind: str) -> Outcome:
        assert held.wait(10)
        return Outcome(401) if incident == "refused" and sender.of(incident) == ["started"] else TAKEN

    sender = FakeSender(answer)
    path = tmp_path / "relay.db"

    def paused_by(on: Bench) -> list[str]:
        return [one["by"] for one in on.status()["paused"]]

    async with bench(tmp_path, sender=sender) as on:
        await on.accept("refused", "start", "end")
        await on.accept("taken", "start", "end")
        await eventually(lambda: len(sender.sent) == 2)
        with transaction(SqliteDatabase(path)) as connection:
            store.pause(connection, "default", "manual", "by hand")
        held.set()
        await asyncio.sleep(0.2)
        assert sorted(sender.sent) == [("refused", "started"), ("taken", "started")]
        assert paused_by(on) == ["manual"]
    async with bench(tmp_path, sender=sender) as on:
        await on.accept("later", "start")
        await asyncio.sleep(0.2)
        assert paused_by(on) == ["manual"]
        assert len(sender.sent) == 2
        with transaction(SqliteDatabase(path)) as connection:
            store.resume(connection, "default")
        await on.delivered()
    assert sender.of("refused") == ["started", "started", "resolved"]
    assert sender.of("taken") == ["started", "resolved"]


async def test_resume_sends_what_waits_for_its_time_although_nothing_is_paused(tmp_path: Path) -> None:
    """Neither the wait that the receiver asked for nor an open circuit holds an event then."""
    answers = [Outcome(503, retry_after="3600")]
    sender = FakeSender(lambda *_: answers.pop() if answers else TAKEN)
    async with bench(tmp_path, sender=sender) as on:
        await on.accept("A", "start", "end")
        await eventually(lambda: on.outbox()[0][2])
        assert not on.worker.circuit.closed
        with transaction(SqliteDatabase(tmp_path / "relay.db")) as connection:
            store.resume(connection, "default")
        await on.delivered(20.0)
    assert sender.of("A") == ["started", "started", "resolved"]


async def test_a_start_ends_pauses_that_may_be_over(tmp_path: Path) -> None:
    """After a start an old pause for key or address is over, with nothing to send too."""
    path = tmp_path / "relay.db"
    store.migrate(SqliteDatabase(path))
    for what in ("key", "address"):
        with transaction(SqliteDatabase(path)) as connection:
            store.pause(connection, "default", what, "before")
        async with bench(tmp_path) as on:
            await eventually(lambda: not on.status()["paused"])
            await on.accept(what, "start")
            await on.delivered()
        assert on.sender.sent == [(what, "started")]


async def test_a_redirect_closes_the_sender_before(tmp_path: Path) -> None:
    """Each redirect closes the sender before. What is on its way arrives, and the one in use stays open."""
    held = threading.Event()

    def answer(_incident: str, _kind: str) -> Outcome:
        assert held.wait(10)
        return TAKEN

    carrying, idle, last = FakeSender(answer), FakeSender(), FakeSender()
    async with bench(tmp_path, sender=carrying) as on:
        await on.accept("A", "start")
        await on.accept("B", "start")
        await eventually(lambda: len(carrying.sent) == 2)
        await on.worker.redirect(DESTINATION, idle)
        await on.worker.redirect(DESTINATION, last)
        held.set()
        await on.accept("C", "start")
        await on.delivered()
        assert (len(carrying.closed), len(idle.closed), last.closed) == (1, 1, [])
    assert (sorted(carrying.sent), last.sent) == ([("A", "started"), ("B", "started")], [("C", "started")])
    assert last.closed == [0]


async def test_nothing_is_sent_before_the_receiver_says_what_it_is(tmp_path: Path) -> None:
    """While it cannot be reached, no attempt is counted."""
    there = threading.Event()

    class Away(FakeSender):
        def ask_receiver(self) -> ReceiverAnswer:
            if not there.is_set():
                raise DeliveryError("connection refused")
            return super().ask_receiver()

    async with bench(tmp_path, sender=Away(), destination=replace(DESTINATION, receiver=None)) as on:
        await on.accept("A", "start")
        await asyncio.sleep(0.3)
        assert on.sender.sent == []
        assert on.outbox()[0][2] == 0
        there.set()
        await on.delivered()


async def test_what_the_old_receiver_is_found_to_be_says_nothing_of_the_new_one(tmp_path: Path) -> None:
    """A receiver that answers what it is after a redirect does not decide how the next one is written to."""
    asked, go = threading.Event(), threading.Event()

    class Slow(FakeSender):
        def ask_receiver(self) -> ReceiverAnswer:
            asked.set()
            assert go.wait(10)
            return ReceiverAnswer(DOCUMENTED, "404")

    new = FakeSender()
    unknown = replace(DESTINATION, receiver=None)
    async with bench(tmp_path, sender=Slow(), destination=unknown) as on:
        await on.accept("A", "start")
        await eventually(asked.is_set)
        await on.worker.redirect(unknown, new)
        go.set()
        await on.delivered()
    assert new.bodies[0]["source"] == "test"
