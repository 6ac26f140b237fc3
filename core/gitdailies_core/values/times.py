"""Times: aware UTC datetimes in the code, RFC 3339 on the wire, microseconds at the finest."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any

from gitdailies_core.error_text import got

# RFC 3339, section 5.6, with the upper-case T and Z that it recommends. Seconds end at 59
# because a datetime cannot hold a leap second. Vendors send up to nine fractional digits. The
# first line refuses times outside the years 1 to 9999 in UTC.
RFC3339 = (
    r"^(?!0000|0001-01-01T.*\+|9999-12-31T.*-)"
    r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?"
    r"(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$(?!\n)"
)
_RFC3339 = re.compile(RFC3339)
_EXPECTED = "a time like 2026-03-04T09:12:41Z"
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

# The size of an epoch number shows its unit. Each range below holds the years 1973 to 5138 in
# its unit, and no two ranges overlap.
_EPOCH_UNITS = ((10**8, 10**11, 10**6), (10**11, 10**14, 10**3), (10**14, 10**17, 1))
_NANOSECONDS = (10**17, 10**20)


def parse(text: Any, where: str) -> datetime:
    """Read an RFC 3339 time with a zone, as aware UTC. Digits after the sixth fractional one are cut.

    Raises ValueError that says `where: expected, got`.
    """
    match = _RFC3339.search(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"{where}: expected {_EXPECTED}, got {got(text)}")
    fraction, zone = match[4] or "", match[5]
    try:
        # fromisoformat reads six digits and an offset on every Python since 3.7.
        if zone == "Z":
            return datetime.fromisoformat(f"{text[:19]}.{fraction[1:7]:0<6}+00:00")
        moment = datetime.fromisoformat(f"{text[:19]}.{fraction[1:7]:0<6}{zone}")
        return moment.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise ValueError(f"{where}: expected {_EXPECTED}, got {got(text)}") from None


def from_epoch(number: Any, where: str) -> datetime:
    """Read seconds, milliseconds, microseconds or nanoseconds since 1970. The size shows the unit.

    *number* is an integer or its digits as text. Raises ValueError that says `where: expected, got`.
    """
    try:
        if isinstance(number, bool) or not isinstance(number, (int, str)):
            raise ValueError
        value = int(number) if isinstance(number, int) or (number.isascii() and number.isdigit()) else -1
        for low, high, microseconds in _EPOCH_UNITS:
            if low <= value < high:
                return _EPOCH + timedelta(microseconds=value * microseconds)
        if _NANOSECONDS[0] <= value < _NANOSECONDS[1]:
            return _EPOCH + timedelta(microseconds=value // 1000)
    except (ValueError, OverflowError):
        pass
    raise ValueError(
        f"{where}: expected seconds, milliseconds, microseconds or nanoseconds since 1970, got {got(number)}"
    )


def text_of(moment: datetime) -> str:
    """Write an aware time as RFC 3339 in UTC, with 0, 3 or 6 fractional digits as needed.

    Raises ValueError for a naive time.
    """
    if moment.tzinfo is None:
        raise ValueError("time: expected an aware time, got a naive one")
    utc = moment if moment.tzinfo is timezone.utc else moment.astimezone(timezone.utc)
    micros = utc.microsecond
    # isoformat omits a fraction of zero and writes any other with six digits.
    return utc.isoformat()[: 19 if not micros else 26 if micros % 1000 else 23] + "Z"


def optional_text(moment: datetime | None) -> str | None:
    """Write *moment* like `text_of`. None stays None."""
    return None if moment is None else text_of(moment)
