"""Warnings that input can cause again and again: said at once, and then once a minute with a count."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple

import structlog

# Enough to see who it is; what is over the bound is counted together.
MOST_KEPT_APART = 200
SECONDS = 60.0
OTHERS = "others"


class WarningKey(NamedTuple):
    """What a line says; `client` is whose doing it is."""

    event: str
    client: str
    reason: str
    source: str = ""

    def fields(self) -> dict[str, str]:
        return {name: text for name, text in self._asdict().items() if text and name != "event"}


class WarningCounts:
    """How often each thing happened since it was told last. It holds a bounded number of them."""

    def __init__(self, most: int = MOST_KEPT_APART) -> None:
        self._most = most
        self._counts: dict[WarningKey, int] = {}

    def __len__(self) -> int:
        return len(self._counts)

    def note(self, warned: WarningKey) -> WarningKey | None:
        """Count it, under the name of others if it is one too many; return what is to be told now."""
        if warned not in self._counts and len(self._counts) >= self._most:
            warned = warned._replace(client=OTHERS)
        if warned in self._counts:
            self._counts[warned] += 1
            return None
        self._counts[warned] = 0
        return warned

    def take(self) -> Mapping[WarningKey, int]:
        """Return what happened again and how often, and forget what did not."""
        again = {warned: count for warned, count in self._counts.items() if count}
        self._counts = dict.fromkeys(again, 0)
        return again


class RateLimitedLog:
    """Writes warnings to a log so that their number is bounded, whoever causes them.

    It lives in an event loop. Sources and reasons are few, clients are anybody.
    """

    def __init__(self, log: Any = None) -> None:
        self._log = structlog.get_logger("gitdailies.server") if log is None else log
        self._tally = WarningCounts()
        self._handle: asyncio.TimerHandle | None = None

    def warn(self, event: str, *, client: str, reason: str, source: str = "") -> None:
        told = self._tally.note(WarningKey(event, client, reason, source))
        if told is not None:
            self._log.warning(event, **told.fields())
            if self._handle is None:
                self._handle = asyncio.get_running_loop().call_later(SECONDS, self._tell)

    def close(self) -> None:
        """Tell what was counted since the last time."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
            self._write()

    def _tell(self) -> None:
        self._write()
        self._handle = asyncio.get_running_loop().call_later(SECONDS, self._tell) if self._tally else None

    def _write(self) -> None:
        for warned, count in self._tally.take().items():
            self._log.warning(warned.event, **warned.fields(), again=count, seconds=int(SECONDS))
