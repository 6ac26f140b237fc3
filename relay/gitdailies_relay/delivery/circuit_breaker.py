"""When to stop sending to a receiver that fails, so that a dead one costs only a probe now and then. Pure.

It opens when nothing succeeds: after several failures in a row, or an answer that asks for time.
Whose failures count is decided in `isolation`.
"""

from __future__ import annotations

# One failure may be a moment's. This many in a row, with no success between them, are the receiver's.
FAILURES_TO_OPEN = 3
FIRST_BACKOFF_SECONDS = 0.125
# Short, because a probe is one request, and the waiting events should leave soon after the receiver is back.
LONGEST_BACKOFF_SECONDS = 15.0
# An event that was never tried may show that only others failed, so it does not wait as long.
LONGEST_UNTRIED_SECONDS = 1.0
# One event may have been asked for time alone. After this long, an event that was never tried finds out.
SECOND_OPINION_SECONDS = 1.0


class CircuitBreaker:
    """Closed while the receiver answers. While it is open, one probe at a time goes through.

    Times are seconds on any clock that does not jump back.
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
        # Of failures at the same time only the first says something new.
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
