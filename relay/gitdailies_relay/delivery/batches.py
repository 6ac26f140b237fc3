"""Which events go to the receiver in one request, and what follows from its answer. Pure.

| answer to a batch                         | what follows                                               |
| ----------------------------------------- | ---------------------------------------------------------- |
| an event was taken                        | delivered                                                  |
| an event was not taken                    | it is sent alone, and that answer decides                  |
| the batch is refused (400, 413, 422, …)   | each event is sent alone, and no attempt counts            |
| none, 5xx, 429; a refused key or address  | the same for each event as if it had been sent alone       |
| none or 5xx, and an event is too old      | it is sent alone once more: another event may be the cause |

A batch holds only events that are next in their partition, so at most one per incident. After a
batch without a final answer its events are sent alone, and batches are smaller for a while.
Otherwise one event could hold up others forever.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gitdailies_core import retry
from gitdailies_core.retry import Outcome
from gitdailies_core.values.secret import Secret
from gitdailies_server.storage.timestamps import from_us, to_us

from gitdailies_relay.store.outbox import DEAD_LETTER, DELIVERED, PAUSED, RETRY, Attempt, ReadyEvent

# More events would keep a receiver, and the log of attempts, busy for long, and ten save most requests.
MOST_IN_A_BATCH = 64
_TOO_MANY_REQUESTS = 429


@dataclass(frozen=True)
class Batch:
    """Events that are sent in one request, and the key to send them with."""

    events: tuple[ReadyEvent, ...]
    key: Secret


@dataclass(frozen=True)
class BatchResult:
    """What came of a batch whose sending began at `began_at` (µs).

    `outcome` is None where nothing was sent. `refused` are the events of a list that the receiver
    did not take. `unreadable` are events that could not be sent, each with the reason.
    """

    batch: Batch
    began_at: int = 0
    outcome: Outcome | None = None
    refused: frozenset[int] = frozenset()
    unreadable: Mapping[int, str] = field(default_factory=dict)

    @property
    def sent(self) -> tuple[ReadyEvent, ...]:
        """The events that the outcome is about."""
        if self.outcome is None:
            return ()
        return tuple(event for event in self.batch.events if event.seq not in self.unreadable)


@dataclass(frozen=True)
class Verdicts:
    """What follows for the events of a batch: an attempt each, or they are sent again alone."""

    attempts: tuple[Attempt, ...] = ()
    retry_singly: tuple[ReadyEvent, ...] = ()


class Batcher:
    """Divides events into batches for *senders* senders, by what came of earlier batches."""

    def __init__(self, senders: int) -> None:
        self._senders = senders
        self._most = MOST_IN_A_BATCH
        self._singly: set[int] = set()

    def divide(self, events: Sequence[ReadyEvent], waiting: int, key: Secret) -> list[Batch]:
        """Divide *events*, of *waiting* ones that may be sent, so that every sender has work."""
        size = min(self._most, max(1, waiting // self._senders))
        single = [event for event in events if size == 1 or event.seq in self._singly]
        together = [] if size == 1 else [event for event in events if event.seq not in self._singly]
        batches = [Batch((event,), key) for event in single]
        return batches + [Batch(tuple(together[at : at + size]), key) for at in range(0, len(together), size)]

    def learn(self, result: BatchResult, verdicts: Verdicts) -> None:
        """Take a batch's result into account for the next batches."""
        outcome, sent = result.outcome, result.sent
        self._singly.difference_update(
            attempt.seq for attempt in verdicts.attempts if attempt.verdict in (DELIVERED, DEAD_LETTER)
        )
        self._singly.update(event.seq for event in verdicts.retry_singly)
        if outcome is None or len(sent) < 2:
            return
        if is_about_events(outcome):
            self._most = min(MOST_IN_A_BATCH, self._most * 2)
        elif not retry.is_answer(outcome) and outcome.status != _TOO_MANY_REQUESTS:
            self._most = max(1, len(sent) // 2)
            self._singly.update(event.seq for event in sent)


def decide(
    result: BatchResult, *, now: datetime, jitter: Callable[[], float], give_up_age_seconds: float
) -> Verdicts:
    """Decide what follows from a result, for each event by itself."""
    outcome, at = result.outcome, to_us(now)
    attempts = [
        Attempt(seq, at, None, DEAD_LETTER, f"the stored event cannot be read: {reason}")
        for seq, reason in result.unreadable.items()
    ]
    retry_singly: list[ReadyEvent] = []
    sent = result.sent
    for event in sent:
        assert outcome is not None, "expected an outcome for sent events, got none"
        verdict = retry.decide(
            outcome,
            attempt=event.attempts + 1,
            first_attempt_at=from_us(event.first_attempt_at) or from_us(result.began_at),
            now=now,
            jitter=jitter,
            give_up_age_seconds=give_up_age_seconds,
        )
        if event.seq in result.refused or (isinstance(verdict, retry.GiveUp) and len(sent) > 1):
            retry_singly.append(event)
        else:
            attempts.append(_attempt(event, at, outcome.status, verdict))
    return Verdicts(tuple(attempts), tuple(retry_singly))


def is_about_events(outcome: Outcome) -> bool:
    """Whether an answer is about the events, and not about the receiver, the key or the address."""
    status = outcome.status
    return (
        status is not None
        and retry.is_answer(outcome)
        and not 300 <= status < 400
        and status not in retry.KEY_STATUSES
        and status not in retry.ADDRESS_STATUSES
    )


def _attempt(event: ReadyEvent, at: int, status: int | None, verdict: retry.Verdict) -> Attempt:
    if isinstance(verdict, retry.Done):
        return Attempt(event.seq, at, status, DELIVERED)
    if isinstance(verdict, retry.Again):
        return Attempt(event.seq, at, status, RETRY, verdict.reason, to_us(verdict.at))
    if isinstance(verdict, retry.Pause):
        return Attempt(event.seq, at, status, PAUSED, verdict.reason)
    return Attempt(event.seq, at, status, DEAD_LETTER, verdict.reason)
