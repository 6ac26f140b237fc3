"""A time limit for things that mostly end at once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar


class Ending(Protocol):
    """Something that ends; `is_over` says whether it did."""

    @property
    def is_over(self) -> bool: ...


Item = TypeVar("Item", bound=Ending)


class Deadlines(Generic[Item]):
    """Calls *expire* with what is not over within *seconds*.

    All have the same time limit, so the oldest one expires first, and one timer serves them all.
    """

    def __init__(self, seconds: float, expire: Callable[[Item], None]) -> None:
        self._seconds = seconds
        self._expire = expire
        self._waiting: deque[tuple[float, Item]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, item: Item) -> None:
        """Limit the time of *item* from now on."""
        loop, waiting = asyncio.get_running_loop(), self._waiting
        while waiting and waiting[0][1].is_over:
            waiting.popleft()
        waiting.append((loop.time() + self._seconds, item))
        if self._timer is None:
            self._timer = loop.call_at(waiting[-1][0], self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        while self._waiting:
            at, item = self._waiting[0]
            if not item.is_over and at > loop.time():
                self._timer = loop.call_at(at, self._look, loop)
                return
            self._waiting.popleft()
            if not item.is_over:
                self._expire(item)
