"""Time zones by name."""

from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo, available_timezones

from gitdailies_core.error_text import got
from gitdailies_core.values.nearest_name import did_you_mean


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
    return did_you_mean(name, available_timezones()) if "/" in name else ""
