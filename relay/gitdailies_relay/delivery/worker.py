"""The delivery worker: it sends due events, one of each incident at a time, and records the answers.

It decides the next step. `batches` says what goes in one request and what follows from its answer,
`isolation` whose fault a failure is and when to probe. `senders` sends.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import structlog
from gitdailies_connection.config.sections.settings import Destination, RelaySettings
from gitdailies_connection.http.sender import Sender
from gitdailies_core import retry
from gitdailies_core.errors import ConfigurationError, StoreUnavailable
from gitdailies_core.events.dialect import Dialect
from gitdailies_core.events.receivers import OURS
from gitdailies_core.values import http_answers
from gitdailies_core.values.http_answers import KEY
from gitdailies_core.values.secret import Secret
from gitdailies_server.logging.setup import describe_error
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import from_us, now_us

from gitdailies_relay.accepting.acceptance import trace_of
from gitdailies_relay.delivery import batches
from gitdailies_relay.delivery.batches import BatchResult, JudgedAt, Verdicts
from gitdailies_relay.delivery.isolation import (
    AUTOMATIC,
    MANUAL,
    CircuitBreaker,
    Isolation,
    ProbeChoice,
    ProbeSchedule,
)
from gitdailies_relay.delivery.receiver import Pauses, ReceiverWatch
from gitdailies_relay.delivery.receiver_kind import ReceiverKind
from gitdailies_relay.delivery.senders import SLOW_SECONDS, SenderPool
from gitdailies_relay.store import mending, outbox
from gitdailies_relay.store.outbox import ReadyEvent
from gitdailies_relay.store.store import RelayStore, Standing

LOG = structlog.get_logger("gitdailies.relay")

# How often to look for a command's work, a new key or a due retry. New events wake the worker.
POLL_SECONDS = 0.25
# How many events per sender are in flight or wait for it, so that no sender has to wait for the store.
_AHEAD = 8
# What waits for a sender is read again after this long, because a command may have changed it.
_WAIT_SECONDS = 1.0
# The part of the senders for events that were tried before. They may hang or fail again.
_PART_FOR_TRIED = 4


@dataclass(frozen=True)
class _InFlight:
    """An event on its way: whether it was tried before, whether it is a probe, and since when."""

    partition: str
    tried: bool
    probe: bool
    since: float


class DeliveryWorker:
    """Delivers events to one destination until it is stopped. It closes the senders that it is given.

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
        relay: RelaySettings,
        count_attempt: Callable[[str, float, float], None],
    ) -> None:
        self._store = store
        self._destination = destination
        self._sender = sender
        self._environ = environ
        self._most_requests = relay.in_flight
        self._lease_seconds = relay.lease_seconds
        self._give_up_seconds = relay.give_up_days * 86400
        self._count_attempt = count_attempt
        self._senders = SenderPool(relay.in_flight, on_done=self._on_done)
        self._batcher = batches.Batcher(relay.in_flight)
        self._in_flight: dict[int, _InFlight] = {}
        self._recording: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._stopping = False
        self._paused = False
        self._made_dialect: Dialect | None = None
        self._pauses = Pauses(store, environ)
        self._schedule = ProbeSchedule("", 0.0)
        self._clocks = mending.ClockComparison()
        self._resumed: int | None = None
        self._probes: ProbeChoice | None = None
        self._isolation = Isolation()
        self._receiver = self._watch()

    @property
    def circuit(self) -> CircuitBreaker:
        """Whether the receiver fails, and why."""
        return self._isolation.circuit

    @property
    def receiver(self) -> ReceiverKind:
        """What is known about the receiver."""
        return self._receiver.knowledge

    def wake(self) -> None:
        """Say that there are new events. A paused destination ignores it."""
        if not self._paused:
            self._wake.set()

    async def redirect(self, destination: Destination, sender: Sender) -> None:
        """Deliver to *destination* from now on. Events in flight still go to the old one."""
        self._senders.return_unsent()
        # Only its idle connections are closed, so requests in flight go on.
        self._sender.close()
        self._destination, self._sender, self._made_dialect = destination, sender, None
        self._receiver = self._watch()
        self._isolation = Isolation()
        await self._until_written(self._receiver.load)
        await self._end_pauses("the configuration was reloaded")
        await self._make_due()
        self._wake.set()

    async def run(self) -> None:
        """Deliver until `stop`. No fault ends it: each is logged, and delivery goes on after a moment."""
        await self._until_written(self._receiver.load)
        await self._until_written(self._store.standing)
        # A pause for key or address is as old as the last start. Both may be right by now.
        await self._end_pauses("the relay was started")
        mend = partial(
            mending.mend_after_start,
            now=self._store.now(),
            is_local=self._store.database.is_local,
        )
        await self._run(mend)
        while not self._stopping:
            try:
                full = await self._turn()
            except Exception as error:  # noqa: BLE001  without the worker nothing would be delivered any more
                LOG.error("delivery interrupted", reason=describe_error(error))
                full = False
            if self._in_flight or not full:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), POLL_SECONDS)
            self._wake.clear()

    async def stop(self, seconds: float = 5.0) -> None:
        """Start nothing more, and wait until events in flight are recorded. Cut off slow ones."""
        self._stopping = True
        self._wake.set()
        self._senders.stop()
        recorded = await self._all_recorded(seconds)
        # Whether the receiver has what is cut is unknown. The next start sends it again with the same id.
        self._sender.cut()
        if recorded or await self._all_recorded(1.0):
            self._sender.close()

    async def _all_recorded(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._in_flight or self._recording:
                    await self._wake.wait()
                    self._wake.clear()
        return not self._in_flight

    async def _turn(self) -> bool:
        """Start what may be sent; return whether there was more than could be started."""
        self._senders.adjust()
        self._receiver.tick()
        standing = await self._store.standing()
        await self._follow_clock()
        if self._resumed not in (None, standing.resumed):
            LOG.info("everything is sent now", reason="a command asked for it")
            self._isolation.forget()
        self._resumed = standing.resumed
        await self._until_written(lambda: self._store.end_holds(standing))
        if self._pauses.has_new_key(self._destination.key):
            self._pauses.refused_key = None
            if await self._pauses.end(KEY, reason="there is a new key"):
                standing = Standing("", standing.resumed)
            await self._make_due()
        self._paused = bool(standing.paused)
        if self._schedule.paused_by != standing.paused:
            self._schedule = ProbeSchedule(standing.paused, time.monotonic())
        held = self._paused or not self.circuit.closed
        if held:
            events, more = await self._probe(), False
            self._receiver.knowledge.unsettle(time.monotonic())
        else:
            self._probes = None
            events, more = await self._ready()
        if not events or not await self._may_send(events, probe=held):
            return False
        try:
            key = self._destination.key.read(self._environ)
        except ConfigurationError as error:
            # No attempt is made, so none is counted.
            reason = str(error)
            await self._until_written(lambda: self._pauses.begin(KEY, reason, None))
            return False
        leased = await self._store.lease(events, self._lease_seconds)
        self._start(leased, len(events) + more, key, probe=held)
        return more

    async def _follow_clock(self) -> None:
        seconds = self._clocks.step(self._store.now() / 1e6, time.monotonic())
        if not seconds:
            return
        LOG.warning("clock set", seconds=round(seconds))
        now, is_local = self._store.now(), self._store.database.is_local

        def mend(session: Session) -> None:
            if seconds < 0:
                mending.make_due_earlier(session, -seconds, now)
            # Each server of a shared database sees the step, and only one may move what it counts.
            if is_local:
                mending.move_ages(session, seconds)

        await self._run(mend)

    async def _may_send(self, events: Sequence[ReadyEvent], *, probe: bool) -> bool:
        """Find out what the receiver is, where that is not known; return whether there is one."""
        watch = self._receiver
        retries = any(event.attempts for event in events)
        none_taken = self._isolation.none_taken_since(watch.knowledge.asked_at)
        before_retry = probe or (retries and none_taken)
        if await watch.look(before_retry=before_retry):
            return watch is self._receiver
        if watch is self._receiver:
            self._isolation.failed((), began=time.monotonic(), now=time.monotonic(), reason=watch.failure)
        return False

    def _start(self, events: Sequence[ReadyEvent], waiting: int, key: Secret, *, probe: bool) -> None:
        now, dialect = time.monotonic(), self._dialect
        waiting += sum(not one.tried for one in self._in_flight.values())
        # A probe is sent alone, so that its answer is about one event.
        several = dialect.takes_lists and not probe
        suspects = {event.seq for event in events if self._isolation.is_suspect(event.partition)}
        is_ours = dialect.receiver == OURS
        for batch in self._batcher.divide(
            events, waiting if several else 0, key, is_ours=is_ours, suspects=suspects
        ):
            for event in batch.events:
                self._in_flight[event.seq] = _InFlight(event.partition, event.attempts > 0, probe, now)
                if self._probes is not None:
                    self._probes.sent(event.partition)
            self._senders.submit(batch, self._sender, dialect, self._wait_seconds)
        if probe and events:
            self.circuit.probed()
            self._schedule.probed(now)

    @property
    def _dialect(self) -> Dialect:
        kind = self._receiver.knowledge.kind
        if self._made_dialect is None or self._made_dialect.receiver != kind:
            self._made_dialect = self._destination.dialect(kind)
        return self._made_dialect

    @property
    def _wait_seconds(self) -> float:
        # A lease must outlast the wait for a sender, and the request after it.
        return min(_WAIT_SECONDS, (self._lease_seconds - self._destination.timeout_seconds) / 2)

    @property
    def _most_in_flight(self) -> int:
        """How many events that were never tried may be in flight or wait for a sender."""
        takes_lists = self._receiver.knowledge.kind == OURS
        return self._most_requests * (batches.MOST_IN_A_BATCH if takes_lists else _AHEAD)

    async def _ready(self) -> tuple[list[ReadyEvent], bool]:
        """Return what may be sent now, and whether there is more. Events never tried go first.

        Those that were tried have room of their own, so neither kind waits for the other.
        """
        tried_in_flight = sum(one.tried for one in self._in_flight.values())
        room = max(0, self._most_in_flight - (len(self._in_flight) - tried_in_flight))
        tried_room = self._places_for_tried - tried_in_flight
        # Events in flight are also ready until their results are recorded.
        untried = self._not_in_flight(await self._store.ready(1 + room + len(self._in_flight), tried=False))
        tried: list[ReadyEvent] = []
        if tried_room > 0:
            found = await self._store.ready(tried_room + len(self._in_flight), tried=True)
            tried = self._not_in_flight(found)[:tried_room]
        return [*untried[:room], *tried], len(untried) > room

    async def _probe(self) -> list[ReadyEvent]:
        """Return the event to probe a receiver with, if it is time to. Everything else waits."""
        now, schedule = time.monotonic(), self._schedule
        self._senders.return_unsent()
        if schedule.paused_by == MANUAL:
            return []
        due = schedule.due if schedule.paused_by else self.circuit.probe_due
        probes = [one for one in self._in_flight.values() if one.probe]
        # A probe that hangs does not keep the next one back; few of them may hang.
        hangs = len(probes) >= self._places_for_tried or any(now - one.since < SLOW_SECONDS for one in probes)
        if hangs or not due(now, untried=True):
            return []
        if self._probes is None:
            self._probes = ProbeChoice(self._isolation.accused)
        newest = self._not_in_flight(
            await self._store.ready(ProbeChoice.NEWEST + len(self._in_flight), tried=False, newest=True)
        )
        chosen = self._probes.untried(newest)
        if chosen is None and due(now):
            waiting = await self._store.ready(ProbeChoice.OLDEST + len(self._in_flight), waiting=True)
            chosen = self._probes.any_of(self._not_in_flight(waiting))
        return [] if chosen is None else [chosen]

    @property
    def _places_for_tried(self) -> int:
        return max(1, self._most_requests // _PART_FOR_TRIED)

    def _not_in_flight(self, events: Sequence[ReadyEvent]) -> list[ReadyEvent]:
        return [event for event in events if event.seq not in self._in_flight]

    def _on_done(self) -> None:
        """Record the finished results of senders, unless that is going on."""
        if self._recording is None:
            self._recording = asyncio.create_task(self._record())

    async def _record(self) -> None:
        # One after the other: results that come while one is written share the next commit.
        while results := self._senders.take_results():
            await self._record_results(results, self._isolation)
            for result in results:
                self._came_back(result)
            if len(self._in_flight) <= self._most_in_flight // 2:
                self._wake.set()
        self._recording = None
        self._wake.set()

    async def _record_results(self, results: Sequence[BatchResult], isolation: Isolation) -> None:
        """Write down what came of batches, then act on it; raises nothing.

        After a fault of ours the events stay where they are, and delivery backs off as after a
        failure of the receiver.
        """
        try:
            decided = [(result, self._decide(result, isolation)) for result in results]
            await self._write(decided)
            for result, found in decided:
                self._count(result, found)
                await self._follow(result, found)
        except Exception as error:  # noqa: BLE001
            _record_fault(results[0], error, isolation)

    def _decide(self, result: BatchResult, isolation: Isolation) -> Verdicts:
        moment = JudgedAt(from_us(self._store.now()), time.monotonic(), random.random, self._give_up_seconds)
        try:
            found = batches.decide(result, isolation, moment)
            done = [a.seq for a in found.attempts if a.verdict in (outbox.DELIVERED, outbox.DEAD_LETTER)]
            self._batcher.learn(result, done, [event.seq for event in found.retry_singly])
        except Exception as error:  # noqa: BLE001
            _record_fault(result, error, isolation)
            return Verdicts()
        return found

    async def _write(self, decided: Sequence[tuple[BatchResult, Verdicts]]) -> None:
        attempts = [attempt for _, found in decided for attempt in found.attempts]
        if attempts:
            events = [event for result, _ in decided for event in result.batch.events]
            of = {event.seq: event.partition for event in events}
            partitions = [of[attempt.seq] for attempt in attempts]
            await self._until_written(lambda: self._store.record(attempts, partitions))
        recorded = {attempt.seq for attempt in attempts}
        unsent = [e for result, _ in decided for e in result.batch.events if e.seq not in recorded]
        if unsent:
            await self._until_written(lambda: self._store.release(unsent))

    def _count(self, result: BatchResult, found: Verdicts) -> None:
        seconds = time.monotonic() - result.began
        now, events = now_us(), {event.seq: event for event in result.batch.events}
        for attempt in found.attempts:
            event, seq, reason = events[attempt.seq], attempt.seq, attempt.reason
            self._count_attempt(attempt.verdict, seconds, (now - event.stored_at) / 1e6)
            if attempt.verdict == outbox.DEAD_LETTER:
                LOG.error("dead letter", seq=seq, trace=trace_of(event.delivery).id, reason=reason)
            elif attempt.verdict == outbox.REFUSED:
                LOG.warning("event refused", seq=seq, trace=trace_of(event.delivery).id, reason=reason)

    async def _follow(self, result: BatchResult, found: Verdicts) -> None:
        outcome, sent, pause, recovery = result.outcome, result.sent, found.pause, found.recovery
        if outcome is None or not sent:
            return
        if outcome.status in http_answers.KEY_STATUSES:
            self._pauses.refused_key = result.batch.key
        if not retry.is_answer(outcome):
            reason = next((attempt.reason for attempt in found.attempts), retry.describe(outcome))
            LOG.warning("delivery failed", seq=sent[0].seq, events=len(sent), reason=reason)
        if found.retry_singly:
            first = found.retry_singly[0].seq
            LOG.warning("events of a batch are sent singly", seq=first, events=len(found.retry_singly))
        if found.put_back:
            LOG.warning("dead letters put back", events=len(found.put_back))
            await self._run(lambda s: _put_back(s, found.put_back))
        if pause is not None:
            key = result.batch.key
            await self._until_written(lambda: self._pauses.begin(pause.what, pause.reason, key))
        if found.ends_pause:
            self._pauses.refused_key = None
            reason = "the receiver takes events again"
            await self._until_written(lambda: self._pauses.end(*AUTOMATIC, reason=reason))
        if recovery is not None:
            if recovery.had_failed:
                LOG.info("receiver answers again")
            await self._run(lambda s: outbox.forgive(s, recovery.suspects))

    def _came_back(self, result: BatchResult) -> None:
        seqs = [event.seq for event in result.batch.events]
        were = [one for seq in seqs if (one := self._in_flight.pop(seq, None)) is not None]
        if any(one.tried for one in were):
            self._wake.set()

    def _watch(self) -> ReceiverWatch:
        return ReceiverWatch(self._store, self._destination, self._sender, self._until_written)

    async def _make_due(self) -> None:
        now = self._store.now()
        await self._run(lambda session: outbox.make_due(session, now))

    async def _end_pauses(self, reason: str) -> None:
        await self._until_written(lambda: self._pauses.end(*AUTOMATIC, reason=reason))

    async def _run(self, job: Callable[[Session], object]) -> None:
        await self._until_written(lambda: self._store.run(job))

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


def _put_back(session: Session, seqs: Sequence[int]) -> None:
    for seq in seqs:
        outbox.requeue(session, seq, now_us())


def _record_fault(result: BatchResult, error: Exception, isolation: Isolation) -> None:
    reason = describe_error(error)
    LOG.error("result not recorded", seq=result.batch.events[0].seq, reason=reason)
    # The fault is ours, so it counts as the receiver's: everything backs off.
    text = f"the result of a delivery was not recorded: {reason}"
    isolation.failed((), began=time.monotonic(), now=time.monotonic(), reason=text)
