"""Times as the tools of others write them: more forms than `times`, which reads those of our own API.

    2026-03-04 09:12:41 UTC             RFC 3339, also with a space, small letters, UTC, GMT, an
                                        offset without a colon or minutes
    2026-03-04 09:12:41.25 +0000 UTC    the same as Go prints it
    2026-03-04 09:12                    the same without a zone or seconds, where the reader names the zone
    1772615561.25                       seconds, milliseconds, microseconds or nanoseconds since 1970, as
                                        a number, a float or text
    04.03.2026 09:12:41                 a form that the reader names, with a zone that it names too

Nothing is guessed. A time without a zone is refused, unless the reader names its zone.
"""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gitdailies_core.error_text import got
from gitdailies_core.values.times import EXPECTED_TIME

_FORM = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ]\s?(\d\d:\d\d)(:\d\d)?(?:[.,](\d{1,12}))?"
    r"\s?(?:([+-]\d\d)(?::?(\d\d))?(?:\s(?:[A-Z]{3,5}|[+-]\d{2,4}))?|([Zz]|UTC|utc|GMT|gmt))?",
    re.ASCII,
)
_NUMBER = re.compile(r"\s*([0-9]{1,20})(?:\.([0-9]{1,19}))?(?:[eE]\+?([0-9]{1,2}))?\s*")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# The size of an epoch number shows its unit. Each range below holds the years 1973 to 5138 in
# its unit, and no two ranges overlap. Each has the first number, and the unit in nanoseconds.
_EPOCH_UNITS = ((10**8, 10**9), (10**11, 10**6), (10**14, 10**3), (10**17, 1))


def read(value: Any, where: str, *, form: str = "", zone: str = "") -> datetime:
    """Read a time, as aware UTC. Digits beyond microseconds are cut.

    *form* is a format of `strptime` that the text must have. *zone* is the zone of a text that has none,
    such as `Europe/Berlin`. Raises ValueError that says `where: expected, got`.
    """
    if form:
        return _formed(value, where, form, zone)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return from_epoch(value, where)
    found = _FORM.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        try:
            return from_epoch(value, where)
        except ValueError:
            raise ValueError(f"{where}: expected {EXPECTED_TIME}, got {got(value)}") from None
    day, clock, seconds, fraction, hours, minutes, letters = found.groups()
    local: tzinfo | None = None
    if not hours and not letters:
        if not zone:
            raise ValueError(f"{where}: expected {EXPECTED_TIME}, got {got(value)}, which has no zone")
        local = zone_of(zone, where)
    offset = f"{hours}:{minutes or '00'}" if hours else "+00:00"
    # The second beyond the last of a minute is the first of the next one.
    leap = seconds == ":60"
    text = f"{day}T{clock}{':59' if leap else seconds or ':00'}.{(fraction or '')[:6]:0<6}"
    try:
        if minutes and minutes > "59":
            raise ValueError
        moment = datetime.fromisoformat(f"{text}{offset}")
        if local is not None:
            moment = moment.replace(tzinfo=local)
        if leap:
            moment += timedelta(seconds=1)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{where}: expected {EXPECTED_TIME}, got {got(value)}") from None


def zone_of(name: str, where: str) -> tzinfo:
    """Return the zone with a name like `Europe/Berlin` or `UTC`. Raises ValueError."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{where}: expected a zone like 'Europe/Berlin', got {got(name)}") from None


def _formed(value: Any, where: str, form: str, zone: str) -> datetime:
    try:
        moment = datetime.strptime(value.strip(), form)  # noqa: DTZ007  a zone follows
    except (ValueError, AttributeError):
        raise ValueError(f"{where}: expected a time in the form {form!r}, got {got(value)}") from None
    if moment.tzinfo is None:
        if not zone:
            raise ValueError(f"{where}: expected a zone for the form {form!r}, got none")
        moment = moment.replace(tzinfo=zone_of(zone, where))
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{where}: expected {EXPECTED_TIME}, got {got(value)}") from None


def from_epoch(number: Any, where: str) -> datetime:
    """Read seconds, milliseconds, microseconds or nanoseconds since 1970. The size shows the unit.

    *number* is a number or its text, such as 1772615820, 1772615820.25 or "1.77261582e9". Digits
    beyond microseconds are cut. Raises ValueError that says `where: expected, got`.
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
    for low, nanoseconds in _EPOCH_UNITS:
        if low <= units // parts < 1000 * low:
            return _EPOCH + timedelta(microseconds=units * nanoseconds // parts // 1000)
    return None
