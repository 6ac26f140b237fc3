"""A time limit for futures that mostly complete at once."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, TypeVar

Result = TypeVar("Result")


class FutureTimeouts:
    """Futures that fail with TimeoutError if they do not complete within *seconds*.

    It does what asyncio.timeout around each of them would do, for a fraction of the cost. All have
    the same time limit, so the oldest one expires first, and one timer serves them all.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._waiting: deque[tuple[float, asyncio.Future[Any]]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def limit(self, future: asyncio.Future[Result]) -> asyncio.Future[Result]:
        """Return *future*, which now completes or fails in time."""
        loop = future.get_loop()
        waiting = self._waiting
        while waiting and waiting[0][1].done():
            waiting.popleft()
        at = loop.time() + self._seconds
        waiting.append((at, future))
        if self._timer is None:
            self._timer = loop.call_at(at, self._expire, loop)
        return future

    def _expire(self, loop: asyncio.AbstractEventLoop) -> None:
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
                self._timer = loop.call_at(at, self._expire, loop)
                return
