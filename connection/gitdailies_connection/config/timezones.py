"""Time zones by name."""

from __future__ import annotations

import difflib
from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo, available_timezones

from gitdailies_core.error_text import got


def zone(name: str) -> tzinfo:
    """Return the time zone of a name; raises ValueError `expected …, got …`."""
    if name == "UTC":
        return UTC  # needs no database of time zones
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # KeyError: no such zone; the others: not the name of a zone
        raise ValueError(f"expected a name like Europe/Berlin, got {got(name)}{meant(name)}") from None


def meant(name: str) -> str:
    """Return `; did you mean X` for the zone that *name* may be a typo of, or ""."""
    # Short names, such as CEST, are near to many.
    near = difflib.get_close_matches(name, available_timezones(), n=1) if "/" in name else ()
    return f"; did you mean {near[0]}" if near else ""
