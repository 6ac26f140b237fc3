"""Times: aware UTC datetimes in the code, RFC 3339 on the wire, microseconds at the finest."""

from __future__ import annotations

import re
from datetime import datetime, timezone
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
_COMPILED = re.compile(RFC3339)
EXPECTED_TIME = "a time like 2026-03-04T09:12:41Z"


def parse(text: Any, where: str) -> datetime:
    """Read an RFC 3339 time with a zone, as aware UTC. Digits after the sixth fractional one are cut.

    Raises ValueError that says `where: expected, got`.
    """
    match = _COMPILED.search(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"{where}: expected {EXPECTED_TIME}, got {got(text)}")
    fraction, zone = match.group(4, 5)
    seconds = text[:19] if fraction is None else f"{text[:19]}.{fraction[1:7]:0<6}"
    try:
        # fromisoformat reads no or six digits and an offset on every Python since 3.7.
        if zone == "Z":
            return datetime.fromisoformat(seconds + "+00:00")
        return datetime.fromisoformat(seconds + zone).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise ValueError(f"{where}: expected {EXPECTED_TIME}, got {got(text)}") from None


def text_of(moment: datetime) -> str:
    """Write an aware time as RFC 3339 in UTC, with 0, 3 or 6 fractional digits as needed.

    Raises ValueError for a naive time.
    """
    if moment.tzinfo is None:
        raise ValueError("time: expected an aware time, got a naive one")
    utc = moment if moment.tzinfo is timezone.utc else moment.astimezone(timezone.utc)
    # Without a fraction if that is zero, else with six digits.
    clock = utc.time().isoformat()
    return f"{utc.date().isoformat()}T{clock if utc.microsecond % 1000 else clock[:12]}Z"


def optional_text(moment: datetime | None) -> str | None:
    """Write *moment* like `text_of`. None stays None."""
    return None if moment is None else text_of(moment)
