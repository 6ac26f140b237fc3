"""When to keep off a receiver that fails, so that a dead one costs a probe now and then. Pure.

One event that fails and fails keeps back nobody but itself; events that fail one after another,
or an answer that asks for time, say that it is the receiver.
"""

from __future__ import annotations

# One failure may be the event's own; this many in a row, of different events, are the receiver's.
FAILURES_TO_OPEN = 3
FIRST_WAIT_SECONDS = 0.5
# Short, since a probe is one request, and what waits is wanted soon after the receiver is back.
LONGEST_WAIT_SECONDS = 15.0


class Circuit:
    """Closed while the receiver answers; open, it lets one probe through at a time.

    Times are seconds on any clock that does not jump back.
    """

    def __init__(self) -> None:
        # Of the last failure, until one succeeds.
        self.reason = ""
        self._failures = 0
        self._open_until = 0.0
        self._suspects: set[int] = set()
        self._is_receiver = False
        # Until it answered once, a failure may be the last of an outage that began before this process.
        self._has_answered = False

    @property
    def closed(self) -> bool:
        return not self._open_until

    def blocks(self, event: int) -> bool:
        """Whether this event must wait to be a probe."""
        return not self.closed and (self._is_receiver or event in self._suspects)

    def failed(self, now: float, asked_seconds: float, *events: int, reason: str = "") -> None:
        """Count a failure of *events* that went together, or of the receiver itself, without any.

        *asked_seconds* is Retry-After, or 0.
        """
        self.reason = reason
        waiting = now < self._open_until
        if not self._is_receiver:
            self._suspects.update(events)
        if not events or asked_seconds or len(self._suspects) >= FAILURES_TO_OPEN:
            self._is_receiver = True
        # Of failures at the same time only the first says something new.
        self._failures += not waiting
        if waiting or (self.closed and self._failures < FAILURES_TO_OPEN):
            wait = 0.0
        else:
            exponent = min(max(self._failures - FAILURES_TO_OPEN, 0), 10)
            wait = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2.0**exponent)
        if wait or asked_seconds:
            self._open_until = max(self._open_until, now + max(wait, asked_seconds))

    def probe_due(self, now: float) -> bool:
        """Whether a probe may go out."""
        return now >= self._open_until

    def succeeded(self) -> bool:
        """Close the circuit; return whether it was the receiver for which events had to wait."""
        was_receiver = (not self.closed and self._is_receiver) or (self._failures and not self._has_answered)
        self._has_answered = True
        self.reason, self._failures, self._open_until = "", 0, 0.0
        self._suspects.clear()
        self._is_receiver = False
        return bool(was_receiver)
