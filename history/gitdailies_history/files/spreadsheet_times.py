"""Read times as spreadsheets and exports write them: RFC 3339, looser forms of it, and epoch numbers.

A time without a zone is read only if the caller names one. It is never guessed.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from typing import Any

from gitdailies_core.error_text import got
from gitdailies_core.values import times

EXPECTED = "a time like 2026-03-04T09:12:41Z"
# How a person can have a spreadsheet write it: into one column, or date and time of day into two.
ONE_COLUMN = "format the column as yyyy-mm-dd hh:mm:ss"
TWO_COLUMNS = "format the columns as yyyy-mm-dd and hh:mm"

# The form that is expected, as most files have it.
# Some versions of Python read an hour of 24.
_USUAL = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}Z")
# Forms that spreadsheets make of RFC 3339: a space for the T, no seconds, no colon in the offset, no zone.
_LOOSE = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ](?P<minute>[0-9]{2}:[0-9]{2})(?P<second>:[0-9]{2})?"
    r"(?P<fraction>[.][0-9]{1,9})? ?(?P<zone>[Zz]|UTC|GMT|[+-][0-9]{2}:?[0-9]{2})?"
)
# What they display: 03.11.2025 08:55, 11/3/2025 8:55 AM, by country; or the number behind it.
_FORMATTED = re.compile(r"[0-9]{1,2}([./-])[0-9]{1,2}\1[0-9]{2,4}( .*)?|[0-9]{5}([.,][0-9]+)?")
_UTC_WORDS = frozenset({"Z", "z", "UTC", "GMT"})


def read(value: Any, where: str, zone: tzinfo | None = None, remedy: str = ONE_COLUMN) -> datetime:
    """Read a time. *zone* is used if the text names none. *remedy* is for a time as a country writes it.

    Takes RFC 3339, looser forms of it, and seconds to nanoseconds since 1970 as a number or as digits. Raises
    ValueError with `where: expected, got`.
    """
    if not isinstance(value, str):
        return times.from_epoch(value, where)
    usual = read_usual(value)
    if usual is not None:
        return usual
    if _FORMATTED.fullmatch(value):
        raise ValueError(f"{where}: expected {EXPECTED}, got {got(value)}; {remedy}")
    if value.isascii() and value.isdigit():
        return times.from_epoch(value, where)
    match = _LOOSE.fullmatch(value)
    if match is None:
        raise ValueError(f"{where}: expected {EXPECTED}, got {got(value)}")
    given = match["zone"]
    local = f"{match['day']}T{match['minute']}{match['second'] or ':00'}{match['fraction'] or ''}"
    if given is None:
        if zone is None:
            raise ValueError(
                f"{where}: expected a time with a zone, like 2026-03-04T09:12:41Z, got {got(value)}; "
                "--timezone says which one is meant"
            )
        return _in_zone(_parsed(local + "Z", value, where), zone, value, where)
    if given in _UTC_WORDS:
        return _parsed(local + "Z", value, where)
    return _parsed(f"{local}{given[:3]}:{given[-2:]}", value, where)


def read_usual(text: str) -> datetime | None:
    """Read a time in the form of `EXPECTED`; None if it has another form, or is none."""
    try:
        return datetime.fromisoformat(text) if _USUAL.fullmatch(text) else None
    except ValueError:
        return None


def _parsed(text: str, value: str, where: str) -> datetime:
    try:
        return times.parse(text, where)
    except ValueError:
        raise ValueError(f"{where}: expected {EXPECTED}, got {got(value)}") from None


def _in_zone(read_as_utc: datetime, zone: tzinfo, value: str, where: str) -> datetime:
    local = read_as_utc.replace(tzinfo=None)
    try:
        first = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
        second = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{where}: expected {EXPECTED}, got {got(value)}") from None
    if first == second:
        return first
    # When clocks go forward, an hour is skipped. When they go back, an hour occurs twice (PEP 495).
    what = "does not exist" if first.astimezone(zone).replace(tzinfo=None) != local else "occurs twice"
    raise ValueError(
        f"{where}: expected a time that occurs once in {zone}, got {got(value)}, which {what}; "
        "add its offset, like +01:00"
    )
