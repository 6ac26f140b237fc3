"""What the answer of a receiver of events means, and how long to wait before another attempt. Pure.

| answer                        | meaning                                |
| ----------------------------- | -------------------------------------- |
| none, 408, 425, 429, 5xx      | a later attempt may get another answer |
| 401, 403                      | the key is refused                     |
| 3xx, 404, 405, 410, or a page | the address is wrong                   |
| 402, 407, 423, 424, 451       | the receiver takes no events           |
| any other but 2xx             | the receiver refuses this event        |
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Callable

AGAIN_STATUSES = frozenset({408, 425, 429})
KEY_STATUSES = frozenset({401, 403})
_NO_SUCH_METHOD = 405
ADDRESS_STATUSES = frozenset({404, _NO_SUCH_METHOD, 410})
# Payment, the proxy's sign-in, a lock, a failed dependency, legal reasons: none is about an event.
RECEIVER_STATUSES = frozenset({402, 407, 423, 424, 451})
# What is at fault, other than the event. These are values of the relay's store, of JSON and of metrics.
KEY, ADDRESS, RECEIVER = "key", "address", "receiver"
FAULTS: Mapping[str, str] = {
    KEY: "the key is refused",
    ADDRESS: "the address is wrong",
    RECEIVER: "the receiver takes no events",
}

FIRST_DELAY_SECONDS = 1.0
LONGEST_DELAY_SECONDS = 300.0
# A Retry-After of years must not stop deliveries, so we wait at most an hour for one.
LONGEST_RETRY_AFTER_SECONDS = 3600.0


def at_fault(status: int | None, page: bool) -> str:
    """Return KEY, ADDRESS or RECEIVER, or "". *page*: the answer is a 2xx with a web page."""
    if status in KEY_STATUSES:
        return KEY
    if page or status in ADDRESS_STATUSES or (status is not None and 300 <= status < 400):
        return ADDRESS
    return RECEIVER if status in RECEIVER_STATUSES else ""


def blamed(what: str, status: int | None, result: str) -> str:
    """Say that *what* is at fault, as the *result* of an attempt shows."""
    # A DORA server answers its pages so, which take no events.
    path = "; that of a DORA server ends with /webhooks" if status == _NO_SUCH_METHOD else ""
    return f"{FAULTS[what]} ({result}){path}"


def is_final(status: int | None) -> bool:
    """Whether the answer is final. A later attempt may get another answer only if it is not."""
    return status is not None and status < 500 and status not in AGAIN_STATUSES


def described(status: int | None, error: str, page: bool) -> str:
    """Return what was answered, as a short text."""
    if status is None:
        return error or "no answer"
    return f"answered {status}{' with a web page' if page else ''}{f': {error}' if error else ''}"


def wait_seconds(retry_after: str, *, attempt: int, now: datetime, jitter: Callable[[], float]) -> float:
    """Full jitter under an exponential bound, but at least Retry-After, which counts up to an hour."""
    bound = min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2.0 ** min(attempt - 1, 30))
    return max(bound * jitter(), retry_after_seconds(retry_after, now))


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
