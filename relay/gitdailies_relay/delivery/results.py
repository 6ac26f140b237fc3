"""Write down what came of batches, and act on what it says about the receiver."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import structlog
from gitdailies_core import retry
from gitdailies_server.logging.setup import describe_error
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import now_us

from gitdailies_relay.delivery import batches
from gitdailies_relay.delivery.batches import Batcher, BatchResult, Verdicts
from gitdailies_relay.delivery.circuit_breaker import CircuitBreaker
from gitdailies_relay.delivery.pauses import ADDRESS, KEY, Pauses
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

    async def record(self, results: Sequence[BatchResult], circuit: CircuitBreaker) -> None:
        """Write down what came of batches, then act on it; raises nothing.

        After a fault of ours the events stay where they are, and delivery backs off as after a
        failure of the receiver.
        """
        try:
            decided = [(result, self._decided(result, circuit)) for result in results]
            await self._write(decided)
            for result, verdicts in decided:
                self._count(result, verdicts)
                await self._act(result, verdicts, circuit)
        except Exception as error:  # noqa: BLE001
            _record_fault(results[0], error, circuit)

    def _decided(self, result: BatchResult, circuit: CircuitBreaker) -> Verdicts:
        try:
            verdicts = self._decide(result)
            self._batcher.learn(result, verdicts)
        except Exception as error:  # noqa: BLE001
            _record_fault(result, error, circuit)
            return Verdicts()
        return verdicts

    def _decide(self, result: BatchResult) -> Verdicts:
        return batches.decide(
            result, now=datetime.now(UTC), jitter=random.random, give_up_age_seconds=self._give_up_seconds
        )

    async def _write(self, decided: Sequence[tuple[BatchResult, Verdicts]]) -> None:
        attempts = [attempt for _, verdicts in decided for attempt in verdicts.attempts]
        if attempts:
            await self._until_written(lambda: self._store.record(attempts))
        recorded = {attempt.seq for attempt in attempts}
        unsent = [e for result, _ in decided for e in result.batch.events if e.seq not in recorded]
        if unsent:
            await self._until_written(lambda: self._store.release(unsent))

    def _count(self, result: BatchResult, verdicts: Verdicts) -> None:
        now, stored_at = now_us(), {event.seq: event.stored_at for event in result.batch.events}
        for attempt in verdicts.attempts:
            self._count_attempt(
                attempt.verdict, (now - result.began_at) / 1e6, (now - stored_at[attempt.seq]) / 1e6
            )
            if attempt.verdict == outbox.DEAD_LETTER:
                LOG.error("dead letter", seq=attempt.seq, reason=attempt.reason)

    async def _act(self, result: BatchResult, verdicts: Verdicts, circuit: CircuitBreaker) -> None:
        outcome, sent = result.outcome, result.sent
        if outcome is None or not (verdicts.attempts or verdicts.retry_singly):
            return
        if not retry.is_answer(outcome):
            retry_after = retry.retry_after_seconds(outcome.retry_after, datetime.now(UTC))
            reason = next((attempt.reason for attempt in verdicts.attempts), outcome.error)
            circuit.failed(time.monotonic(), retry_after, *(event.seq for event in sent), reason=reason)
            LOG.warning("delivery failed", seq=sent[0].seq, events=len(sent), reason=reason)
            return
        paused = next((one for one in verdicts.attempts if one.verdict == outbox.PAUSED), None)
        if paused is not None:
            by = KEY if paused.status in retry.KEY_STATUSES else ADDRESS
            await self._until_written(lambda: self._pauses.begin(by, paused.reason, result.batch.key))
            return
        if verdicts.retry_singly:
            first = verdicts.retry_singly[0].seq
            LOG.warning("events of a batch are sent singly", seq=first, events=len(verdicts.retry_singly))
        await self._until_written(
            lambda: self._pauses.end(KEY, ADDRESS, reason="the receiver takes events again")
        )
        if circuit.succeeded():
            LOG.info("receiver answers again")
            await self._until_written(partial(self._store.run, make_due))


def make_due(session: Session) -> None:
    """Make everything that waits for its time due now."""
    outbox.make_due(session, now_us())


def _record_fault(result: BatchResult, error: Exception, circuit: CircuitBreaker) -> None:
    seq = result.batch.events[0].seq
    reason = describe_error(error)
    LOG.error("result not recorded", seq=seq, reason=reason)
    circuit.failed(time.monotonic(), 0.0, seq, reason=f"the result of a delivery was not recorded: {reason}")
