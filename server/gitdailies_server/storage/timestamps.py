"""Times as stored in databases: whole microseconds since 1970, UTC."""

import time
from datetime import UTC, datetime, timedelta
from typing import overload

from gitdailies_core.values.times import text_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def utc_now() -> datetime:
    """Return the current time, aware, in UTC."""
    return datetime.now(UTC)


def now_us() -> int:
    """Return the current time in microseconds since 1970."""
    return time.time_ns() // 1000


@overload
def to_us(moment: datetime) -> int: ...
@overload
def to_us(moment: datetime | None) -> int | None: ...
def to_us(moment: datetime | None) -> int | None:
    """Convert an aware time to microseconds since 1970; None stays None."""
    return None if moment is None else (moment - _EPOCH) // _MICROSECOND


def text_of_us(microseconds: int) -> str:
    """Write microseconds since 1970 as answers have times."""
    return text_of(from_us(microseconds))


@overload
def from_us(microseconds: int) -> datetime: ...
@overload
def from_us(microseconds: int | None) -> datetime | None: ...
def from_us(microseconds: int | None) -> datetime | None:
    """Convert microseconds since 1970 to an aware time in UTC; None stays None."""
    # To multiply takes half the time of making a timedelta.
    return None if microseconds is None else _EPOCH + _MICROSECOND * microseconds
