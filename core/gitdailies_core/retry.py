"""Decide what to do after a delivery attempt: done, retry, pause or give up. Pure.

| answer                                   | decision                                       |
| ---------------------------------------- | ---------------------------------------------- |
| 2xx                                      | done                                           |
| none, 408, 425, 429, 5xx                 | retry, until the give-up age                   |
| 401, 403                                 | pause: the key is refused                      |
| 3xx, 404, 405, 410                       | pause: the address is wrong                    |
| any other                                | give up: the receiver refuses this event       |

The caller retries with exponential backoff and full jitter.
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
# A Retry-After of years must not stop deliveries, so we wait at most an hour for one.
LONGEST_RETRY_AFTER_SECONDS = 3600.0
GIVE_UP_AGE_SECONDS = 7 * 86400.0


@dataclass(frozen=True)
class Outcome:
    """The result of one attempt: an HTTP status, or None with the `error` when no answer came."""

    status: int | None
    error: str = ""
    retry_after: str = ""


@dataclass(frozen=True)
class Done:
    """The receiver has the event."""


@dataclass(frozen=True)
class Again:
    """Retry at `at`, aware UTC."""

    at: datetime
    reason: str


@dataclass(frozen=True)
class Pause:
    """Send nothing until the key or the address changes. `what` is `key` or `address`."""

    what: str
    reason: str


@dataclass(frozen=True)
class GiveUp:
    """The receiver will never accept this event. It becomes a dead letter with this reason."""

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
    """Decide after attempt number *attempt*, counted from 1. *jitter* returns a number in [0, 1).

    The age counts from the first attempt, not from when the event was stored. Waiting for
    earlier events is not a failure.
    """
    status = outcome.status
    result = f"answered {status}" if status is not None else outcome.error or "no answer"
    if outcome.error and status is not None:
        result = f"{result}: {outcome.error}"
    if status is not None:
        if 200 <= status < 300:
            return Done()
        if status in KEY_STATUSES:
            return Pause("key", f"the key is refused ({result})")
        if status in ADDRESS_STATUSES or 300 <= status < 400:
            return Pause("address", f"the address is wrong ({result})")
        if is_answer(outcome):
            return GiveUp(result)
    if (now - first_attempt_at).total_seconds() >= give_up_age_seconds:
        return GiveUp(f"given up after {attempt} attempts in {give_up_age_seconds / 86400:g} days: {result}")
    return Again(
        now + timedelta(seconds=delay_seconds(outcome, attempt=attempt, now=now, jitter=jitter)), result
    )


def is_answer(outcome: Outcome) -> bool:
    """Whether the answer is final. A later attempt may get another answer only if it is not."""
    return outcome.status is not None and outcome.status < 500 and outcome.status not in AGAIN_STATUSES


def delay_seconds(outcome: Outcome, *, attempt: int, now: datetime, jitter: Callable[[], float]) -> float:
    """Full jitter under an exponential bound, but at least Retry-After, which counts up to an hour."""
    bound = min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2.0 ** min(attempt - 1, 30))
    return max(bound * jitter(), retry_after_seconds(outcome.retry_after, now))


def retry_after_seconds(value: str, now: datetime) -> float:
    """Read Retry-After: seconds or an HTTP date (RFC 9110, 10.2.3). Anything else is 0."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        # A longer number is over an hour anyway.
        seconds = float(value[:9]) if len(value) <= 9 else LONGEST_RETRY_AFTER_SECONDS
    else:
        try:
            at = parsedate_to_datetime(value)
            seconds = ((at if at.tzinfo else at.replace(tzinfo=timezone.utc)) - now).total_seconds()
        except (ValueError, TypeError, IndexError, OverflowError):
            return 0.0
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_SECONDS)
