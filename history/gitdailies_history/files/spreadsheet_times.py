"""Read times as spreadsheets and exports write them: RFC 3339, looser forms of it, and epoch numbers.

A time without a zone is read only if the caller names one. It is never guessed.
"""

import re
from datetime import UTC, datetime, tzinfo
from typing import Any

from gitdailies_core.error_text import got
from gitdailies_core.values import lenient_times
from gitdailies_core.values.times import EXPECTED_TIME

# How a person can have a spreadsheet write it: into one column, or date and time of day into two.
ONE_COLUMN = "format the column as yyyy-mm-dd hh:mm:ss"
TWO_COLUMNS = "format the columns as yyyy-mm-dd and hh:mm"

# What they display: 03.11.2025 08:55, 11/3/2025 8:55 AM, by country; or the number behind it.
_FORMATTED = re.compile(r"[0-9]{1,2}([./-])[0-9]{1,2}\1[0-9]{2,4}( .*)?|[0-9]{5}([.,][0-9]+)?")


def read(value: Any, where: str, zone: tzinfo | None = None, remedy: str = ONE_COLUMN) -> datetime:
    """Read a time. *zone* is used if the text names none. *remedy* is for a time as a country writes it.

    Takes RFC 3339, looser forms of it, and seconds to nanoseconds since 1970 as a number or as digits. Raises
    ValueError with `where: expected, got`.
    """
    if not isinstance(value, str):
        return lenient_times.from_epoch(value, where)
    if _FORMATTED.fullmatch(value):
        raise ValueError(f"{where}: expected {EXPECTED_TIME}, got {got(value)}; {remedy}")
    if value.isascii() and value.isdigit():
        return lenient_times.from_epoch(value, where)
    moment = _found(value, where)
    if moment is not None:
        return moment
    local = _found(f"{value}Z", where)
    if local is None:
        raise ValueError(f"{where}: expected {EXPECTED_TIME}, got {got(value)}")
    if zone is None:
        raise ValueError(
            f"{where}: expected a time with a zone, like 2026-03-04T09:12:41Z, got {got(value)}; "
            "--timezone says which one is meant"
        )
    return _in_zone(local, zone, value, where)


def _found(text: str, where: str) -> datetime | None:
    try:
        return lenient_times.read(text, where)
    except ValueError:
        return None


def _in_zone(read_as_utc: datetime, zone: tzinfo, value: str, where: str) -> datetime:
    local = read_as_utc.replace(tzinfo=None)
    try:
        first = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
        second = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{where}: expected {EXPECTED_TIME}, got {got(value)}") from None
    if first == second:
        return first
    # When clocks go forward, an hour is skipped. When they go back, an hour occurs twice (PEP 495).
    what = "does not exist" if first.astimezone(zone).replace(tzinfo=None) != local else "occurs twice"
    raise ValueError(
        f"{where}: expected a time that occurs once in {zone}, got {got(value)}, which {what}; "
        "add its offset, like +01:00"
    )
