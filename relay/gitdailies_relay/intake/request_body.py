"""Request bodies: how large one may be, how long it may take, and how many bytes all may hold at once.

Bytes count when they arrive, not when they are announced. A sender that announces much and sends
little takes no room from others. When the memory budget is used up, bodies that came in part are
evicted, the oldest first. When all that is held is complete and waits for the store, new bodies
are refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gitdailies_server.http.exchange import Exchange

from gitdailies_relay.intake import responses
from gitdailies_relay.intake.responses import VendorAnswer

BODY_SECONDS = 10.0
# Unless a pack names more. PagerDuty drops what is over 256 KB, and few others send more.
BODY_BYTES = 1024 * 1024


class MemoryBudget:
    """The bodies that are held in memory, at most *most_bytes* of them together."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self._bytes = 0
        # The incomplete bodies, oldest first.
        self.partial: dict[BodyInParts, None] = {}

    @property
    def full(self) -> bool:
        """Whether there is no room, and no body to evict."""
        return self._bytes >= self.most_bytes and not self.partial

    def hold(self, size: int, of: BodyInParts | None = None) -> bool:
        """Account for *size* more bytes, *of* an incomplete body; False where there is no room."""
        while self._bytes + size > self.most_bytes:
            oldest = next(iter(self.partial), None)
            if oldest is None or oldest is of:
                return False
            oldest.end(responses.OVERLOADED)
        self._bytes += size
        return True

    def release(self, size: int) -> None:
        self._bytes -= size


class BodyInParts:
    """A body that did not come with its head.

    It has at most *largest* bytes. *done* is called once: with the whole body, which the budget holds, or
    with the answer that refuses it.
    """

    def __init__(
        self,
        exchange: Exchange,
        budget: MemoryBudget,
        largest: int,
        done: Callable[[bytes | VendorAnswer], None],
    ) -> None:
        self._exchange = exchange
        self._budget = budget
        self._largest = largest
        self._done = done
        self._parts: list[bytes] = []
        self._size = 0
        budget.partial[self] = None
        self._timer = asyncio.get_running_loop().call_later(BODY_SECONDS, self.end, responses.TOO_SLOW)
        exchange.watch(self._take)
        exchange.ask_for_body()
        self._take()

    def _take(self) -> None:
        exchange, size = self._exchange, self._size + self._exchange.size
        if exchange.is_lost:
            self.end(responses.INCOMPLETE)
        elif size > self._largest:
            self.end(responses.too_large(self._largest))
        elif not self._budget.hold(exchange.size, self):
            self.end(responses.OVERLOADED)
        else:
            self._size = size
            self._parts.append(exchange.take())
            if exchange.is_complete:
                self.end(None)

    def end(self, refusal: VendorAnswer | None) -> None:
        """End it: with an answer that refuses it, unless it is whole."""
        self._exchange.watch(None)
        self._timer.cancel()
        del self._budget.partial[self]
        if refusal is None:
            self._done(b"".join(self._parts))
        else:
            self._budget.release(self._size)
            self._done(refusal)
