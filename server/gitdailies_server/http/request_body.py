"""Request bodies: how large one may be, how long it may take, and how many bytes all may hold at once.

Bytes count when they arrive, not when they are announced. A sender that announces much and sends
little takes no room from others. When the memory budget is used up, bodies that came in part are
evicted, the oldest first. When all that is held is complete and waits for the application, new bodies
are refused.
"""

import asyncio
from collections.abc import Callable
from enum import Enum
from functools import partial
from typing import TypeAlias

from gitdailies_server.http.exchange import Exchange


class BodyFault(Enum):
    """Why there is no body."""

    TOO_LARGE = "the body is larger than allowed"
    TOO_SLOW = "the body took too long to arrive"
    INCOMPLETE = "the connection was closed before all of the body arrived"
    OVERLOADED = "the server holds too many bodies"


Done: TypeAlias = Callable[[bytes | BodyFault], None]


class MemoryBudget:
    """The bodies that are held in memory, at most *most_bytes* of them together."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self._bytes = 0
        # What ends the incomplete bodies, the oldest one first.
        self.partial: dict[_BodyInParts, None] = {}

    @property
    def full(self) -> bool:
        """Whether there is no room, and no body to evict."""
        return self._bytes >= self.most_bytes and not self.partial

    def hold(self, size: int, of: "_BodyInParts | None" = None) -> bool:
        """Account for *size* more bytes, *of* an incomplete body; False where there is no room."""
        while self._bytes + size > self.most_bytes:
            oldest = next(iter(self.partial), None)
            if oldest is None or oldest is of:
                return False
            oldest.end(BodyFault.OVERLOADED)
        self._bytes += size
        return True

    def release(self, size: int) -> None:
        self._bytes -= size


def read_body(exchange: Exchange, budget: MemoryBudget, largest: int, seconds: float, done: Done) -> None:
    """Read a body of at most *largest* bytes that arrives within *seconds*.

    *done* is called once: with the whole body, which *budget* holds until it is released, or with why there
    is none.
    """
    announced = b"" if exchange.is_complete else exchange.header(b"content-length").lstrip(b"0")
    if int(announced[:12] or b"0") > largest:
        done(BodyFault.TOO_LARGE)
    elif not exchange.is_complete:
        _BodyInParts(exchange, budget, largest, seconds, done)
    elif exchange.size > largest:
        done(BodyFault.TOO_LARGE)
    elif not budget.hold(exchange.size):
        done(BodyFault.OVERLOADED)
    else:
        done(exchange.take())


class _BodyInParts:
    """A body that did not come with its head."""

    def __init__(
        self, exchange: Exchange, budget: MemoryBudget, largest: int, seconds: float, done: Done
    ) -> None:
        self._exchange = exchange
        self._budget = budget
        self._largest = largest
        self._done = done
        # Parts as they came. One block that grows would leave holes in memory, twice its size.
        self._parts: list[bytes] = []
        self._size = 0
        budget.partial[self] = None
        self._timer = asyncio.get_running_loop().call_later(seconds, partial(self.end, BodyFault.TOO_SLOW))
        exchange.watch(self._take)
        exchange.ask_for_body()
        self._take()

    def _take(self) -> None:
        exchange, size = self._exchange, self._size + self._exchange.size
        if exchange.is_lost:
            self.end(BodyFault.INCOMPLETE)
        elif size > self._largest:
            self.end(BodyFault.TOO_LARGE)
        elif not self._budget.hold(exchange.size, self):
            self.end(BodyFault.OVERLOADED)
        else:
            self._size = size
            self._parts.append(exchange.take())
            if exchange.is_complete:
                self.end(None)

    def end(self, fault: BodyFault | None) -> None:
        """End it with a fault, unless it is whole."""
        self._exchange.watch(None)
        self._timer.cancel()
        del self._budget.partial[self]
        if fault is None:
            self._done(b"".join(self._parts))
        else:
            self._budget.release(self._size)
            self._done(fault)
