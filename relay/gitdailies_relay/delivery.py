"""The delivery worker: what is due is sent, many incidents at once and one event of each.

Decisions stand elsewhere: what follows from an answer in `gitdailies_core.retry`, when to keep
off a failing receiver in `circuit`.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

import structlog
from gitdailies_connection.settings import Destination
from gitdailies_core import retry
from gitdailies_core.dialect import Dialect
from gitdailies_core.errors import ConfigurationError, DeliveryError, StoreUnavailable
from gitdailies_core.events import Event
from gitdailies_core.secret import Secret

from gitdailies_relay import queue
from gitdailies_relay.circuit import Circuit
from gitdailies_relay.clock import from_us, moment, now_us, to_us
from gitdailies_relay.store import Store, pause, resume

LOG = structlog.get_logger("gitdailies.relay")

MANUAL, KEY, ADDRESS = "manual", "key", "address"
# How often a command's work, a new key or a due retry is looked for; new events wake the worker.
POLL_SECONDS = 0.25
# A wrong address may be a receiver that is being replaced: it is asked again now and then. So
# is one that refused the key, though seldom, since that may count against us there.
PROBE_SECONDS = {KEY: 300.0, ADDRESS: 15.0}


class Sender(Protocol):
    """What the worker needs of gitdailies_connection.sender."""

    def send(self, body: bytes, *, key: Secret, event_id: str | None) -> retry.Outcome: ...

    def receiver(self) -> str: ...


class Worker:
    """Delivers one destination's events until it is stopped."""

    def __init__(
        self,
        *,
        store: Store,
        destination: Destination,
        sender: Sender,
        environ: Mapping[str, str],
        in_flight: int,
        give_up_seconds: float,
        name: str = "default",
        counted: Callable[[str, float], None] = lambda _verdict, _seconds: None,
    ) -> None:
        self._store = store
        self._destination = destination
        self._sender = sender
        self._environ = environ
        self._most = in_flight
        self._give_up_seconds = give_up_seconds
        self._name = name
        self._counted = counted
        self._pool = ThreadPoolExecutor(in_flight, thread_name_prefix="delivery")
        self._flying: dict[int, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()
        self._stopping = False
        self._dialect: Dialect | None = None
        self._refused_key: Secret | None = None
        self._probed_at = 0.0
        self.circuit = Circuit()

    def wake(self) -> None:
        """Say that there is something new to deliver."""
        self._wake.set()

    async def run(self) -> None:
        """Deliver until `stop`; a fault of store or receiver is waited out, never the end."""
        # A pause for key or address is as old as the last start: both may be right by now.
        await self._retried(lambda: self._resume_if(KEY, ADDRESS))
        while not self._stopping:
            try:
                full = await self._turn()
            except StoreUnavailable as error:
                LOG.error("store cannot be read", reason=str(error))
                full = False
            if not full:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), POLL_SECONDS)
            elif self._flying:
                await asyncio.wait(self._flying.values(), return_when=asyncio.FIRST_COMPLETED)
            self._wake.clear()

    async def stop(self) -> None:
        """Start nothing more and wait for what is in flight to be recorded."""
        self._stopping = True
        self._wake.set()
        if self._flying:
            await asyncio.gather(*self._flying.values(), return_exceptions=True)
        self._pool.shutdown(wait=True)

    async def _turn(self) -> bool:
        """Start what may be sent; return whether there was more than could be started."""
        room = min(self._most, await self._allowed()) - len(self._flying)
        if room <= 0:
            return bool(self._flying)
        # A probe takes whatever waits longest: its own wait was for the receiver too.
        due = self._store.due(self._most + room, waiting=not self.circuit.closed)
        heads = [head for head in due if head.seq not in self._flying]
        if heads and self._dialect is None and not await self._learn_dialect():
            return False
        for head in heads[:room]:
            task = asyncio.create_task(self._deliver(head))
            self._flying[head.seq] = task
            task.add_done_callback(partial(self._landed, head.seq))
        return len(heads) > room

    def _landed(self, seq: int, task: asyncio.Task[None]) -> None:
        del self._flying[seq]
        error = None if task.cancelled() else task.exception()
        if error is not None:
            # Ours, not the receiver's; the event stays where it is, and waits as for a failure.
            LOG.error("delivery broke", seq=seq, error=type(error).__name__)
            self.circuit.failed(now_us() / 1e6, POLL_SECONDS)
        self._wake.set()

    async def _allowed(self) -> int:
        """Return how many events may be in flight: none while paused, one to probe."""
        paused, _ = self._store.paused(self._name)
        if not paused:
            return self._most if self.circuit.closed else int(self.circuit.probe_due(now_us() / 1e6))
        if paused == KEY and self._refused_key is not None:
            try:
                current = self._destination.key.read(self._environ)
            except ConfigurationError:
                return 0
            if current != self._refused_key:
                LOG.info("destination resumed", reason="there is a new key")
                await self._store.run(lambda connection: resume(connection, self._name))
                return self._most
        if paused in PROBE_SECONDS and now_us() / 1e6 - self._probed_at >= PROBE_SECONDS[paused]:
            return 1
        return 0

    async def _learn_dialect(self) -> bool:
        receiver = self._destination.receiver
        if receiver is None:
            loop = asyncio.get_running_loop()
            try:
                receiver = await loop.run_in_executor(self._pool, self._sender.receiver)
            except DeliveryError as error:
                self.circuit.failed(now_us() / 1e6, 0.0)
                LOG.warning("receiver does not answer", reason=str(error))
                return False
            LOG.info("receiver found out", receiver=receiver)
        self._dialect = self._destination.dialect(receiver)
        return True

    async def _deliver(self, head: queue.Due) -> None:
        started_at = now_us()
        self._probed_at = started_at / 1e6
        try:
            outcome, key = await self._send(head)
        except ConfigurationError as error:
            # The key cannot be read: no attempt was made, so none is counted.
            await self._pause(KEY, str(error), None)
            return
        attempt = self._judge(head, outcome, started_at)
        await self._retried(lambda: self._store.record(attempt))
        self._counted(attempt.verdict, (now_us() - started_at) / 1e6)
        await self._follow(attempt, outcome, key)

    async def _send(self, head: queue.Due) -> tuple[retry.Outcome, Secret]:
        assert self._dialect is not None
        key = self._destination.key.read(self._environ)
        event = Event.from_wire(json.loads(head.body))
        body = self._dialect.dump(event)
        loop = asyncio.get_running_loop()

        def send() -> retry.Outcome:
            return self._sender.send(body, key=key, event_id=head.id)

        return await loop.run_in_executor(self._pool, send), key

    def _judge(self, head: queue.Due, outcome: retry.Outcome, started_at: int) -> queue.Attempt:
        now = datetime.now(UTC)
        verdict = retry.decide(
            outcome,
            attempt=head.attempts + 1,
            first_attempt_at=from_us(head.first_attempt_at) or moment(started_at),
            now=now,
            jitter=random.random,
            give_up_age_seconds=self._give_up_seconds,
        )
        at, status = to_us(now) or 0, outcome.status
        if isinstance(verdict, retry.Done):
            return queue.Attempt(head.seq, at, status, queue.DONE)
        if isinstance(verdict, retry.Again):
            return queue.Attempt(head.seq, at, status, queue.AGAIN, verdict.reason, to_us(verdict.at) or 0)
        if isinstance(verdict, retry.Pause):
            return queue.Attempt(head.seq, at, status, queue.PAUSED, verdict.reason)
        return queue.Attempt(head.seq, at, status, queue.BURIED, verdict.reason)

    async def _follow(self, attempt: queue.Attempt, outcome: retry.Outcome, key: Secret) -> None:
        now = now_us() / 1e6
        if attempt.verdict == queue.PAUSED:
            what = KEY if attempt.status in retry.KEY_STATUSES else ADDRESS
            await self._pause(what, attempt.reason, key)
            return
        if attempt.verdict == queue.AGAIN:
            asked = retry.retry_after_seconds(outcome.retry_after, datetime.now(UTC))
            self.circuit.failed(now, asked)
            LOG.warning("delivery failed", seq=attempt.seq, reason=attempt.reason)
            return
        if attempt.verdict == queue.BURIED:
            LOG.error("event buried", seq=attempt.seq, reason=attempt.reason)
        await self._resume_if(KEY, ADDRESS)
        if self.circuit.succeeded():
            LOG.info("receiver answers again")
            await self._retried(lambda: self._store.run(lambda connection: queue.hurry(connection, now_us())))

    async def _pause(self, what: str, why: str, key: Secret | None) -> None:
        if not self._store.paused(self._name)[0]:
            LOG.error("destination paused", what=what, reason=why)
        self._refused_key = key or Secret("")
        await self._retried(
            lambda: self._store.run(lambda connection: pause(connection, self._name, what, why))
        )

    async def _resume_if(self, *kinds: str) -> None:
        if self._store.paused(self._name)[0] in kinds:
            LOG.info("destination resumed")
            await self._store.run(lambda connection: resume(connection, self._name))

    async def _retried(self, work: Callable[[], Awaitable[object]]) -> None:
        """Do *work*, again and again while the store cannot be written: its result must not be lost."""
        while True:
            try:
                await work()
            except StoreUnavailable as error:
                LOG.error("store cannot be written", reason=str(error))
                if self._stopping:
                    return
                await asyncio.sleep(1.0)
            else:
                return
