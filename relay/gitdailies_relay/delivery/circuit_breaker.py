"""When to stop sending to a receiver that fails, so that a dead one costs only a probe now and then. Pure.

An event that fails again and again holds back only itself. Failures of several events in a row,
or an answer that asks for time, mean that the receiver fails.
"""

from __future__ import annotations

# One failure may be the event's own. This many in a row, of different events, are the receiver's.
FAILURES_TO_OPEN = 3
FIRST_BACKOFF_SECONDS = 0.5
# Short, because a probe is one request, and the waiting events should leave soon after the receiver is back.
LONGEST_BACKOFF_SECONDS = 15.0


class CircuitBreaker:
    """Closed while the receiver answers. While it is open, one probe at a time goes through.

    Times are seconds on any clock that does not jump back.
    """

    def __init__(self) -> None:
        # The reason of the last failure, until one event is delivered.
        self.reason = ""
        self._failures = 0
        self._open_until = 0.0
        self._suspects: set[int] = set()
        self._receiver_fails = False
        # Before the first answer, a failure may be the last of an outage that began before this process.
        self._has_answered = False

    @property
    def closed(self) -> bool:
        return not self._open_until

    def blocks(self, event: int) -> bool:
        """Whether this event may only be sent as a probe."""
        return not self.closed and (self._receiver_fails or event in self._suspects)

    def failed(self, now: float, retry_after_seconds: float, *events: int, reason: str = "") -> None:
        """Count a failure of *events* that were sent together, or of the receiver where there are none.

        *retry_after_seconds* is what the receiver asked for, or 0.
        """
        self.reason = reason
        waiting = now < self._open_until
        if not self._receiver_fails:
            self._suspects.update(events)
        if not events or retry_after_seconds or len(self._suspects) >= FAILURES_TO_OPEN:
            self._receiver_fails = True
        # Of failures at the same time only the first says something new.
        self._failures += not waiting
        if waiting or (self.closed and self._failures < FAILURES_TO_OPEN):
            backoff = 0.0
        else:
            exponent = min(max(self._failures - FAILURES_TO_OPEN, 0), 10)
            backoff = min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2.0**exponent)
        if backoff or retry_after_seconds:
            self._open_until = max(self._open_until, now + max(backoff, retry_after_seconds))

    def probe_due(self, now: float) -> bool:
        """Whether a probe may be sent."""
        return now >= self._open_until

    def succeeded(self) -> bool:
        """Close the breaker; return whether events had waited because the receiver failed."""
        receiver_failed = (not self.closed and self._receiver_fails) or (
            self._failures and not self._has_answered
        )
        self._has_answered = True
        self.reason, self._failures, self._open_until = "", 0, 0.0
        self._suspects.clear()
        self._receiver_fails = False
        return bool(receiver_failed)
