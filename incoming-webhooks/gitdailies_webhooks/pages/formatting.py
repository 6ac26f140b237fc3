"""Numbers, times and addresses of the DORA page, as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from urllib.parse import urlencode

from gitdailies_core.values.times import text_of
from gitdailies_server.storage.timestamps import from_us

from gitdailies_webhooks.figures.selection import at_local_time, local_time

NOTHING = "–"
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))

# The number of days of a rate, and its words.
_RATES = ((1, "a day"), (7, "a week"), (30, "in 30 days"))


def count(number: float | None) -> str:
    """Write a whole number, 12,345."""
    return NOTHING if number is None else f"{number:,.0f}"


def decimal(number: float | None) -> str:
    """Write a number with up to two places."""
    if number is None:
        return NOTHING
    text = f"{number:,.2f}"
    return text.rstrip("0").rstrip(".")


def percent(ratio: float | None) -> str:
    """Write a ratio in percent."""
    return NOTHING if ratio is None else f"{ratio * 100:.1f} %"


def rate(a_day: float | None) -> str:
    """Write how often something happens: a day, a week, or in 30 days, the first that is at least one."""
    if a_day is None:
        return NOTHING
    days, word = next(((days, word) for days, word in _RATES if a_day * days >= 1), _RATES[-1])
    return f"{decimal(a_day * days)} {word}"


def duration(seconds: float | None) -> str:
    """Write a duration with its two largest units."""
    if seconds is None:
        return NOTHING
    left = round(seconds)
    for at, (size, word) in enumerate(_UNITS[:-1]):
        if left >= size:
            whole, rest = divmod(left, size)
            below, under = _UNITS[at + 1]
            # With a hundred days, hours do not matter.
            small = rest // below if whole < 100 else 0
            return f"{whole:,} {word}" + (f" {small} {under}" if small else "")
    return f"{seconds:.1f} s" if 0 < seconds < 10 and seconds != left else f"{left} s"


def moment(at: int, zone: tzinfo) -> str:
    """Write a moment to the minute, in a time zone."""
    return f"{local_time(at, zone):%Y-%m-%d %H:%M}"


def url_time(at: int, zone: tzinfo) -> str:
    """Write a moment for an address: a date if it is midnight in the zone, else a time."""
    shown = local_time(at, zone)
    if shown == shown.replace(hour=0, minute=0, second=0, microsecond=0) and at_local_time(shown, zone) == at:
        return f"{shown:%Y-%m-%d}" if shown.year > 999 else f"{shown.year:04}-{shown:%m-%d}"
    return text_of(from_us(at))


def dora_url(filters: Mapping[str, str], **changes: str | None) -> str:
    """Return the address of the DORA page for *filters* with *changes*; None removes a filter."""
    merged = {name: text for name, text in {**filters, **changes}.items() if text}
    return "/dora" + (f"?{urlencode(merged)}" if merged else "")
