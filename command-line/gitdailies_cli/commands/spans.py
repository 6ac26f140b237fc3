"""Read how long ago something may be: `7d`, `12h` or `30m`. Pure."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

_SPAN = re.compile(r"([0-9]{1,5})([dhm])")
_UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}


def ago(text: str, now: datetime) -> datetime | None:
    """Return the moment that lies so long before *now*, or None if *text* is no span."""
    found = _SPAN.fullmatch(text)
    return now - int(found[1]) * _UNITS[found[2]] if found else None
