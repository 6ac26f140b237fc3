"""Moments as stores keep them: whole microseconds since 1970."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import overload

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def utc_now() -> datetime:
    """Return this moment, aware, in UTC."""
    return datetime.now(UTC)


def now_us() -> int:
    """Return this moment as a store keeps it."""
    return time.time_ns() // 1000


@overload
def to_us(moment: datetime) -> int: ...
@overload
def to_us(moment: datetime | None) -> int | None: ...
def to_us(moment: datetime | None) -> int | None:
    """Write *moment* as a store keeps it; one that is not known is kept as null."""
    return None if moment is None else (moment - _EPOCH) // _MICROSECOND


@overload
def from_us(microseconds: int) -> datetime: ...
@overload
def from_us(microseconds: int | None) -> datetime | None: ...
def from_us(microseconds: int | None) -> datetime | None:
    """Read a moment of a store."""
    return None if microseconds is None else _EPOCH + timedelta(microseconds=microseconds)
