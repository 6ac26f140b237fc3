"""The delivery worker: what is due is sent, many incidents at once and one event of each.

Decisions stand elsewhere: what follows from an answer in `parcels` and `gitdailies_core.retry`, when
to keep off a failing receiver in `circuit`, when a pause ends in `pausing`. Sending is for `lanes`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial

import structlog
from gitdailies_connection.config.settings import Destination
from gitdailies_core.errors import ConfigurationError, DeliveryError, StoreUnavailable
from gitdailies_core.events.dialect import Dialect
from gitdailies_core.values.secret import Secret
from gitdailies_server.logging.setup import describe_error
from gitdailies_server.storage.timestamps import now_us

from gitdailies_relay.delivery import batches, clock_jumps
from gitdailies_relay.delivery.circuit_breaker import Circuit
from gitdailies_relay.delivery.draining import Leaving
from gitdailies_relay.delivery.pauses import ADDRESS, KEY, PROBE_SECONDS, Pauses
from gitdailies_relay.delivery.results import Settlement, hurry
from gitdailies_relay.delivery.senders import Lanes, Sender
from gitdailies_relay.store import corruption, outbox
from gitdailies_relay.store.store import Store

LOG = structlog.get_logger("gitdailies.relay")

# How often a command's work, a new key or a due retry is looked for; new events wake the worker.
POLL_SECONDS = 0.25
# So many events a lane are on their way or wait for it, so that no lane has to wait for the store.
_AHEAD = 8
# What waits for a lane is asked for anew after this long: a command may have changed it.
_PATIENCE_SECONDS = 1.0


class Worker:
    """Delivers one destination's events until it is stopped; it closes the senders that it is given.

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
        self._in_flight = in_flight
        self._claim_seconds = claim_seconds
        self._lanes = Lanes(in_flight, landed=self._landed)
        self._cutter = batches.Cutter(in_flight)
        self._flying: set[int] = set()
        self._leaving = Leaving()
        self._settling: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._stopping = False
        self._paused = False
        self._dialect: Dialect | None = None
        self._pauses = Pauses(store, name, environ)
        self._probed_at = time.monotonic() - max(PROBE_SECONDS.values())
        self._clock = clock_jumps.Clock()
        self._settlement = Settlement(
            store=store,
            pauses=self._pauses,
            cutter=self._cutter,
            give_up_seconds=give_up_seconds,
            counted=counted,
            retried=self._retried,
        )
        self.circuit = Circuit()

    def wake(self) -> None:
        """Say that there is something new to deliver; what is paused has no use for it."""
        if not self._paused:
            self._wake.set()

    async def redirect(self, destination: Destination, sender: Sender) -> None:
        """Deliver to *destination* from now on; what is on its way still goes to the old one."""
        self._lanes.give_back()
        old = self._sender
        self._destination, self._sender, self._dialect = destination, sender, None
        self._leaving.add(old, self._flying)
        self.circuit = Circuit()
        await self._retried(lambda: self._pauses.end(KEY, ADDRESS, why="the configuration was read again"))
        await self._retried(partial(self._store.run, hurry))
        self._wake.set()

    async def run(self) -> None:
        """Deliver until `stop`; no fault ends it, each is logged and waited out."""
        # A pause for key or address is as old as the last start: both may be right by now.
        await self._retried(lambda: self._pauses.end(KEY, ADDRESS, why="the relay was started"))
        await self._retried(lambda: self._store.run(lambda session: clock_jumps.catch_up(session, now_us())))
        while not self._stopping:
            try:
                full = await self._turn()
            except Exception as error:  # noqa: BLE001  without the worker nothing would be delivered any more
                LOG.error("delivery halted for a moment", reason=describe_error(error))
                full = False
                await self._set_aside()
            if self._flying or not full:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), POLL_SECONDS)
            self._wake.clear()

    async def stop(self, seconds: float = 5.0) -> None:
        """Start nothing more and wait for what is in flight to be recorded; cut what takes too long."""
        self._stopping = True
        self._wake.set()
        self._lanes.stop()
        landed = await self._all_landed(seconds)
        # What is cut is not known to have arrived: it is sent again after the next start, with the same id.
        self._sender.cut()
        self._leaving.cut()
        if landed or await self._all_landed(1.0):
            self._sender.close()

    async def _all_landed(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._flying or self._settling:
                    await self._wake.wait()
                    self._wake.clear()
        return not self._flying

    async def _set_aside(self) -> None:
        """Bury what cannot be read, if that is what halted delivery; PostgreSQL tells by itself."""
        database = self._store.database
        if database.is_local:
            with suppress(StoreUnavailable):
                job = partial(corruption.set_aside, errors=database.errors, now=now_us())
                for seq in await self._store.run(job):
                    LOG.error("event buried", seq=seq, reason=corruption.REASON)

    async def _turn(self) -> bool:
        """Start what may be sent; return whether there was more than could be started."""
        seconds = self._clock.set_back(time.time(), time.monotonic())
        if seconds:
            LOG.warning("clock set back", seconds=round(seconds))
            await self._retried(
                lambda: self._store.run(lambda session: clock_jumps.follow(session, seconds, now_us()))
            )
        paused = await self._pauses.current()
        self._paused = bool(paused) and not await self._pauses.lifted(self._destination.key)
        if self._paused:
            self._lanes.give_back()
            heads = await self._probe() if self._may_ask(paused) else []
            room = 1
        else:
            room = self._most - len(self._flying)
            heads = await self._heads()
        if not heads or (self._dialect is None and not await self._learn_dialect()):
            return False
        try:
            key = self._destination.key.read(self._environ)
        except ConfigurationError as error:
            # No attempt is made, so none is counted.
            why = str(error)
            await self._retried(lambda: self._pauses.begin(KEY, why, None))
            return False
        claimed = await self._store.claim(heads[: max(room, 0)], self._claim_seconds)
        self._start(claimed, len(heads), key)
        return len(heads) > room

    def _start(self, heads: Sequence[outbox.Due], waiting: int, key: Secret) -> None:
        dialect = self._dialect
        if dialect is None:  # the destination was changed meanwhile; claims end by themselves
            return
        # A probe goes alone: what it meets is then its own.
        several = dialect.takes_lists and self.circuit.closed
        for parcel in self._cutter.cut(heads, waiting + len(self._flying) if several else 0, key):
            self._flying.update(head.seq for head in parcel.heads)
            self._lanes.put(parcel, self._sender, dialect, self._patience_seconds)
            self._probed_at = time.monotonic()

    @property
    def _patience_seconds(self) -> float:
        # A claim must outlast the wait for a lane and what is sent after it.
        return min(_PATIENCE_SECONDS, (self._claim_seconds - self._destination.timeout_seconds) / 2)

    @property
    def _most(self) -> int:
        """How many events may be on their way or wait for a lane."""
        lists = self._dialect is not None and self._dialect.takes_lists
        return self._in_flight * (batches.MOST_A_LIST if lists else _AHEAD)

    async def _heads(self) -> list[outbox.Due]:
        """Return what may go out now, longest waiting first; behind an open circuit also a probe."""
        # One more than there is room for, and what is on its way: it is due until its result is recorded.
        found = await self._store.due(1 + self._most + len(self._flying))
        due = [head for head in found if head.seq not in self._flying]
        if self.circuit.closed:
            return due
        free = [head for head in due if not self.circuit.blocks(head.seq)]
        if not self.circuit.probe_due(time.monotonic()):
            return free
        # A probe takes whatever waits longest: its own wait was for the receiver too.
        return [head for head in await self._probe(waiting=True) if head not in free] + free

    async def _probe(self, *, waiting: bool = False) -> list[outbox.Due]:
        if any(self.circuit.closed or self.circuit.blocks(seq) for seq in self._flying):
            return []
        due = await self._store.due(1 + len(self._flying), waiting=waiting)
        return [head for head in due if head.seq not in self._flying][:1]

    def _may_ask(self, paused: str) -> bool:
        """Whether it is time to ask again a receiver that refused the key or was not there."""
        return time.monotonic() - self._probed_at >= PROBE_SECONDS.get(paused, float("inf"))

    def _landed(self) -> None:
        """Take in what lanes have brought back, unless that is going on."""
        if self._settling is None:
            self._settling = asyncio.create_task(self._settle())

    async def _settle(self) -> None:
        # One after the other: what comes back while a result is written shares the next commit.
        while landed := self._lanes.take():
            await self._settlement.settle(landed, self.circuit)
            seqs = {head.seq for one in landed for head in one.parcel.heads}
            self._flying -= seqs
            self._leaving.landed(seqs)
            if len(self._flying) <= self._most // 2:
                self._wake.set()
        self._settling = None
        self._wake.set()

    async def _learn_dialect(self) -> bool:
        receiver, sender = self._destination.receiver, self._sender
        if receiver is None:
            try:
                receiver = await asyncio.to_thread(sender.receiver)
            except DeliveryError as error:
                if sender is self._sender:
                    self.circuit.failed(time.monotonic(), POLL_SECONDS, reason=str(error))
                LOG.warning("receiver does not answer", reason=str(error))
                return False
            if sender is not self._sender:  # what the old destination is says nothing of the new one
                return False
            LOG.info("receiver found out", receiver=receiver)
        self._dialect = self._destination.dialect(receiver)
        return True

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
