"""Time zones by name."""

from __future__ import annotations

from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo

from gitdailies_core.error_text import got


def zone(name: str) -> tzinfo:
    """Return the time zone of a name; raises ValueError `expected …, got …`."""
    if name == "UTC":
        return UTC  # needs no database of time zones
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # KeyError: no such zone; the others: not the name of a zone
        raise ValueError(f"expected a name like Europe/Berlin, got {got(name)}") from None
