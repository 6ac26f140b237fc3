"""The delivery worker: what is due is sent, many incidents at once and one event of each.

Decisions stand elsewhere: what follows from an answer in `gitdailies_core.retry`, when to keep
off a failing receiver in `circuit`, when a pause ends in `pausing`.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
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
from gitdailies_core.errors import ConfigurationError, DeliveryError, InvalidEvent, StoreUnavailable
from gitdailies_core.events import Event
from gitdailies_core.secret import Secret
from gitdailies_server.logs import told
from gitdailies_server.moments import from_us, now_us, to_us

from gitdailies_relay import clock, damage, queue
from gitdailies_relay.circuit import Circuit
from gitdailies_relay.heads import Heads
from gitdailies_relay.pausing import ADDRESS, KEY, PROBE_SECONDS, Pauses
from gitdailies_relay.store import Store

LOG = structlog.get_logger("gitdailies.relay")

# How often a command's work, a new key or a due retry is looked for; new events wake the worker.
POLL_SECONDS = 0.25


class Sender(Protocol):
    """What the worker needs of gitdailies_connection.sender."""

    def send(self, body: bytes, *, key: Secret, event_id: str | None) -> retry.Outcome: ...

    def receiver(self) -> str: ...

    def cut(self) -> None: ...


class Worker:
    """Delivers one destination's events until it is stopped.

    *counted* is told of each attempt its verdict, how many seconds it took, and how many passed
    since its event was accepted.
    """

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
        claim_seconds: float = 60.0,
        counted: Callable[[str, float, float], None] = lambda _verdict, _seconds, _age: None,
    ) -> None:
        self._store = store
        self._destination = destination
        self._sender = sender
        self._environ = environ
        self._most = in_flight
        self._give_up_seconds = give_up_seconds
        self._counted = counted
        self._pool = ThreadPoolExecutor(in_flight, thread_name_prefix="delivery")
        self._claim_seconds = claim_seconds
        self._flying: dict[int, asyncio.Task[None]] = {}
        self._ready = Heads(store, in_flight)
        self._wake = asyncio.Event()
        self._stopping = False
        self._dialect: Dialect | None = None
        self._pauses = Pauses(store, name, environ)
        self._probed_at = time.monotonic() - max(PROBE_SECONDS.values())
        self._clock = clock.Clock()
        self.circuit = Circuit()

    def wake(self) -> None:
        """Say that there is something new to deliver."""
        self._wake.set()

    async def redirect(self, destination: Destination, sender: Sender) -> None:
        """Deliver to *destination* from now on; what is on its way still goes to the old one."""
        self._destination, self._sender, self._dialect = destination, sender, None
        self.circuit = Circuit()
        await self._retried(lambda: self._pauses.end(KEY, ADDRESS, why="the configuration was read again"))
        await self._retried(self._hurry)
        self.wake()

    async def run(self) -> None:
        """Deliver until `stop`; no fault ends it, each is logged and waited out."""
        # A pause for key or address is as old as the last start: both may be right by now.
        await self._retried(lambda: self._pauses.end(KEY, ADDRESS, why="the relay was started"))
        await self._retried(lambda: self._store.run(lambda session: clock.catch_up(session, now_us())))
        while not self._stopping:
            try:
                full = await self._turn()
            except Exception as error:  # noqa: BLE001  without the worker nothing would be delivered any more
                LOG.error("delivery halted for a moment", reason=told(error))
                full = False
                await self._set_aside()
            if not full:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), POLL_SECONDS)
            elif self._flying:
                await asyncio.wait(self._flying.values(), return_when=asyncio.FIRST_COMPLETED)
            self._wake.clear()

    async def stop(self, seconds: float = 5.0) -> None:
        """Start nothing more and wait for what is in flight to be recorded; cut what takes too long."""
        self._stopping = True
        self._wake.set()
        flying = list(self._flying.values())
        if flying:
            _, late = await asyncio.wait(flying, timeout=seconds)
            if late:
                # Not known to have arrived, so it is sent again after the next start, with the same id.
                self._sender.cut()
                await asyncio.wait(late, timeout=1.0)
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _set_aside(self) -> None:
        """Bury what cannot be read, if that is what halted delivery; PostgreSQL tells by itself."""
        database = self._store.database
        if database.here:
            with suppress(StoreUnavailable):
                job = partial(damage.set_aside, errors=database.errors, now=now_us())
                for seq in await self._store.run(job):
                    LOG.error("event buried", seq=seq, reason=damage.REASON)

    async def _turn(self) -> bool:
        """Start what may be sent; return whether there was more than could be started."""
        seconds = self._clock.set_back(time.time(), time.monotonic())
        if seconds:
            LOG.warning("clock set back", seconds=round(seconds))
            await self._retried(
                lambda: self._store.run(lambda session: clock.follow(session, seconds, now_us()))
            )
        paused = await self._pauses.current()
        if paused and not await self._pauses.lifted(self._destination.key):
            heads = await self._probe() if self._may_ask(paused) else []
            room = 1
        else:
            room = self._most - len(self._flying)
            heads = await self._heads(room)
        if heads and self._dialect is None and not await self._learn_dialect():
            return False
        taken = self._ready.take(heads[: max(room, 0)])
        for head in await self._store.claim(taken, self._claim_seconds):
            task = asyncio.create_task(self._deliver(head))
            self._flying[head.seq] = task
            task.add_done_callback(partial(self._landed, head.seq))
        return len(heads) > room

    async def _heads(self, room: int) -> list[queue.Due]:
        """Return what may go out now, longest waiting first; behind an open circuit also a probe."""
        due = await self._ready.ready(room, self._flying, time.monotonic())
        if self.circuit.closed:
            return due
        free = [head for head in due if not self.circuit.blocks(head.seq)]
        if not self.circuit.probe_due(time.monotonic()):
            return free
        # A probe takes whatever waits longest: its own wait was for the receiver too.
        return [head for head in await self._probe(waiting=True) if head not in free] + free

    async def _probe(self, *, waiting: bool = False) -> list[queue.Due]:
        if any(self.circuit.closed or self.circuit.blocks(seq) for seq in self._flying):
            return []
        due = await self._store.due(1 + len(self._flying), waiting=waiting)
        return [head for head in due if head.seq not in self._flying][:1]

    def _may_ask(self, paused: str) -> bool:
        """Whether it is time to ask again a receiver that refused the key or was not there."""
        return time.monotonic() - self._probed_at >= PROBE_SECONDS.get(paused, float("inf"))

    def _landed(self, seq: int, task: asyncio.Task[None]) -> None:
        del self._flying[seq]
        error = None if task.cancelled() else task.exception()
        if error is not None:
            # Ours, not the receiver's; the event stays where it is, and waits as for a failure.
            LOG.error("delivery broke", seq=seq, reason=told(error))
            self.circuit.failed(time.monotonic(), 0.0, seq)
        self._wake.set()

    async def _learn_dialect(self) -> bool:
        receiver = self._destination.receiver
        if receiver is None:
            loop = asyncio.get_running_loop()
            try:
                receiver = await loop.run_in_executor(self._pool, self._sender.receiver)
            except DeliveryError as error:
                self.circuit.failed(time.monotonic(), POLL_SECONDS)
                LOG.warning("receiver does not answer", reason=str(error))
                return False
            LOG.info("receiver found out", receiver=receiver)
        self._dialect = self._destination.dialect(receiver)
        return True

    async def _deliver(self, head: queue.Due) -> None:
        started_at = now_us()
        self._probed_at = time.monotonic()
        try:
            outcome, key = await self._send(head)
        except ConfigurationError as error:
            # The key cannot be read: no attempt was made, so none is counted.
            why = str(error)
            await self._retried(lambda: self._pauses.begin(KEY, why, None))
            await self._retried(lambda: self._store.release(head))
            return
        except (InvalidEvent, ValueError) as error:
            why = f"the stored event cannot be read: {told(error)}"
            attempt = queue.Attempt(head.seq, now_us(), None, queue.BURIED, why)
            LOG.error("event buried", seq=head.seq, reason=why)
            await self._recorded(head, attempt, started_at)
            return
        attempt = self._judge(head, outcome, started_at)
        await self._recorded(head, attempt, started_at)
        await self._follow(attempt, outcome, key)

    async def _recorded(self, head: queue.Due, attempt: queue.Attempt, started_at: int) -> None:
        await self._retried(lambda: self._store.record(attempt))
        now = now_us()
        self._counted(attempt.verdict, (now - started_at) / 1e6, (now - head.stored_at) / 1e6)

    async def _send(self, head: queue.Due) -> tuple[retry.Outcome, Secret]:
        assert self._dialect is not None
        key = self._destination.key.read(self._environ)
        body = self._dialect.dump(Event.from_wire(json.loads(head.body)))
        loop = asyncio.get_running_loop()
        send = partial(self._sender.send, body, key=key, event_id=head.id)
        try:
            return await loop.run_in_executor(self._pool, send), key
        except Exception as error:  # noqa: BLE001  a bug of ours is tried again later, as any other failure is
            LOG.error("sender broke", seq=head.seq, reason=told(error))
            return retry.Outcome(None, f"the sender broke: {told(error)}"), key

    def _judge(self, head: queue.Due, outcome: retry.Outcome, started_at: int) -> queue.Attempt:
        now = datetime.now(UTC)
        verdict = retry.decide(
            outcome,
            attempt=head.attempts + 1,
            first_attempt_at=from_us(head.first_attempt_at) or from_us(started_at),
            now=now,
            jitter=random.random,
            give_up_age_seconds=self._give_up_seconds,
        )
        at, status = to_us(now), outcome.status
        if isinstance(verdict, retry.Done):
            return queue.Attempt(head.seq, at, status, queue.DONE)
        if isinstance(verdict, retry.Again):
            return queue.Attempt(head.seq, at, status, queue.AGAIN, verdict.reason, to_us(verdict.at))
        if isinstance(verdict, retry.Pause):
            return queue.Attempt(head.seq, at, status, queue.PAUSED, verdict.reason)
        return queue.Attempt(head.seq, at, status, queue.BURIED, verdict.reason)

    async def _follow(self, attempt: queue.Attempt, outcome: retry.Outcome, key: Secret) -> None:
        if attempt.verdict == queue.PAUSED:
            what = KEY if attempt.status in retry.KEY_STATUSES else ADDRESS
            await self._retried(lambda: self._pauses.begin(what, attempt.reason, key))
            return
        if attempt.verdict == queue.BURIED:
            LOG.error("event buried", seq=attempt.seq, reason=attempt.reason)
        if not retry.is_answer(outcome):
            asked = retry.retry_after_seconds(outcome.retry_after, datetime.now(UTC))
            self.circuit.failed(time.monotonic(), asked, attempt.seq)
            LOG.warning("delivery failed", seq=attempt.seq, reason=attempt.reason)
            return
        await self._retried(lambda: self._pauses.end(KEY, ADDRESS, why="the receiver takes events again"))
        if self.circuit.succeeded():
            LOG.info("receiver answers again")
            await self._retried(self._hurry)

    async def _hurry(self) -> None:
        await self._store.run(lambda connection: queue.hurry(connection, now_us()))

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
