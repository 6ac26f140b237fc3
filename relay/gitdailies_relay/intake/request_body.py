"""Request bodies: how large one may be, how long it may take, and how many bytes all may hold at once.

Bytes count when they arrive, not when they are announced. A sender that announces much and sends
little takes no room from others. When the memory budget is used up, bodies that came in part are
evicted, the oldest first. When all that is held is complete and waits for the store, new bodies
are refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

# PagerDuty, the largest sender, drops what is over 256 KB.
BODY_BYTES = 1024 * 1024
BODY_SECONDS = 10.0
# How much of a refused body is still read. A sender that is cut off while it sends may never see the answer.
_LINGER_BYTES = 4 * BODY_BYTES
_LINGER_SECONDS = 2.0

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class BodyTooLarge(Exception):
    """A body is larger than BODY_BYTES."""


class BodyTooSlow(Exception):
    """A body did not arrive in time."""


class OutOfMemoryBudget(Exception):
    """All bodies together would hold more bytes than they may."""


class ClientDisconnected(Exception):
    """The sender disconnected before the end of its body."""


class MemoryBudget:
    """The bodies that are held in memory, at most *most_bytes* of them together."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        # The incomplete bodies, oldest first.
        self._partial: dict[Body, None] = {}

    @property
    def full(self) -> bool:
        """Whether there is no room, and no body to evict."""
        return self._bytes >= self._most_bytes and not self._partial

    def hold(self, body: Body, size: int) -> None:
        """Account for *size* more bytes of *body*; raises OutOfMemoryBudget where there is no room."""
        while self._bytes + size > self._most_bytes:
            oldest = next(iter(self._partial), None)
            if oldest is None or oldest is body:
                raise OutOfMemoryBudget
            self.release(oldest)
            oldest.evict()
        self._bytes += size
        body.size += size

    def release(self, body: Body) -> None:
        self._partial.pop(body, None)
        self._bytes -= body.size
        body.size = 0

    def mark_partial(self, body: Body) -> None:
        self._partial[body] = None

    def mark_complete(self, body: Body) -> None:
        self._partial.pop(body, None)


class Body:
    """One body, accounted for as long as its `with` block lasts."""

    __slots__ = ("_budget", "_evicted", "_timeout", "size")

    def __init__(self, budget: MemoryBudget) -> None:
        self._budget = budget
        self._timeout: asyncio.Timeout | None = None
        self._evicted = False
        self.size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._budget.release(self)

    def evict(self) -> None:
        self._evicted = True
        # A body whose time is over ends in this turn of the event loop anyway.
        if self._timeout is not None and not self._timeout.expired():
            self._timeout.reschedule(asyncio.get_running_loop().time())

    async def read(self, receive: Receive, *, arrived: bool = False) -> bytes:
        """Read to the end or to a bound, whatever was announced. One that has *arrived* needs no timer.

        Raises BodyTooLarge, BodyTooSlow, OutOfMemoryBudget, ClientDisconnected.
        """
        part, more = await self._part(receive) if arrived else (b"", True)
        if not more:
            return part
        try:
            async with asyncio.timeout(BODY_SECONDS) as self._timeout:
                if not arrived:
                    part, more = await self._part(receive)
                return await self._rest(receive, part) if more else part
        except TimeoutError:
            raise (OutOfMemoryBudget if self._evicted else BodyTooSlow) from None

    async def _rest(self, receive: Receive, part: bytes) -> bytes:
        parts, more = [part], True
        self._budget.mark_partial(self)
        while more:
            part, more = await self._part(receive)
            parts.append(part)
        self._budget.mark_complete(self)
        return b"".join(parts)

    async def _part(self, receive: Receive) -> tuple[bytes, bool]:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnected
        part: bytes = message.get("body", b"")
        if self.size + len(part) > BODY_BYTES:
            raise BodyTooLarge
        if self._evicted:  # its timeout ends it only in the next turn
            raise OutOfMemoryBudget
        self._budget.hold(self, len(part))
        return part, message.get("more_body", False)


async def drain(receive: Receive) -> None:
    """Read the rest of a refused body for a while, and discard it."""
    with suppress(TimeoutError):
        await asyncio.wait_for(_discard(receive), _LINGER_SECONDS)


async def _discard(receive: Receive) -> None:
    size, more = 0, True
    while more and size <= _LINGER_BYTES:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
