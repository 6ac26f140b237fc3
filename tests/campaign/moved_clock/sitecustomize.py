"""A wall clock that a file moves: Python reads this module at its start where its folder is on the path.

The file that MOVED_CLOCK names holds by how many seconds the clock is wrong, now. What measures
durations (`time.monotonic`) is right, as it is where an administrator or NTP sets the clock.
"""

from __future__ import annotations

import datetime as dt
import os
import time
from pathlib import Path
from typing import Any

_FILE = Path(os.environ["MOVED_CLOCK"])
_real_ns = time.time_ns


def _time_ns() -> int:
    try:
        moved = float(_FILE.read_text() or 0)
    except (OSError, ValueError):  # it is being written
        return _time_ns()
    return _real_ns() + int(moved * 1e9)


class _Any(type(dt.datetime)):  # type: ignore[misc]
    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, _datetime)


_datetime = dt.datetime


class _Moved(_datetime, metaclass=_Any):
    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> _Moved:
        return cls.fromtimestamp(time.time(), tz)


time.time_ns = _time_ns
time.time = lambda: _time_ns() / 1e9
dt.datetime = _Moved  # type: ignore[misc]
