"""The delivery worker: it sends due events, many incidents at once and one event of each.

It decides nothing itself. `batches` and `gitdailies_core.retry` say what follows from an answer,
`circuit_breaker` when to leave a failing receiver alone, `pauses` when a pause ends. `senders` sends.
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
from gitdailies_relay.delivery.circuit_breaker import CircuitBreaker
from gitdailies_relay.delivery.pauses import ADDRESS, KEY, PROBE_SECONDS, Pauses
from gitdailies_relay.delivery.results import ResultRecorder, make_due
from gitdailies_relay.delivery.senders import DrainingSenders, Sender, SenderPool
from gitdailies_relay.store import corruption
from gitdailies_relay.store.outbox import ReadyEvent
from gitdailies_relay.store.store import RelayStore

LOG = structlog.get_logger("gitdailies.relay")

# How often to look for a command's work, a new key or a due retry. New events wake the worker.
POLL_SECONDS = 0.25
# How many events per sender are in flight or wait for it, so that no sender has to wait for the store.
_AHEAD = 8
# What waits for a sender is read again after this long, because a command may have changed it.
_WAIT_SECONDS = 1.0


class DeliveryWorker:
    """Delivers one destination's events until it is stopped. It closes the senders that it is given.

    *count_attempt* is called for each attempt with its verdict, how many seconds it took, and how
    many seconds passed since its event was accepted.
    """

    def __init__(
        self,
        *,
        store: RelayStore,
        destination: Destination,
        sender: Sender,
        environ: Mapping[str, str],
        in_flight: int,
        give_up_seconds: float,
        name: str = "default",
        lease_seconds: float = 60.0,
        count_attempt: Callable[[str, float, float], None] = lambda _verdict, _seconds, _age: None,
    ) -> None:
        self._store = store
        self._destination = destination
        self._sender = sender
        self._environ = environ
        self._most_requests = in_flight
        self._lease_seconds = lease_seconds
        self._senders = SenderPool(in_flight, on_done=self._on_done)
        self._batcher = batches.Batcher(in_flight)
        self._in_flight: set[int] = set()
        self._draining = DrainingSenders()
        self._recording: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._stopping = False
        self._paused = False
        self._dialect: Dialect | None = None
        self._pauses = Pauses(store, name, environ)
        self._probed_at = time.monotonic() - max(PROBE_SECONDS.values())
        self._clocks = clock_jumps.ClockComparison()
        self._recorder = ResultRecorder(
            store=store,
            pauses=self._pauses,
            batcher=self._batcher,
            give_up_seconds=give_up_seconds,
            count_attempt=count_attempt,
            until_written=self._until_written,
        )
        self.circuit = CircuitBreaker()

    def wake(self) -> None:
        """Say that there are new events. A paused destination ignores it."""
        if not self._paused:
            self._wake.set()

    async def redirect(self, destination: Destination, sender: Sender) -> None:
        """Deliver to *destination* from now on. What is in flight still goes to the old one."""
        self._senders.return_unsent()
        old = self._sender
        self._destination, self._sender, self._dialect = destination, sender, None
        self._draining.add(old, self._in_flight)
        self.circuit = CircuitBreaker()
        await self._end_pauses("the configuration was reloaded")
        await self._until_written(partial(self._store.run, make_due))
        self._wake.set()

    async def run(self) -> None:
        """Deliver until `stop`. No fault ends it: each is logged, and delivery goes on after a moment."""
        # A pause for key or address is as old as the last start. Both may be right by now.
        await self._end_pauses("the relay was started")
        await self._until_written(
            lambda: self._store.run(lambda session: clock_jumps.make_due_overlong(session, now_us()))
        )
        while not self._stopping:
            try:
                full = await self._turn()
            except Exception as error:  # noqa: BLE001  without the worker nothing would be delivered any more
                LOG.error("delivery interrupted", reason=describe_error(error))
                full = False
                await self._dead_letter_damaged()
            if self._in_flight or not full:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), POLL_SECONDS)
            self._wake.clear()

    async def stop(self, seconds: float = 5.0) -> None:
        """Start nothing more, and wait until what is in flight is recorded. Cut what takes too long."""
        self._stopping = True
        self._wake.set()
        self._senders.stop()
        recorded = await self._all_recorded(seconds)
        # Whether the receiver has what is cut is unknown. The next start sends it again with the same id.
        self._sender.cut()
        self._draining.cut()
        if recorded or await self._all_recorded(1.0):
            self._sender.close()

    async def _all_recorded(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._in_flight or self._recording:
                    await self._wake.wait()
                    self._wake.clear()
        return not self._in_flight

    async def _dead_letter_damaged(self) -> None:
        """Make dead letters of damaged rows, if any stopped delivery. PostgreSQL reports damage itself."""
        database = self._store.database
        if database.is_local:
            with suppress(StoreUnavailable):
                job = partial(corruption.dead_letter_damaged, errors=database.errors, now=now_us())
                for seq in await self._store.run(job):
                    LOG.error("dead letter", seq=seq, reason=corruption.REASON)

    async def _turn(self) -> bool:
        """Start what may be sent; return whether there was more than could be started."""
        await self._follow_clock()
        paused_by = await self._pauses.current()
        self._paused = bool(paused_by) and not await self._pauses.end_if_key_changed(self._destination.key)
        if self._paused:
            self._senders.return_unsent()
            events = await self._probe() if self._may_probe(paused_by) else []
            room = 1
        else:
            room = self._most_in_flight - len(self._in_flight)
            events = await self._ready()
        if not events or (self._dialect is None and not await self._learn_dialect()):
            return False
        try:
            key = self._destination.key.read(self._environ)
        except ConfigurationError as error:
            # No attempt is made, so none is counted.
            reason = str(error)
            await self._until_written(lambda: self._pauses.begin(KEY, reason, None))
            return False
        leased = await self._store.lease(events[: max(room, 0)], self._lease_seconds)
        self._start(leased, len(events), key)
        return len(events) > room

    async def _follow_clock(self) -> None:
        seconds = self._clocks.set_back(time.time(), time.monotonic())
        if seconds:
            LOG.warning("clock set back", seconds=round(seconds))
            await self._until_written(
                lambda: self._store.run(
                    lambda session: clock_jumps.make_due_earlier(session, seconds, now_us())
                )
            )

    def _start(self, events: Sequence[ReadyEvent], waiting: int, key: Secret) -> None:
        dialect = self._dialect
        if dialect is None:  # the destination changed in between; the leases run out by themselves
            return
        # A probe is sent alone, so that its answer is about one event.
        several = dialect.takes_lists and self.circuit.closed
        for batch in self._batcher.divide(events, waiting + len(self._in_flight) if several else 0, key):
            self._in_flight.update(event.seq for event in batch.events)
            self._senders.submit(batch, self._sender, dialect, self._wait_seconds)
            self._probed_at = time.monotonic()

    @property
    def _wait_seconds(self) -> float:
        # A lease must outlast the wait for a sender, and the request after it.
        return min(_WAIT_SECONDS, (self._lease_seconds - self._destination.timeout_seconds) / 2)

    @property
    def _most_in_flight(self) -> int:
        """How many events may be in flight or wait for a sender."""
        takes_lists = self._dialect is not None and self._dialect.takes_lists
        return self._most_requests * (batches.MOST_IN_A_BATCH if takes_lists else _AHEAD)

    async def _ready(self) -> list[ReadyEvent]:
        """Return what may be sent now, longest waiting first. While the breaker is open, also a probe."""
        # One more than there is room for. Events in flight are also ready until their results are recorded.
        found = await self._store.ready(1 + self._most_in_flight + len(self._in_flight))
        ready = [event for event in found if event.seq not in self._in_flight]
        if self.circuit.closed:
            return ready
        free = [event for event in ready if not self.circuit.blocks(event.seq)]
        if not self.circuit.probe_due(time.monotonic()):
            return free
        # A probe takes the event that waits longest. It waited for the receiver, too.
        return [event for event in await self._probe(waiting=True) if event not in free] + free

    async def _probe(self, *, waiting: bool = False) -> list[ReadyEvent]:
        if any(self.circuit.closed or self.circuit.blocks(seq) for seq in self._in_flight):
            return []
        ready = await self._store.ready(1 + len(self._in_flight), waiting=waiting)
        return [event for event in ready if event.seq not in self._in_flight][:1]

    def _may_probe(self, paused_by: str) -> bool:
        """Whether it is time to probe a receiver that refused the key or did not exist."""
        return time.monotonic() - self._probed_at >= PROBE_SECONDS.get(paused_by, float("inf"))

    def _on_done(self) -> None:
        """Record what senders have finished, unless that is going on."""
        if self._recording is None:
            self._recording = asyncio.create_task(self._record())

    async def _record(self) -> None:
        # One after the other: results that come while one is written share the next commit.
        while results := self._senders.take_results():
            await self._recorder.record(results, self.circuit)
            seqs = {event.seq for result in results for event in result.batch.events}
            self._in_flight -= seqs
            self._draining.remove(seqs)
            if len(self._in_flight) <= self._most_in_flight // 2:
                self._wake.set()
        self._recording = None
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
            if sender is not self._sender:  # the answer of the old destination says nothing of the new one
                return False
            LOG.info("receiver identified", receiver=receiver)
        self._dialect = self._destination.dialect(receiver)
        return True

    async def _end_pauses(self, reason: str) -> None:
        await self._until_written(lambda: self._pauses.end(KEY, ADDRESS, reason=reason))

    async def _until_written(self, work: Callable[[], Awaitable[object]]) -> None:
        """Repeat *work* while the store cannot be written, because its result must not be lost."""
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
