"""What follows from an attempt to deliver: done, again at, pause or give up. A pure decision.

| answer                                   | decision                                       |
| ---------------------------------------- | ---------------------------------------------- |
| 2xx                                      | done                                           |
| none, 408, 425, 429, 5xx                 | again, until the give-up age                   |
| 401, 403                                 | pause: the key is refused                      |
| 3xx, 404, 405, 410                       | pause: the address is wrong                    |
| any other                                | give up: the receiver refuses this event       |
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Callable, Union

AGAIN_STATUSES = frozenset({408, 425, 429})
KEY_STATUSES = frozenset({401, 403})
ADDRESS_STATUSES = frozenset({404, 405, 410})

FIRST_DELAY_SECONDS = 1.0
LONGEST_DELAY_SECONDS = 300.0
# An absurd Retry-After must not stop deliveries for good: an hour is the longest we wait for one.
LONGEST_RETRY_AFTER_SECONDS = 3600.0
GIVE_UP_AGE_SECONDS = 7 * 86400.0


@dataclass(frozen=True)
class Outcome:
    """What came of one attempt: a status, or None and the `error` where no answer came."""

    status: int | None
    error: str = ""
    retry_after: str = ""


@dataclass(frozen=True)
class Done:
    """The receiver has the event."""


@dataclass(frozen=True)
class Again:
    """Try again at `at`, aware UTC."""

    at: datetime
    reason: str


@dataclass(frozen=True)
class Pause:
    """Send nothing more until key (`what` is key) or address (`what` is address) changes."""

    what: str
    reason: str


@dataclass(frozen=True)
class GiveUp:
    """This event will never be taken; set it aside with the reason."""

    reason: str


Verdict = Union[Done, Again, Pause, GiveUp]


def decide(
    outcome: Outcome,
    *,
    attempt: int,
    first_attempt_at: datetime,
    now: datetime,
    jitter: Callable[[], float],
    give_up_age_seconds: float = GIVE_UP_AGE_SECONDS,
) -> Verdict:
    """Decide after attempt number *attempt* (from 1); *jitter* returns a number in [0, 1).

    Age counts from the first attempt, not from when the event was stored: waiting for the
    events before it is not a failure of its own.
    """
    status = outcome.status
    said = f"answered {status}" if status is not None else outcome.error or "no answer"
    if outcome.error and status is not None:
        said = f"{said}: {outcome.error}"
    if status is not None:
        if 200 <= status < 300:
            return Done()
        if status in KEY_STATUSES:
            return Pause("key", f"the key is refused ({said})")
        if status in ADDRESS_STATUSES or 300 <= status < 400:
            return Pause("address", f"the address is wrong ({said})")
        if is_answer(outcome):
            return GiveUp(said)
    if (now - first_attempt_at).total_seconds() >= give_up_age_seconds:
        return GiveUp(f"given up after {attempt} attempts in {give_up_age_seconds / 86400:g} days: {said}")
    return Again(
        now + timedelta(seconds=delay_seconds(outcome, attempt=attempt, now=now, jitter=jitter)), said
    )


def is_answer(outcome: Outcome) -> bool:
    """Whether the receiver answered for good, with yes or no; else it may answer otherwise later."""
    return outcome.status is not None and outcome.status < 500 and outcome.status not in AGAIN_STATUSES


def delay_seconds(outcome: Outcome, *, attempt: int, now: datetime, jitter: Callable[[], float]) -> float:
    """Full jitter under an exponential bound, and never earlier than Retry-After asks (up to an hour)."""
    bound = min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2.0 ** min(attempt - 1, 30))
    return max(bound * jitter(), retry_after_seconds(outcome.retry_after, now))


def retry_after_seconds(value: str, now: datetime) -> float:
    """Read Retry-After: seconds or an HTTP date (RFC 9110, 10.2.3); anything else is 0."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        # More digits than an hour has would only be cut to it.
        seconds = float(value[:9]) if len(value) <= 9 else LONGEST_RETRY_AFTER_SECONDS
    else:
        try:
            at = parsedate_to_datetime(value)
            seconds = ((at if at.tzinfo else at.replace(tzinfo=timezone.utc)) - now).total_seconds()
        except (ValueError, TypeError, IndexError, OverflowError):
            return 0.0
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_SECONDS)
