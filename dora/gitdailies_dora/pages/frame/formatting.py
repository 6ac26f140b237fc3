"""Numbers, times and addresses as people read them, and text without characters that deceive."""

import csv
import io
import re
from collections.abc import Iterable, Mapping
from datetime import date, tzinfo
from typing import Any
from urllib.parse import urlencode

from gitdailies_core.events.field_types import HIDDEN
from gitdailies_core.values.times import text_of
from gitdailies_server.storage.timestamps import from_us
from markupsafe import Markup

from gitdailies_dora.figures.answers.selection import at_local_time, local_time
from gitdailies_dora.figures.words import durations
from gitdailies_dora.figures.words.durations import NOTHING
from gitdailies_dora.figures.words.rates import LEAST_FOR_PERCENT

_HIDDEN = re.compile(f"[{HIDDEN}]")

# A spreadsheet would evaluate text with such a beginning as a formula.
_FORMULA = re.compile(r"^[=+\-@\t\r]")

# With fewer events, one of them changes a ratio or a median a lot.
FEW = 5

# Figures are rarely older than two seconds. They are older while a long history is being sent.
BEHIND_US = 10_000_000

# A number with its unit, and a duration with two of them.
_UNITS = re.compile(r"(?<![\w.])\d[\d,.]* (?:(?:d|h|min|s)\b(?: \d+ (?:h|min|s)\b)?|%)")

# A date with its time, and a short word with hyphens, such as the ID of an incident: no line ends in them.
_WHOLE = re.compile(
    r"((?<![\w-])(?:\d{4}-\d\d-\d\d[ \u00a0]\d\d:\d\d(?::\d\d)?(?:[ \u00a0][A-Z]{3,4}\b)?"
    r"|(?=[\w-]{3,24}(?![\w-]))\w+(?:-\w+)+))"
)

# The number of days of a rate, and its words.
_RATES = ((1, "a day"), (7, "a week"), (30, "in 30 days"))


def visible(value: Any) -> Any:
    """Return what a template writes, with hidden characters as escapes: they could turn a line around."""
    if not isinstance(value, str) or value.isascii() or not _HIDDEN.search(value):
        return value
    shown = _HIDDEN.sub(lambda found: found[0].encode("unicode_escape").decode(), value)
    return Markup(shown) if isinstance(value, Markup) else shown  # noqa: S704  it was markup before


def spreadsheet_safe(text: str) -> str:
    """Return text that a spreadsheet does not evaluate."""
    return f"'{text}" if _FORMULA.search(text) else text


def p90(seconds: float | None, basis: int) -> float | None:
    """Return a 90th percentile as it is shown; None if the values are too few for one in ten."""
    return None if basis < FEW else seconds


def csv_line(cells: Iterable[str]) -> str:
    """Write a line of CSV (RFC 4180) that a spreadsheet takes as text."""
    line = io.StringIO()
    csv.writer(line).writerow(map(spreadsheet_safe, cells))
    return line.getvalue()


def count(number: float | None) -> str:
    """Write a whole number, 12,345."""
    return NOTHING if number is None else f"{number:,.0f}"


def amount(number: float, one: str, several: str) -> str:
    """Write how many there are of something: 1 commit, 12,345 commits."""
    return f"{count(number)} {one if number == 1 else several}"


def decimal(number: float | None) -> str:
    """Write a number with up to two places."""
    if number is None:
        return NOTHING
    text = f"{number:,.2f}"
    return text.rstrip("0").rstrip(".")


def days(number: float | None) -> str:
    """Write a number of days with up to two places: 1 day, 0.5 days."""
    text = decimal(number)
    return f"{text} {'day' if text == '1' else 'days'}"


def percent(ratio: float | None) -> str:
    """Write a ratio in percent."""
    return NOTHING if ratio is None else f"{ratio * 100:.1f} %"


def out_of(some: float, whole: float, word: str = "") -> str:
    """Write a part of a whole with both numbers, and in percent unless the whole is small: 2 of 14 (14 %)."""
    text = f"{count(some)} of {count(whole)}" + (f" {word}" if word else "")
    return text if whole < FEW else f"{text} ({part_in_percent(some, whole)})"


def part_in_percent(some: float, whole: float) -> str:
    """Write a part of a whole in percent, without places unless it is below one: 14 %, 0.3 %."""
    places = 1 if 0 < some / whole < 0.01 else 0
    return f"{some / whole * 100:.{places}f} %"


def fraction(some: int, whole: int) -> str:
    """Write a rate: as counts below 20 events, since one more or less would change it a lot."""
    if not whole:
        return NOTHING
    if whole < LEAST_FOR_PERCENT:
        return f"{count(some)} of {count(whole)}"
    return out_of(some, whole)


def unbroken(text: str) -> str:
    """Return text that is not broken into lines."""
    return text.replace(" ", "\u00a0")


def unbroken_units(text: str) -> str:
    """Return text that is not broken into lines between a number and its unit, nor within a duration."""
    return _UNITS.sub(lambda found: unbroken(found[0]), text)


def kept_whole(text: str) -> Markup:
    """Return escaped text that is not broken into lines within a date or a short word with hyphens."""
    parts = _WHOLE.split(text)
    return Markup("").join(
        Markup('<span class="whole">{}</span>').format(part) if at % 2 else part
        for at, part in enumerate(parts)
    )


def duration(seconds: float | None) -> str:
    """Write a duration with its two largest units, in one line."""
    return unbroken(durations.duration(seconds))


def window(seconds: float) -> str:
    """Write the length of the window in hours, or in days if it is longer than three."""
    return f"{seconds / 3600:g} h" if seconds <= 259_200 else duration(seconds)


def rate_unit(a_day: float | None) -> tuple[int, str]:
    """Return the unit for a rate: a day, a week, or 30 days, the first in which it is at least one."""
    return next((unit for unit in _RATES if (a_day or 0) * unit[0] >= 1), _RATES[-1])


def rate(a_day: float | None, unit: tuple[int, str] | None = None) -> str:
    """Write how often something happens, in one *unit* for a column of rates, else in the one that fits."""
    if not a_day:
        return NOTHING if a_day is None else "none"
    days, word = unit or rate_unit(a_day)
    return f"{decimal(a_day * days)} {word}"


def moment(at: int, zone: tzinfo) -> str:
    """Write a moment to the minute, in a time zone."""
    return f"{local_time(at, zone):%Y-%m-%d %H:%M}"


def clock_time(at: int, zone: tzinfo) -> str:
    """Write a moment to the minute, in a time zone and with the zone's name."""
    return f"{moment(at, zone)} {zone_name(at, zone)}"


def day_and_time(at: int, zone: tzinfo) -> str:
    """Write a moment of a known week: Tue 24 Nov 14:00."""
    found = local_time(at, zone)
    return unbroken(f"{found:%a} {found.day} {found:%b} {found:%H:%M}")


def long_day(day: date) -> str:
    """Write a day in full: 23 November 2026."""
    return unbroken(f"{day.day} {day:%B %Y}")


def zone_name(at: int, zone: tzinfo) -> str:
    """Write what a clock in a zone calls it at a time: UTC, CET, +03."""
    return from_us(at).astimezone(zone).tzname() or ""


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
