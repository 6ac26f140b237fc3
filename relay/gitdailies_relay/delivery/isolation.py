"""Whose fault a failure is: one event's own, or the receiver's. Pure.

What the receiver says about one event is first taken as that event's fault. It is taken as the
receiver's when events of several partitions get it and none is taken since.

| what happens                                             | what follows                             |
| -------------------------------------------------------- | ---------------------------------------- |
| an event fails, and another one was taken meanwhile      | its partition is a *suspect*             |
| a suspect fails or is refused                            | nothing, for others                      |
| others fail in a row, and none is taken                  | the circuit breaker opens                |
| several partitions get the same refusal, none is taken   | the destination is paused                |
| an event is taken                                        | the breaker closes, what failed: suspects |
| the first five partitions since the start are all        | the destination is paused, and their     |
| refused with 400 or 422, and none was taken              | dead letters go back into the outbox     |
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from gitdailies_relay.delivery.circuit_breaker import CircuitBreaker

# So many partitions get a refusal before it is about the key, the address or the receiver.
SEVERAL = 2
# So many partitions are refused one by one before the receiver is taken to refuse every event.
FIRST_PARTITIONS = 5
# More suspects would be a receiver's fault, and only cost memory. The oldest are forgotten.
_MOST_SUSPECTS = 100_000


@dataclass(frozen=True)
class Recovery:
    """The receiver takes events: what failed is forgiven, but for the partitions in `suspects`.

    `had_failed`: it did not take them before, as far as this process knows.
    """

    suspects: frozenset[str]
    had_failed: bool = True


class Isolation:
    """What the answers of one receiver say. Times are seconds on a clock that does not jump back."""

    def __init__(self) -> None:
        self.circuit = CircuitBreaker()
        self._taken_at = -math.inf
        # Since an event was taken last: what failed, and what was refused, by what the refusal is about.
        self._failing: dict[str, None] = {}
        self._refused: dict[str, dict[str, None]] = {}
        self._suspects: dict[str, None] = {}
        # When each refused partition was refused first.
        self._refused_since: dict[str, float] = {}
        # Until one event is taken: the events that were refused for good, by partition.
        self._rejected: dict[str, list[int]] = {}

    def is_suspect(self, partition: str) -> bool:
        """Whether a partition failed while others were taken."""
        return partition in self._suspects

    @property
    def accused(self) -> list[str]:
        """The partitions that failed or were refused since an event was taken last."""
        return [*self._failing, *(one for refused in self._refused.values() for one in refused)]

    @property
    def rejects_all(self) -> bool:
        """Whether the receiver refuses every event since the start."""
        return len(self._rejected) >= FIRST_PARTITIONS

    def others_were_taken(self, partition: str) -> bool:
        """Whether an event of another partition was taken since this one was refused first."""
        return self._refused_since.get(partition, math.inf) < self._taken_at

    def none_taken_since(self, moment: float | None) -> bool:
        """Whether no event was taken since *moment*."""
        return moment is None or self._taken_at < moment

    def taken(self, partitions: Sequence[str], now: float) -> Recovery | None:
        """Note that events were taken; return a Recovery for the first one, and where others were not."""
        refused_all = any(len(refused) >= SEVERAL for refused in self._refused.values())
        had_failed = self.circuit.succeeded() or refused_all
        # Before the first one, an earlier process may have seen an outage that is over.
        recovery = None
        if had_failed or self._taken_at == -math.inf:
            recovery = Recovery(frozenset(self._suspects), had_failed)
        for refused in self._refused.values():
            self._suspects.update(refused)
        self._suspects.update(self._failing)
        for partition in partitions:
            self._suspects.pop(partition, None)
            self._refused_since.pop(partition, None)
        for known in (self._suspects, self._refused_since):
            while len(known) > _MOST_SUSPECTS:
                del known[next(iter(known))]
        self._failing, self._refused, self._rejected = {}, {}, {}
        self._taken_at = now
        return recovery

    def answered(self) -> Recovery | None:
        """Note an answer that is about its event alone: the receiver works, and has not taken it."""
        if self.circuit.has_asked_for_time:
            return None
        return Recovery(frozenset(self._suspects)) if self.circuit.succeeded() else None

    def failed(
        self,
        partitions: Sequence[str],
        *,
        began: float,
        now: float,
        retry_after_seconds: float = 0.0,
        reason: str = "",
    ) -> None:
        """Note that events, sent together from *began* on, got no answer or one that asks for time.

        Without partitions the receiver could not be reached at all.
        """
        others = [partition for partition in partitions if partition not in self._suspects]
        if partitions and not others:
            return
        # Of several events sent together, only one may be the cause.
        alone = len(partitions) == 1
        if partitions and began < self._taken_at and not retry_after_seconds:
            if alone:
                self._suspects.update(dict.fromkeys(others))
            return
        if alone:
            self._failing.update(dict.fromkeys(others))
        self.circuit.failed(now, retry_after_seconds, reason)

    def refused(self, partition: str, what: str, *, began: float) -> bool:
        """Note a refusal of one event that may be about all; return whether it is.

        *what* is the key, the address or the receiver, as `gitdailies_core.retry` says.
        """
        self._refused_since.setdefault(partition, began)
        if partition in self._suspects:
            return False
        if began < self._taken_at:
            self._suspects[partition] = None
            return False
        partitions = self._refused.setdefault(what, {})
        partitions[partition] = None
        return len(partitions) >= SEVERAL

    def rejected(self, partition: str, seq: int) -> tuple[int, ...]:
        """Note that an event was refused for good with 400 or 422.

        Return the events that were refused before it where the receiver refuses every event.
        """
        if self._taken_at > -math.inf:
            return ()
        before = [one for events in self._rejected.values() for one in events]
        known = self.rejects_all
        self._rejected.setdefault(partition, []).append(seq)
        return tuple(before) if self.rejects_all and not known else ()

    def forget(self) -> None:
        """Take nothing for granted any more: a person asked to send everything now."""
        self.circuit.reset()
        self._failing, self._refused, self._rejected = {}, {}, {}
