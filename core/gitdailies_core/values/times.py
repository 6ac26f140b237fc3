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
# The same with what senders vary: a space for the T, small letters, UTC or GMT, an offset without a
# colon, spaces around it.
_VARIANT = re.compile(
    r"\s*(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d(?:\.\d+)?) ?([Zz]|UTC|GMT|[+-]\d\d:?\d\d)\s*", re.ASCII
)
_NUMBER = re.compile(r"\s*([0-9]{1,20})(?:\.([0-9]{1,19}))?(?:[eE]\+?([0-9]{1,2}))?\s*")
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
    return _moment(text, match, where)


def _moment(text: str, match: re.Match[str], where: str) -> datetime:
    fraction, zone = match.group(4, 5)
    seconds = text[:19] if fraction is None else f"{text[:19]}.{fraction[1:7]:0<6}"
    try:
        # fromisoformat reads no or six digits and an offset on every Python since 3.7.
        if zone == "Z":
            return datetime.fromisoformat(seconds + "+00:00")
        return datetime.fromisoformat(seconds + zone).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise ValueError(f"{where}: expected {_EXPECTED}, got {got(text)}") from None


def read(value: Any, where: str) -> datetime:
    """Read a time as a sender writes it: like RFC 3339, with a zone, or a number since 1970.

    Raises ValueError that says `where: expected, got`.
    """
    match = _RFC3339.search(value) if isinstance(value, str) else None
    if match is not None:
        return _moment(value, match, where)
    moment = _epoch(value)
    if moment is not None:
        return moment
    variant = _VARIANT.fullmatch(value) if isinstance(value, str) else None
    if variant is not None:
        day, clock, zone = variant.groups()
        standard = f"{day}T{clock}" + (f"{zone[:3]}:{zone[-2:]}" if zone[0] in "+-" else "Z")
        match = _RFC3339.search(standard)
        if match is not None:
            return _moment(standard, match, where)
    raise ValueError(f"{where}: expected {_EXPECTED}, got {got(value)}")


def from_epoch(number: Any, where: str) -> datetime:
    """Read seconds, milliseconds, microseconds or nanoseconds since 1970. The size shows the unit.

    *number* is a number or its text, such as 1772615820, 1772615820.25 or "1.77261582e9". What is
    finer than a microsecond is cut. Raises ValueError that says `where: expected, got`.
    """
    moment = _epoch(number)
    if moment is None:
        raise ValueError(
            f"{where}: expected seconds, milliseconds, microseconds or nanoseconds since 1970,"
            f" got {got(number)}"
        )
    return moment


def _epoch(number: Any) -> datetime | None:
    if isinstance(number, bool) or not isinstance(number, (int, float, str)):
        return None
    # A float is read as it is written. As a binary fraction it would differ in its last digits.
    match = _NUMBER.fullmatch(str(number)) if not isinstance(number, int) or number < 10**20 else None
    if match is None:
        return None
    whole, fraction, exponent = match.groups("")
    shift = int(exponent or 0) - len(fraction)
    units, parts = int(whole + fraction) * 10 ** max(shift, 0), 10 ** max(-shift, 0)
    for low, high, microseconds in _EPOCH_UNITS:
        if low <= units // parts < high:
            return _EPOCH + timedelta(microseconds=units * microseconds // parts)
    if _NANOSECONDS[0] <= units // parts < _NANOSECONDS[1]:
        return _EPOCH + timedelta(microseconds=units // parts // 1000)
    return None


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
