"""Warnings that input can trigger often: the first is logged at once, repeats once a minute with a count."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple

import structlog

# Enough to see which clients cause them; warnings beyond it are counted together.
MOST_COUNTED_APART = 200
SECONDS = 60.0
OTHERS = "others"


class WarningKey(NamedTuple):
    """What identifies a warning; `client` is the address that caused it."""

    event: str
    client: str
    reason: str
    source: str = ""

    def fields(self) -> dict[str, str]:
        return {name: text for name, text in self._asdict().items() if text and name != "event"}


class WarningCounts:
    """Counts repeats of each warning since it was last logged. The number of entries is bounded."""

    def __init__(self, most: int = MOST_COUNTED_APART) -> None:
        self._most = most
        self._counts: dict[WarningKey, int] = {}

    def __len__(self) -> int:
        return len(self._counts)

    def add(self, warning: WarningKey) -> WarningKey | None:
        """Count a warning, beyond the bound as client `others`; return it if it must be logged now."""
        if warning not in self._counts and len(self._counts) >= self._most:
            warning = warning._replace(client=OTHERS)
        if warning in self._counts:
            self._counts[warning] += 1
            return None
        self._counts[warning] = 0
        return warning

    def take_repeats(self) -> Mapping[WarningKey, int]:
        """Return the repeated warnings with their counts, and forget the others."""
        repeated = {warning: count for warning, count in self._counts.items() if count}
        self._counts = dict.fromkeys(repeated, 0)
        return repeated


class RateLimitedLog:
    """Writes warnings to a log so that input cannot flood it.

    Use it inside an event loop. The numbers of sources and reasons are small; that of clients is not bounded.
    """

    def __init__(self, log: Any = None) -> None:
        self._log = structlog.get_logger("gitdailies.server") if log is None else log
        self._counts = WarningCounts()
        self._handle: asyncio.TimerHandle | None = None

    def warn(self, event: str, *, client: str, reason: str, source: str = "") -> None:
        first = self._counts.add(WarningKey(event, client, reason, source))
        if first is not None:
            self._log.warning(event, **first.fields())
            if self._handle is None:
                self._handle = asyncio.get_running_loop().call_later(SECONDS, self._write_again)

    def close(self) -> None:
        """Log what was counted since the last time."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
            self._write()

    def _write_again(self) -> None:
        self._write()
        self._handle = (
            asyncio.get_running_loop().call_later(SECONDS, self._write_again) if self._counts else None
        )

    def _write(self) -> None:
        for warning, count in self._counts.take_repeats().items():
            self._log.warning(warning.event, **warning.fields(), again=count, seconds=int(SECONDS))
