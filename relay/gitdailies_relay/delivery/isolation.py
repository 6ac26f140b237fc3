"""Whose fault a failure is, one event's own or the receiver's; and when to probe a receiver that fails. Pure.

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

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gitdailies_core.values.http_answers import ADDRESS, KEY, RECEIVER

from gitdailies_relay.store.outbox import ReadyEvent

# So many partitions get a refusal before it is about the key, the address or the receiver.
SEVERAL = 2
# So many partitions are refused one by one before the receiver is taken to refuse every event.
FIRST_PARTITIONS = 5
# More suspects would be a receiver's fault, and only cost memory. The oldest are forgotten.
_MOST_SUSPECTS = 100_000
# One failure may be a moment's. This many in a row, with no success between them, are the receiver's.
FAILURES_TO_OPEN = 3
FIRST_BACKOFF_SECONDS = 0.125
# Short, because a probe is one request, and the waiting events should leave soon after the receiver is back.
LONGEST_BACKOFF_SECONDS = 15.0
# An event that was never tried may show that only others failed, so it does not wait as long.
LONGEST_UNTRIED_SECONDS = 1.0
# One event may have been asked for time alone. After this long, an event that was never tried finds out.
SECOND_OPINION_SECONDS = 1.0
# A person's pause; the others are named in core. These are values of the store, of JSON and of metrics.
MANUAL = "manual"
KINDS = (MANUAL, KEY, ADDRESS, RECEIVER)
AUTOMATIC = (KEY, ADDRESS, RECEIVER)
# The longest wait between two probes. The first ones follow soon: several events may have been refused
# for reasons of their own. A receiver that refused the key is probed seldom, because it may count that.
PROBE_SECONDS = {KEY: 300.0, ADDRESS: 15.0, RECEIVER: 15.0}
FIRST_PROBE_SECONDS = 0.125
# After this number of probes, a refused key is beyond doubt.
_DOUBTFUL_KEY_PROBES = 30


@dataclass(frozen=True)
class Recovery:
    """The receiver takes events: failures are forgiven, except in the partitions of `suspects`.

    `had_failed`: this process has seen it fail before.
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
        # Only one of several events that were sent together may be the cause.
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

        *what* is the key, the address or the receiver, as `http_answers` says.
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


class CircuitBreaker:
    """When to leave a failing receiver alone, so that a dead one costs only a probe now and then.

    It is closed while the receiver answers, and opens when nothing succeeds: after several failures in a row,
    or an answer that asks for time. While it is open, one probe at a time goes through. Times are seconds on
    any clock that does not jump back.
    """

    def __init__(self) -> None:
        # The reason of the last failure, until one event is delivered.
        self.reason = ""
        self._failures = 0
        self._open_until = 0.0
        # When an event that was never tried may be the probe.
        self._untried_at = 0.0
        self._second_opinion_at: float | None = None
        # Whether the receiver asked for time since an event was delivered.
        self.has_asked_for_time = False
        # Before the first answer, a failure may be the last of an outage that began before this process.
        self._has_answered = False

    @property
    def closed(self) -> bool:
        return not self._open_until

    def failed(self, now: float, retry_after_seconds: float = 0.0, reason: str = "") -> None:
        """Count a failure of the receiver. *retry_after_seconds* is what it asked for, or 0."""
        self.reason = reason
        waiting = now < self._open_until
        # Only the first of several failures at the same time says something new.
        self._failures += not waiting
        if waiting or (self.closed and self._failures < FAILURES_TO_OPEN):
            backoff = 0.0
        else:
            exponent = min(max(self._failures - FAILURES_TO_OPEN, 0), 10)
            backoff = min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2.0**exponent)
        if backoff or retry_after_seconds:
            untried = max(min(backoff, LONGEST_UNTRIED_SECONDS), retry_after_seconds)
            self._open_until = max(self._open_until, now + max(backoff, retry_after_seconds))
            self._untried_at = max(self._untried_at, now + untried)
        if retry_after_seconds and not self.has_asked_for_time:
            self.has_asked_for_time = True
            self._second_opinion_at = now + min(SECOND_OPINION_SECONDS, retry_after_seconds)

    def probe_due(self, now: float, *, untried: bool = False) -> bool:
        """Whether a probe may be sent; *untried* says that it would be an event that was never tried."""
        if untried and self._second_opinion_at is not None and now >= self._second_opinion_at:
            return True
        return now >= (self._untried_at if untried else self._open_until)

    def probed(self) -> None:
        """Note that a probe was sent: there is one second opinion."""
        self._second_opinion_at = None

    def succeeded(self) -> bool:
        """Close the breaker; return whether the receiver had failed."""
        had_failed = not self.closed or (bool(self._failures) and not self._has_answered)
        self._has_answered = True
        self.reset()
        return had_failed

    def reset(self) -> None:
        """Close the breaker without an answer: the next failures decide again."""
        self.reason, self._failures = "", 0
        self._open_until = self._untried_at = 0.0
        self._second_opinion_at, self.has_asked_for_time = None, False


class ProbeSchedule:
    """When to probe a destination that is paused. Times are seconds on a clock that does not jump back."""

    def __init__(self, paused_by: str, now: float) -> None:
        self.paused_by = paused_by
        self._probes = 0
        self._since = now

    def due(self, now: float, *, untried: bool = False) -> bool:
        """Whether to probe now; *untried* says that it would be with an event that was never tried."""
        return now >= self._since + self._wait(untried=untried)

    def probed(self, now: float) -> None:
        """Note a probe; the next one comes after twice the time."""
        self._probes += 1
        self._since = now

    def _wait(self, *, untried: bool) -> float:
        longest = PROBE_SECONDS.get(self.paused_by, math.inf)
        if longest == math.inf:
            return longest
        if untried and (self.paused_by != KEY or self._probes < _DOUBTFUL_KEY_PROBES):
            longest = min(longest, LONGEST_UNTRIED_SECONDS)
        return min(longest, FIRST_PROBE_SECONDS * 2.0 ** min(self._probes, 20))


class ProbeChoice:
    """The probes since the receiver was left alone: each is an event of another partition.

    The newest event that was never tried goes first. It is the least likely to be refused for the
    reason of those before it.
    """

    # How many events to choose from: never tried ones, and those that wait longest.
    NEWEST = 8
    OLDEST = 64

    def __init__(self, accused: Iterable[str] = ()) -> None:
        """Begin where the partitions *accused* were the last ones that failed or were refused."""
        # The partitions in the order of their last probe.
        self._sent: dict[str, None] = {}
        for partition in accused:
            self.sent(partition)

    def sent(self, partition: str) -> None:
        """Note a probe of *partition*."""
        self._sent.pop(partition, None)
        self._sent[partition] = None
        while len(self._sent) > 2 * self.OLDEST:
            del self._sent[next(iter(self._sent))]

    def untried(self, newest: Sequence[ReadyEvent]) -> ReadyEvent | None:
        """Return the newest event whose partition was not probed, or None."""
        return next((event for event in newest if event.partition not in self._sent), None)

    def any_of(self, waiting: Sequence[ReadyEvent]) -> ReadyEvent | None:
        """Return the event that waits longest of the partitions not probed, else of the one probed first."""
        order = {partition: place for place, partition in enumerate(self._sent, 1)}
        return min(waiting, key=lambda event: order.get(event.partition, 0), default=None)
