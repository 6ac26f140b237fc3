"""Which events go to the receiver in one request. Pure. `verdicts` says what follows from its answer.

A batch holds only events that are next in their partition, so at most one per incident. After a
batch without a final answer its events are sent alone, and batches are smaller for a while. An
event that was tried before is sent alone, too. Otherwise one event could hold up others forever.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from gitdailies_core import retry
from gitdailies_core.retry import Outcome
from gitdailies_core.values.secret import Secret

from gitdailies_relay.store.outbox import ReadyEvent

# More events would keep a receiver, and the log of attempts, busy for long, and ten save most requests.
MOST_IN_A_BATCH = 64
_TOO_MANY_REQUESTS = 429


@dataclass(frozen=True)
class Batch:
    """Events that are sent in one request, and the key to send them with.

    `is_ours`: the receiver is one of ours. `may_fail`: a failure would say nothing about the receiver.
    """

    events: tuple[ReadyEvent, ...]
    key: Secret
    is_ours: bool = False
    may_fail: bool = False


@dataclass(frozen=True)
class BatchResult:
    """What came of a batch whose sending began at `began` (seconds, monotonic clock).

    `outcome` is None where nothing was sent. `refused` are the events of a list that the receiver
    did not take. `unreadable` are events that could not be sent, each with the reason, and `withheld`
    are those that this kind of receiver shall not get.
    """

    batch: Batch
    began: float = 0.0
    outcome: Outcome | None = None
    refused: frozenset[int] = frozenset()
    unreadable: Mapping[int, str] = field(default_factory=dict)
    withheld: Mapping[int, str] = field(default_factory=dict)

    @property
    def sent(self) -> tuple[ReadyEvent, ...]:
        """The events that the outcome is about."""
        if self.outcome is None:
            return ()
        unsent = {*self.unreadable, *self.withheld}
        return tuple(event for event in self.batch.events if event.seq not in unsent)


class Batcher:
    """Divides events into batches for *senders* senders, by what came of earlier batches."""

    def __init__(self, senders: int) -> None:
        self._senders = senders
        self._most = MOST_IN_A_BATCH
        self._singly: set[int] = set()

    def divide(
        self,
        events: Sequence[ReadyEvent],
        waiting: int,
        key: Secret,
        *,
        is_ours: bool = False,
        suspects: Container[int] = (),
    ) -> list[Batch]:
        """Divide *events*, of *waiting* ones that may be sent, so that every sender has work.

        *suspects* are events whose partition fails by itself.
        """
        size = min(self._most, max(1, waiting // self._senders))
        alone = [
            size == 1 or event.attempts > 0 or event.seq in self._singly or event.seq in suspects
            for event in events
        ]
        single = [event for event, one in zip(events, alone, strict=True) if one]
        together = [event for event, one in zip(events, alone, strict=True) if not one]
        batches = [Batch((event,), key, is_ours, may_fail=event.attempts > 0) for event in single]
        return batches + [
            Batch(tuple(together[at : at + size]), key, is_ours) for at in range(0, len(together), size)
        ]

    def learn(self, result: BatchResult, done: Iterable[int], singly: Iterable[int]) -> None:
        """Take a batch's result into account for the next ones.

        *done* are the events that leave the outbox, *singly* those to send alone.
        """
        outcome, sent = result.outcome, result.sent
        self._singly.difference_update(done)
        self._singly.update(singly)
        if outcome is None or len(sent) < 2:
            return
        if is_about_events(outcome):
            self._most = min(MOST_IN_A_BATCH, self._most * 2)
        elif not retry.is_answer(outcome) and outcome.status != _TOO_MANY_REQUESTS:
            self._most = max(1, len(sent) // 2)


def is_about_events(outcome: Outcome) -> bool:
    """Whether an answer is about the events, and not about the receiver, the key or the address."""
    status = outcome.status
    return (
        status is not None
        and retry.is_answer(outcome)
        and not outcome.is_html
        and not 300 <= status < 400
        and status not in retry.KEY_STATUSES
        and status not in retry.ADDRESS_STATUSES
        and status not in retry.RECEIVER_STATUSES
    )
