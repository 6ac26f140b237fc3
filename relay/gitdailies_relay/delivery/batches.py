"""Which events go to the receiver in one request, and what follows from its answer. Pure.

A batch holds only events that are next in their partition, so at most one per incident. After a
batch without a final answer its events are sent alone, and batches are smaller for a while. An
event that was tried before is sent alone, too. Otherwise one event could hold up others forever.

| answer to one event                            | what follows                                              |
| ---------------------------------------------- | --------------------------------------------------------- |
| 2xx                                            | delivered                                                 |
| 409 for an id of ours, at a receiver of ours   | delivered: it has the event, with other content           |
| none, 408, 425, 429, 5xx                       | sent again later, until the give-up age                   |
| a refusal that may be about all events (*)     | refused: sent again later; paused where it is about all   |
| the fifth such refusal, two minutes after the  | a dead letter, once another incident's event was taken    |
| first                                          | since the first refusal                                   |
| any other                                      | a dead letter                                             |

(*) 3xx, 401, 402, 403, 404, 405, 407, 410, 423, 424, 451, and a 2xx that is a web page.

| answer to a batch                              | what follows                                              |
| ---------------------------------------------- | --------------------------------------------------------- |
| an event was taken                             | delivered                                                 |
| any other                                      | its events are sent alone, and no attempt counts          |
| 429                                            | its events wait, and no attempt counts                    |
"""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from gitdailies_core import retry
from gitdailies_core.events.ids import is_self_made
from gitdailies_core.retry import Outcome
from gitdailies_core.values import http_answers
from gitdailies_core.values.secret import Secret
from gitdailies_server.storage.timestamps import from_us, to_us

from gitdailies_relay.delivery.isolation import Isolation, Recovery
from gitdailies_relay.store.outbox import DEAD_LETTER, DELIVERED, PAUSED, REFUSED, RETRY, Attempt, ReadyEvent

