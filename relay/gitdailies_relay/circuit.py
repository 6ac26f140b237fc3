"""When to keep off a receiver that fails, so that a dead one costs a probe now and then. Pure."""

from __future__ import annotations

# One failure may be the event's own; this many in a row are the receiver's.
FAILURES_TO_OPEN = 3
FIRST_WAIT_SECONDS = 0.5
# Short, since a probe is one request, and what waits is wanted soon after the receiver is back.
LONGEST_WAIT_SECONDS = 15.0


class Circuit:
    """Closed while the receiver answers; open, it lets one probe through at a time.

    Times are seconds on any clock that does not jump back.
    """

    def __init__(self) -> None:
        self._failures = 0
        self._open_until = 0.0

    @property
    def closed(self) -> bool:
        return not self._open_until

    def failed(self, now: float, asked_seconds: float) -> None:
        """Count a failure; *asked_seconds* is what Retry-After asked for, or 0."""
        self._failures += 1
        if self._failures >= FAILURES_TO_OPEN or asked_seconds:
            exponent = min(max(self._failures - FAILURES_TO_OPEN, 0), 10)
            wait = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2.0**exponent)
            self._open_until = now + max(wait, asked_seconds)

    def probe_due(self, now: float) -> bool:
        """Whether a probe may go out."""
        return now >= self._open_until

    def succeeded(self) -> bool:
        """Close the circuit; return whether it was open."""
        was_open = not self.closed
        self._failures = 0
        self._open_until = 0.0
        return was_open
