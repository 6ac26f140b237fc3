"""Warnings that input can trigger often: the first is logged at once, repeats once a minute with a count."""

import asyncio
from typing import Any, NamedTuple

import structlog

# Enough to see which clients cause them; warnings beyond it are counted together.
MOST_COUNTED_APART = 200
SECONDS = 60.0
OTHERS = "others"


class _Warning(NamedTuple):
    """What identifies a warning; `client` is the address that caused it."""

    event: str
    client: str
    reason: str
    source: str

    def fields(self) -> dict[str, str]:
        return {name: text for name, text in self._asdict().items() if text and name != "event"}


class RateLimitedLog:
    """Writes warnings to a log so that input cannot flood it.

    Use it inside an event loop. The numbers of sources and reasons are small. That of clients is not bounded:
    beyond `MOST_COUNTED_APART` warnings, others are counted together, as of the client `others`.
    """

    def __init__(self, log: Any = None) -> None:
        self._log = structlog.get_logger("gitdailies.server") if log is None else log
        # How often each warning came again since it was last logged.
        self._again: dict[_Warning, int] = {}
        self._handle: asyncio.TimerHandle | None = None

    def warn(self, event: str, *, client: str, reason: str, source: str = "") -> None:
        warning = _Warning(event, client, reason, source)
        if warning not in self._again and len(self._again) >= MOST_COUNTED_APART:
            warning = warning._replace(client=OTHERS)
        if warning in self._again:
            self._again[warning] += 1
            return
        self._again[warning] = 0
        self._log.warning(event, **warning.fields())
        if self._handle is None:
            self._handle = asyncio.get_running_loop().call_later(SECONDS, self._write_again)

    def close(self) -> None:
        """Log the counts since the last time."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
            self._write()

    def _write_again(self) -> None:
        self._write()
        self._handle = (
            asyncio.get_running_loop().call_later(SECONDS, self._write_again) if self._again else None
        )

    def _write(self) -> None:
        """Log the warnings that came again, and forget the others."""
        repeated = {warning: count for warning, count in self._again.items() if count}
        self._again = dict.fromkeys(repeated, 0)
        for warning, count in repeated.items():
            self._log.warning(warning.event, **warning.fields(), again=count, seconds=int(SECONDS))
