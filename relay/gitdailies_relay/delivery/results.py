"""What lanes bring back is written down, and what it says of the receiver is acted on."""

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
from gitdailies_relay.delivery.batches import Carried, Cutter, Judged
from gitdailies_relay.delivery.circuit_breaker import Circuit
from gitdailies_relay.delivery.pauses import ADDRESS, KEY, Pauses
from gitdailies_relay.store import outbox
from gitdailies_relay.store.store import Store

LOG = structlog.get_logger("gitdailies.relay")


class Settlement:
    """Settles parcels; *retried* does something until the store can be written."""

    def __init__(
        self,
        *,
        store: Store,
        pauses: Pauses,
        cutter: Cutter,
        give_up_seconds: float,
        counted: Callable[[str, float, float], None],
        retried: Callable[[Callable[[], Awaitable[Any]]], Awaitable[None]],
    ) -> None:
        self._store = store
        self._pauses = pauses
        self._cutter = cutter
        self._give_up_seconds = give_up_seconds
        self._counted = counted
        self._retried = retried

    async def settle(self, landed: Sequence[Carried], circuit: Circuit) -> None:
        """Write down what came of parcels, then do what follows; raises nothing.

        A fault of ours is none of the receiver's: the events stay where they are, and what
        delivers them waits as for a failure.
        """
        try:
            judged = [(carried, self._judged(carried, circuit)) for carried in landed]
            await self._write(judged)
            for carried, decided in judged:
                self._count(carried, decided)
                await self._follow(carried, decided, circuit)
        except Exception as error:  # noqa: BLE001
            _broke(landed[0], error, circuit)

    def _judged(self, carried: Carried, circuit: Circuit) -> Judged:
        try:
            judged = self._judge(carried)
            self._cutter.learn(carried, judged)
        except Exception as error:  # noqa: BLE001
            _broke(carried, error, circuit)
            return Judged()
        return judged

    def _judge(self, carried: Carried) -> Judged:
        return batches.judge(
            carried, now=datetime.now(UTC), jitter=random.random, give_up_age_seconds=self._give_up_seconds
        )

    async def _write(self, judged: Sequence[tuple[Carried, Judged]]) -> None:
        attempts = [attempt for _, one in judged for attempt in one.attempts]
        if attempts:
            await self._retried(lambda: self._store.record(attempts))
        recorded = {attempt.seq for attempt in attempts}
        back = [head for one, _ in judged for head in one.parcel.heads if head.seq not in recorded]
        if back:
            await self._retried(lambda: self._store.release(back))

    def _count(self, carried: Carried, judged: Judged) -> None:
        now, stored_at = now_us(), {head.seq: head.stored_at for head in carried.parcel.heads}
        for attempt in judged.attempts:
            self._counted(
                attempt.verdict, (now - carried.began_at) / 1e6, (now - stored_at[attempt.seq]) / 1e6
            )
            if attempt.verdict == outbox.BURIED:
                LOG.error("event buried", seq=attempt.seq, reason=attempt.reason)

    async def _follow(self, carried: Carried, judged: Judged, circuit: Circuit) -> None:
        outcome, sent = carried.outcome, carried.sent
        if outcome is None or not (judged.attempts or judged.alone):
            return
        if not retry.is_answer(outcome):
            asked = retry.retry_after_seconds(outcome.retry_after, datetime.now(UTC))
            why = next((attempt.reason for attempt in judged.attempts), outcome.error)
            circuit.failed(time.monotonic(), asked, *(head.seq for head in sent), reason=why)
            LOG.warning("delivery failed", seq=sent[0].seq, events=len(sent), reason=why)
            return
        paused = next((one for one in judged.attempts if one.verdict == outbox.PAUSED), None)
        if paused is not None:
            what = KEY if paused.status in retry.KEY_STATUSES else ADDRESS
            await self._retried(lambda: self._pauses.begin(what, paused.reason, carried.parcel.key))
            return
        if judged.alone:
            LOG.warning("events of a list go alone", seq=judged.alone[0].seq, events=len(judged.alone))
        await self._retried(lambda: self._pauses.end(KEY, ADDRESS, why="the receiver takes events again"))
        if circuit.succeeded():
            LOG.info("receiver answers again")
            await self._retried(partial(self._store.run, hurry))


def hurry(session: Session) -> None:
    """Make everything due that waits for a receiver."""
    outbox.hurry(session, now_us())


def _broke(carried: Carried, error: Exception, circuit: Circuit) -> None:
    seq = carried.parcel.heads[0].seq
    why = describe_error(error)
    LOG.error("delivery broke", seq=seq, reason=why)
    circuit.failed(time.monotonic(), 0.0, seq, reason=f"delivery broke: {why}")
