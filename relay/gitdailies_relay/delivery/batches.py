"""What goes to a receiver in one request, and what follows from its answer. Pure.

| answer to a list                          | what follows                                               |
| ----------------------------------------- | ---------------------------------------------------------- |
| an event was taken                        | done                                                       |
| an event was not taken                    | the event is sent alone; that answer decides               |
| the list is refused (400, 413, 422, …)    | each is sent alone, and no attempt counts                  |
| none, 5xx, 429; a refused key or address  | the same for each as if it had been sent alone             |
| none or 5xx, and an event is too old      | sent alone once more: another may have spoiled the list    |

A list holds heads, so one event of an incident at most. After one that was not answered for good,
its events go alone, and lists are shorter for a while: one event must not spoil others for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gitdailies_core import retry
from gitdailies_core.retry import Outcome
from gitdailies_core.values.secret import Secret
from gitdailies_server.storage.timestamps import from_us, to_us

from gitdailies_relay.store.outbox import AGAIN, BURIED, DONE, PAUSED, Attempt, Due

# More costs a receiver and the log of attempts long turns, and saves little: most is saved by ten.
MOST_A_LIST = 64
_TOO_MANY = 429


@dataclass(frozen=True)
class Parcel:
    """Heads that go out in one request, and the key with which."""

    heads: tuple[Due, ...]
    key: Secret


@dataclass(frozen=True)
class Carried:
    """What came of a parcel that began to go out at `began_at` (µs).

    `outcome` is None where it was not sent. Of a list, `refused` are the events that the receiver
    did not take. `unreadable` are events that could not be sent, each with the reason.
    """

    parcel: Parcel
    began_at: int = 0
    outcome: Outcome | None = None
    refused: frozenset[int] = frozenset()
    unreadable: Mapping[int, str] = field(default_factory=dict)

    @property
    def sent(self) -> tuple[Due, ...]:
        """The events that the outcome is about."""
        if self.outcome is None:
            return ()
        return tuple(head for head in self.parcel.heads if head.seq not in self.unreadable)


class Cutter:
    """Cuts heads into parcels for so many *lanes*, by how lists have fared."""

    def __init__(self, lanes: int) -> None:
        self._lanes = lanes
        self._most = MOST_A_LIST
        self._alone: set[int] = set()

    def cut(self, heads: Sequence[Due], waiting: int, key: Secret) -> list[Parcel]:
        """Cut *heads*, of *waiting* events that may go, so that every lane has something to carry."""
        size = min(self._most, max(1, waiting // self._lanes))
        single = [head for head in heads if size == 1 or head.seq in self._alone]
        together = [] if size == 1 else [head for head in heads if head.seq not in self._alone]
        parcels = [Parcel((head,), key) for head in single]
        return parcels + [
            Parcel(tuple(together[at : at + size]), key) for at in range(0, len(together), size)
        ]

    def learn(self, carried: Carried, judged: Judged) -> None:
        """Take in what came of a parcel."""
        outcome, sent = carried.outcome, carried.sent
        self._alone.difference_update(a.seq for a in judged.attempts if a.verdict in (DONE, BURIED))
        self._alone.update(head.seq for head in judged.alone)
        if outcome is None or len(sent) < 2:
            return
        if is_of_the_events(outcome):
            self._most = min(MOST_A_LIST, self._most * 2)
        elif not retry.is_answer(outcome) and outcome.status != _TOO_MANY:
            self._most = max(1, len(sent) // 2)
            self._alone.update(head.seq for head in sent)


@dataclass(frozen=True)
class Judged:
    """What follows for the events of a parcel: an attempt each, or they go out `alone`."""

    attempts: tuple[Attempt, ...] = ()
    alone: tuple[Due, ...] = ()


def judge(
    carried: Carried, *, now: datetime, jitter: Callable[[], float], give_up_age_seconds: float
) -> Judged:
    """Decide what follows from an answer, for each event by itself."""
    outcome, at = carried.outcome, to_us(now)
    unread = carried.unreadable.items()
    attempts = [
        Attempt(seq, at, None, BURIED, f"the stored event cannot be read: {why}") for seq, why in unread
    ]
    alone: list[Due] = []
    sent = carried.sent
    for head in sent:
        assert outcome is not None, "only what was sent has an outcome"
        verdict = retry.decide(
            outcome,
            attempt=head.attempts + 1,
            first_attempt_at=from_us(head.first_attempt_at) or from_us(carried.began_at),
            now=now,
            jitter=jitter,
            give_up_age_seconds=give_up_age_seconds,
        )
        if head.seq in carried.refused or (isinstance(verdict, retry.GiveUp) and len(sent) > 1):
            alone.append(head)
        else:
            attempts.append(_attempt(head, at, outcome.status, verdict))
    return Judged(tuple(attempts), tuple(alone))


def is_of_the_events(outcome: Outcome) -> bool:
    """Whether an answer is about what was sent, and says nothing against receiver, key or address."""
    status = outcome.status
    return (
        status is not None
        and retry.is_answer(outcome)
        and not 300 <= status < 400
        and status not in retry.KEY_STATUSES
        and status not in retry.ADDRESS_STATUSES
    )


def _attempt(head: Due, at: int, status: int | None, verdict: retry.Verdict) -> Attempt:
    if isinstance(verdict, retry.Done):
        return Attempt(head.seq, at, status, DONE)
    if isinstance(verdict, retry.Again):
        return Attempt(head.seq, at, status, AGAIN, verdict.reason, to_us(verdict.at))
    if isinstance(verdict, retry.Pause):
        return Attempt(head.seq, at, status, PAUSED, verdict.reason)
    return Attempt(head.seq, at, status, BURIED, verdict.reason)
