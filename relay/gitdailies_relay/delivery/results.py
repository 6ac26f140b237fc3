"""Write down what came of batches, and act on what it says about the receiver."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import structlog
from gitdailies_core import retry
from gitdailies_server.logging.setup import describe_error
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import from_us, now_us

from gitdailies_relay.delivery import verdicts
from gitdailies_relay.delivery.batches import Batcher, BatchResult
from gitdailies_relay.delivery.isolation import Isolation
from gitdailies_relay.delivery.pauses import AUTOMATIC, Pauses
from gitdailies_relay.delivery.verdicts import Moment, Verdicts
from gitdailies_relay.store import outbox
from gitdailies_relay.store.store import RelayStore

LOG = structlog.get_logger("gitdailies.relay")


class ResultRecorder:
    """Records the results of batches. *until_written* repeats its argument until the store can be written."""

    def __init__(
        self,
        *,
        store: RelayStore,
        pauses: Pauses,
        batcher: Batcher,
        give_up_seconds: float,
        count_attempt: Callable[[str, float, float], None],
        until_written: Callable[[Callable[[], Awaitable[Any]]], Awaitable[None]],
    ) -> None:
        self._store = store
        self._pauses = pauses
        self._batcher = batcher
        self._give_up_seconds = give_up_seconds
        self._count_attempt = count_attempt
        self._until_written = until_written

    async def record(self, results: Sequence[BatchResult], isolation: Isolation) -> None:
        """Write down what came of batches, then act on it; raises nothing.

        After a fault of ours the events stay where they are, and delivery backs off as after a
        failure of the receiver.
        """
        try:
            decided = [(result, self._decided(result, isolation)) for result in results]
            await self._write(decided)
            for result, found in decided:
                self._count(result, found)
                await self._act(result, found)
        except Exception as error:  # noqa: BLE001
            _record_fault(results[0], error, isolation)

    def _decided(self, result: BatchResult, isolation: Isolation) -> Verdicts:
        try:
            found = self._decide(result, isolation)
            done = [a.seq for a in found.attempts if a.verdict in (outbox.DELIVERED, outbox.DEAD_LETTER)]
            self._batcher.learn(result, done, [event.seq for event in found.retry_singly])
        except Exception as error:  # noqa: BLE001
            _record_fault(result, error, isolation)
            return Verdicts()
        return found

    def _decide(self, result: BatchResult, isolation: Isolation) -> Verdicts:
        moment = Moment(
            from_us(self._store.clock.now()), time.monotonic(), random.random, self._give_up_seconds
        )
        found = verdicts.decide(result, isolation, moment)
        if result.outcome is None or not result.outcome.answer or len(result.sent) > 1:
            # The answer to a list is about all of its events. One that was refused is sent again alone.
            return found
        attempts = (
            attempt
            if attempt.seq in result.unreadable or attempt.seq in result.withheld
            else replace(attempt, answer=result.outcome.answer)
            for attempt in found.attempts
        )
        return replace(found, attempts=tuple(attempts))

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
        now, stored_at = now_us(), {event.seq: event.stored_at for event in result.batch.events}
        for attempt in found.attempts:
            self._count_attempt(attempt.verdict, seconds, (now - stored_at[attempt.seq]) / 1e6)
            if attempt.verdict == outbox.DEAD_LETTER:
                LOG.error("dead letter", seq=attempt.seq, reason=attempt.reason)
            elif attempt.verdict == outbox.REFUSED:
                LOG.warning("event refused", seq=attempt.seq, reason=attempt.reason)

    async def _act(self, result: BatchResult, found: Verdicts) -> None:
        outcome, sent, pause, recovery = result.outcome, result.sent, found.pause, found.recovery
        if outcome is None or not sent:
            return
        if outcome.status in retry.KEY_STATUSES:
            self._pauses.key_was_refused(result.batch.key)
        if not retry.is_answer(outcome):
            reason = next((attempt.reason for attempt in found.attempts), retry.describe(outcome))
            LOG.warning("delivery failed", seq=sent[0].seq, events=len(sent), reason=reason)
        if found.retry_singly:
            first = found.retry_singly[0].seq
            LOG.warning("events of a batch are sent singly", seq=first, events=len(found.retry_singly))
        if found.put_back:
            LOG.warning("dead letters put back", events=len(found.put_back))
            await self._until_written(lambda: self._store.run(lambda s: _put_back(s, found.put_back)))
        if pause is not None:
            key = result.batch.key
            await self._until_written(lambda: self._pauses.begin(pause.what, pause.reason, key))
        if found.ends_pause:
            self._pauses.key_may_be_right()
            reason = "the receiver takes events again"
            await self._until_written(lambda: self._pauses.end(*AUTOMATIC, reason=reason))
        if recovery is not None:
            if recovery.had_failed:
                LOG.info("receiver answers again")
            await self._until_written(lambda: self._store.run(lambda s: outbox.forgive(s, recovery.suspects)))


def _put_back(session: Session, seqs: Sequence[int]) -> None:
    for seq in seqs:
        outbox.requeue(session, seq, now_us())


def _record_fault(result: BatchResult, error: Exception, isolation: Isolation) -> None:
    reason = describe_error(error)
    LOG.error("result not recorded", seq=result.batch.events[0].seq, reason=reason)
    # The fault is ours, so it counts as the receiver's: everything backs off.
    text = f"the result of a delivery was not recorded: {reason}"
    isolation.failed((), began=time.monotonic(), now=time.monotonic(), reason=text)
