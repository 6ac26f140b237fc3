"""The delivery worker on a bench: a real store, and a sender whose answers the test sets."""

import asyncio
import itertools
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from gitdailies_connection.config.secret_source import SecretSource
from gitdailies_connection.config.sections.settings import Destination, RelaySettings, StoreSetting
from gitdailies_connection.http.event_lists import EventResult
from gitdailies_connection.http.sender import ReceiverAnswer, Sender
from gitdailies_core.events.receivers import OURS
from gitdailies_core.retry import Outcome
from gitdailies_core.sources.protocol import RESOLVED, STARTED, Change
from gitdailies_core.values.deploy_target import DeployTarget
from gitdailies_core.values.secret import Secret
from gitdailies_core.values.times import parse
from gitdailies_core.values.trace_context import Trace
from gitdailies_relay.accepting.acceptance import Delivery
from gitdailies_relay.accepting.interpret import Interpretation, RoutedMessage
from gitdailies_relay.delivery import isolation
from gitdailies_relay.delivery.batches import is_about_events
from gitdailies_relay.delivery.worker import DeliveryWorker
from gitdailies_relay.store.store import RelayStore
from gitdailies_server.storage.database import transaction
from gitdailies_server.storage.sqlite import SqliteDatabase
from gitdailies_server.storage.timestamps import now_us

from tests.support.relay import reports

TAKEN = Outcome(202)
BEGAN = parse("2026-03-04T09:00:00Z", "began")
DESTINATION = Destination("http://127.0.0.1:1/webhooks", SecretSource.make(env="KEY"), receiver=OURS)

_numbers = itertools.count(1)


@dataclass(eq=False)
class FakeSender(Sender):
    """Records what it was given; `answer` decides, in the thread that sends."""

    answer: Callable[[str, str], Outcome] = lambda _incident, _kind: TAKEN
    sent: list[tuple[str, str]] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    ids: list[str | None] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    most_at_once: int = 0
    most_of_one: int = 0
    lists: list[int] = field(default_factory=list)
    cut_off: threading.Event = field(default_factory=threading.Event)
    # How many events were on their way at each close.
    closed: list[int] = field(default_factory=list)
    _now: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def send_list(
        self, events: Sequence[bytes], *, key: Secret, traces: Sequence[Trace] = ()
    ) -> tuple[Outcome, list[EventResult]]:
        """Answer as the DORA server does: what is not about an event is the answer to the whole list."""
        self.lists.append(len(events))
        outcomes = [self.send(body, key=key, event_id=json.loads(body)["id"]) for body in events]
        for outcome in outcomes:
            if not is_about_events(outcome):
                return outcome, []
        return Outcome(207), [
            EventResult("created" if one == TAKEN else "invalid", one.error) for one in outcomes
        ]

    def send(
        self, body: bytes, *, key: Secret, event_id: str | None, traces: Sequence[Trace] = ()
    ) -> Outcome:
        event = json.loads(body)
        incident, kind = event["incidentId"], event["kind"].removeprefix("incident").lower()
        with self._lock:
            self._now.append(incident)
            self.most_at_once = max(self.most_at_once, len(self._now))
            self.most_of_one = max(self.most_of_one, self._now.count(incident))
            self.sent.append((incident, kind))
            self.bodies.append(event)
            self.ids.append(event_id)
            self.keys.append(key.reveal())
            self.times.append(time.monotonic())
        try:
            return self.answer(incident, kind)
        finally:
            with self._lock:
                self._now.remove(incident)

    def ask_receiver(self) -> ReceiverAnswer:
        return ReceiverAnswer(OURS, "200")

    def cut(self) -> None:
        self.cut_off.set()

    def close(self) -> None:
        self.closed.append(len(self._now))

    def of(self, incident: str) -> list[str]:
        return [kind for one, kind in self.sent if one == incident]


@dataclass
class Bench:
    """A store, a worker that runs, and its sender."""

    store: RelayStore
    sender: FakeSender
    environ: dict[str, str]
    worker: DeliveryWorker

    async def accept(self, incident: str, *states: str, minute: int = 0) -> None:
        """Store one delivery per state (start, end), each a minute after the one before."""
        for number, state in enumerate(states):
            at = BEGAN + timedelta(minutes=minute + number)
            await self.store.writer.put(delivery(incident, STARTED if state == "start" else RESOLVED, at))
        self.worker.wake()

    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = self.store.report(reports.status)
        return status

    def dead_letters(self) -> list[dict[str, Any]]:
        dead: list[dict[str, Any]] = self.store.report(reports.failed)["deadLetters"]
        return dead

    def outbox(self) -> list[tuple[Any, ...]]:
        """Return incident, is_next, attempts, first attempt and dead letter's reason of each outbox row."""
        statement = (
            "SELECT e.incident, p.is_next, p.attempts, p.first_attempt_at, p.dead_letter"
            " FROM outbox p JOIN events e ON e.seq = p.seq ORDER BY p.seq"
        )
        rows: list[tuple[Any, ...]] = self.store.report(lambda c: c.execute(statement).fetchall())
        return rows

    async def delivered(self, seconds: float = 60.0) -> None:
        """Wait until nothing is left but dead letters."""
        await eventually(lambda: self.status()["waiting"] == 0, seconds)


def delivery(incident: str, state: str, at: datetime) -> Delivery:
    change = Change(
        state=state, word=state, incident=incident, at=at, started_at=BEGAN if state == RESOLVED else None
    )
    routed = RoutedMessage(change, f"m{next(_numbers)}", (DeployTarget("larkspur/shop"),))
    return Delivery(f"d{next(_numbers)}", now_us(), "default", Interpretation("test", "", b"", "", (routed,)))


async def eventually(check: Callable[[], Any], seconds: float = 60.0) -> None:
    async with asyncio.timeout(seconds):
        while not check():  # noqa: ASYNC110  what is waited for happens in other threads
            await asyncio.sleep(0.01)


@asynccontextmanager
async def bench(
    folder: Path,
    *,
    sender: FakeSender | None = None,
    in_flight: int = 8,
    give_up_seconds: float = 3600.0,
    destination: Destination = DESTINATION,
) -> AsyncIterator[Bench]:
    """Run a worker until the block ends. Worker and store are stopped even if the block fails."""
    sender = sender or FakeSender()
    relay_store = RelayStore(SqliteDatabase(folder / "relay.db"))
    relay_store.prepare()
    relay_store.start()
    environ = {"KEY": "gdk_first"}
    worker = DeliveryWorker(
        store=relay_store,
        destination=destination,
        sender=sender,
        environ=environ,
        relay=RelaySettings(
            StoreSetting("sqlite"), in_flight=in_flight, give_up_days=give_up_seconds / 86400
        ),
        count_attempt=lambda _verdict, _seconds, _age: None,
    )
    running = asyncio.create_task(worker.run())
    try:
        yield Bench(relay_store, sender, environ, worker)
        assert worker._stopping or not running.done(), "the worker ended by itself"
    finally:
        await worker.stop(0.5)
        await running
        await relay_store.close()


def probe_after(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Probe a receiver that fails each time after so long."""
    monkeypatch.setattr(isolation, "FIRST_BACKOFF_SECONDS", seconds)
    monkeypatch.setattr(isolation, "LONGEST_BACKOFF_SECONDS", seconds)


def write(path: Path, statement: str, *values: Any) -> None:
    """Change the store as a command does while the server runs."""
    with transaction(SqliteDatabase(path)) as connection:
        connection.execute(statement, values)
