"""Numbers, times and addresses of the page of figures, as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from urllib.parse import urlencode

from gitdailies_core.values.times import text_of
from gitdailies_server.storage.timestamps import from_us

from gitdailies_webhooks.figures.selection import at_local_time, local_time

NOTHING = "–"
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))

# Days, and what so many deploys are told by.
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
    """Write how often something happens, by the shortest time in which it happens at least once."""
    if a_day is None:
        return NOTHING
    days, word = next(((days, word) for days, word in _RATES if a_day * days >= 1), _RATES[-1])
    return f"{decimal(a_day * days)} {word}"


def duration(seconds: float | None) -> str:
    """Write a duration by its two greatest units."""
    if seconds is None:
        return NOTHING
    left = round(seconds)
    for at, (size, word) in enumerate(_UNITS[:-1]):
        if left >= size:
            whole, rest = divmod(left, size)
            below, under = _UNITS[at + 1]
            # Beside a hundred days, hours say nothing.
            small = rest // below if whole < 100 else 0
            return f"{whole:,} {word}" + (f" {small} {under}" if small else "")
    return f"{seconds:.1f} s" if 0 < seconds < 10 and seconds != left else f"{left} s"


def moment(at: int, zone: tzinfo) -> str:
    """Write a moment to the minute, on the clock of a zone."""
    return f"{local_time(at, zone):%Y-%m-%d %H:%M}"


def edge(at: int, zone: tzinfo) -> str:
    """Write a moment for an address: the date where it is that day's midnight, else the time."""
    shown = local_time(at, zone)
    if shown == shown.replace(hour=0, minute=0, second=0, microsecond=0) and at_local_time(shown, zone) == at:
        return f"{shown:%Y-%m-%d}" if shown.year > 999 else f"{shown.year:04}-{shown:%m-%d}"
    return text_of(from_us(at))


def address(asked: Mapping[str, str], **more: str | None) -> str:
    """Return the address of the page of figures for what is asked, changed in some; None takes away."""
    merged = {name: text for name, text in {**asked, **more}.items() if text}
    return "/dora" + (f"?{urlencode(merged)}" if merged else "")