# More events would keep a receiver, and the log of attempts, busy for long, and ten save most requests.
MOST_IN_A_BATCH = 64
_TOO_MANY_REQUESTS = 429
# A lone event is a dead letter after this number of refusals over at least this time.
REFUSALS_TO_GIVE_UP = 5
REFUSED_SECONDS = 120.0
_CONFLICT = 409
# The receiver's word that the event itself is wrong. If it says so of every event, it is not the events.
_REJECTIONS = frozenset({400, 422})


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
    did not take. `unsent` are events that cannot be sent, or that this kind of receiver should not get,
    each with its verdict and the reason.
    """

    batch: Batch
    began: float = 0.0
    outcome: Outcome | None = None
    refused: frozenset[int] = frozenset()
    unsent: Mapping[int, tuple[str, str]] = field(default_factory=dict)

    @property
    def sent(self) -> tuple[ReadyEvent, ...]:
        """The events that the outcome is about."""
        if self.outcome is None:
            return ()
        return tuple(event for event in self.batch.events if event.seq not in self.unsent)


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
    return retry.is_answer(outcome) and not http_answers.at_fault(outcome.status, outcome.is_html)


@dataclass(frozen=True)
class Verdicts:
    """What follows from a batch.

    Each event has an attempt, or is sent again alone, or goes on waiting. `pause` says why the
    destination is to be paused. `put_back` are dead letters that are none. `recovery` says that the
    receiver works again. `ends_pause`: the answer shows that key and address are right.
    """

    attempts: tuple[Attempt, ...] = ()
    retry_singly: tuple[ReadyEvent, ...] = ()
    pause: retry.Pause | None = None
    put_back: tuple[int, ...] = ()
    recovery: Recovery | None = None
    ends_pause: bool = False


@dataclass(frozen=True)
class JudgedAt:
    """When an answer is judged: the store's time, the monotonic clock's, and a number in [0, 1)."""

    now: datetime
    monotonic: float
    jitter: Callable[[], float]
    give_up_age_seconds: float


def decide(result: BatchResult, isolation: Isolation, moment: JudgedAt) -> Verdicts:
    """Decide what follows from a result, and let *isolation* learn from it."""
    at = to_us(moment.now)
    unsent = tuple(
        Attempt(seq, at, None, verdict, reason) for seq, (verdict, reason) in result.unsent.items()
    )
    outcome, sent = result.outcome, result.sent
    if outcome is None or not sent:
        return Verdicts(unsent)
    if len(sent) > 1:
        # The answer to a list is about all of its events. One that was refused is sent again alone.
        found = _of_batch(result, outcome, isolation, moment)
        return replace(found, attempts=unsent + found.attempts)
    found = _of_one(result, outcome, isolation, moment)
    attempts = tuple(replace(attempt, answer=outcome.answer) for attempt in found.attempts)
    return replace(found, attempts=unsent + attempts)


def _of_batch(result: BatchResult, outcome: Outcome, isolation: Isolation, moment: JudgedAt) -> Verdicts:
    sent, at = result.sent, to_us(moment.now)
    if is_taken(outcome):
        taken = [event for event in sent if event.seq not in result.refused]
        recovery = isolation.taken([event.partition for event in taken], moment.monotonic) if taken else None
        return Verdicts(
            tuple(Attempt(event.seq, at, outcome.status, DELIVERED) for event in taken),
            tuple(event for event in sent if event.seq in result.refused),
            recovery=recovery,
            ends_pause=bool(taken),
        )
    if not retry.is_answer(outcome):
        partitions = [event.partition for event in sent]
        _note_failure(result, outcome, isolation, moment, partitions)
        if outcome.status == _TOO_MANY_REQUESTS:
            return Verdicts()
    return Verdicts(retry_singly=sent)


def _of_one(result: BatchResult, outcome: Outcome, isolation: Isolation, moment: JudgedAt) -> Verdicts:
    (event,) = result.sent
    at, status = to_us(moment.now), outcome.status
    if event.seq in result.refused:
        return Verdicts(retry_singly=(event,))
    verdict = retry.decide(
        outcome,
        attempt=event.attempts + 1,
        first_attempt_at=from_us(event.first_attempt_at)
        or moment.now - timedelta(seconds=moment.monotonic - result.began),
        now=moment.now,
        jitter=moment.jitter,
        give_up_age_seconds=moment.give_up_age_seconds,
    )
    kept = is_self_made(event.id) and status == _CONFLICT and result.batch.is_ours
    if isinstance(verdict, retry.Done) or kept:
        note = f"{retry.describe(outcome)}; it has this event, with other content" if kept else ""
        recovery = isolation.taken([event.partition], moment.monotonic)
        return Verdicts(
            (Attempt(event.seq, at, status, DELIVERED, note),), recovery=recovery, ends_pause=True
        )
    if isinstance(verdict, retry.Pause):
        if isolation.refused(event.partition, verdict.what, began=result.began):
            return Verdicts((Attempt(event.seq, at, status, PAUSED, verdict.reason),), pause=verdict)
        return Verdicts((_refusal(event, outcome, isolation, moment),))
    if not retry.is_answer(outcome):
        _note_failure(result, outcome, isolation, moment, [event.partition])
        if isinstance(verdict, retry.Again):
            return Verdicts((Attempt(event.seq, at, status, RETRY, verdict.reason, to_us(verdict.at)),))
        return Verdicts((Attempt(event.seq, at, status, DEAD_LETTER, verdict.reason),))
    put_back = isolation.rejected(event.partition, event.seq) if status in _REJECTIONS else ()
    if status in _REJECTIONS and isolation.rejects_all:
        reason = f"the receiver refuses every event ({retry.describe(outcome)})"
        return Verdicts(
            (Attempt(event.seq, at, status, PAUSED, reason),),
            pause=retry.Pause(http_answers.RECEIVER, reason),
            put_back=put_back,
        )
    dead_letter = Attempt(event.seq, at, status, DEAD_LETTER, retry.describe(outcome))
    return Verdicts((dead_letter,), recovery=isolation.answered(), ends_pause=True)


def _refusal(event: ReadyEvent, outcome: Outcome, isolation: Isolation, moment: JudgedAt) -> Attempt:
    """Decide about a refusal that seems to be the event's own."""
    at, refusals = to_us(moment.now), event.refusals + 1
    age = (moment.now - (from_us(event.refused_at) or moment.now)).total_seconds()
    result = retry.describe(outcome)
    if (
        refusals >= REFUSALS_TO_GIVE_UP
        and age >= REFUSED_SECONDS
        and isolation.others_were_taken(event.partition)
    ):
        reason = f"refused {refusals} times while other events were taken: {result}"
        return Attempt(event.seq, at, outcome.status, DEAD_LETTER, reason)
    delay = http_answers.wait_seconds(
        outcome.retry_after, attempt=refusals, now=moment.now, jitter=moment.jitter
    )
    # The last refusal that is needed should come as soon as the time is over.
    left = REFUSED_SECONDS - age
    due_at = moment.now + timedelta(seconds=min(delay, left + moment.jitter()) if left > 0 else delay)
    return Attempt(event.seq, at, outcome.status, REFUSED, result, to_us(due_at))


def _note_failure(
    result: BatchResult, outcome: Outcome, isolation: Isolation, moment: JudgedAt, partitions: list[str]
) -> None:
    isolation.failed(
        partitions,
        began=result.began,
        now=moment.monotonic,
        retry_after_seconds=http_answers.retry_after_seconds(outcome.retry_after, moment.now),
        reason=retry.describe(outcome),
    )


def is_taken(outcome: Outcome) -> bool:
    """Whether the receiver has what was sent, or gave each event of a batch a result of its own."""
    return outcome.status is not None and 200 <= outcome.status < 300 and not outcome.is_html
