"""A bound on how long futures are waited for, for futures that mostly come at once."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, TypeVar

Result = TypeVar("Result")


class Patience:
    """Futures that get TimeoutError where nothing else has come of them after so many seconds.

    As asyncio.timeout around each of them, for a fraction of its cost: all have the same time, so
    the first that was given is the first that is over, and one timer serves all.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._waiting: deque[tuple[float, asyncio.Future[Any]]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def bound(self, future: asyncio.Future[Result]) -> asyncio.Future[Result]:
        """Return *future*, which now ends in time."""
        loop = future.get_loop()
        waiting = self._waiting
        while waiting and waiting[0][1].done():
            waiting.popleft()
        at = loop.time() + self._seconds
        waiting.append((at, future))
        if self._timer is None:
            self._timer = loop.call_at(at, self._due, loop)
        return future

    def _due(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        now = loop.time()
        while self._waiting:
            at, future = self._waiting[0]
            if future.done():
                self._waiting.popleft()
            elif at <= now:
                self._waiting.popleft()
                future.set_exception(TimeoutError())
            else:
                self._timer = loop.call_at(at, self._due, loop)
                return
