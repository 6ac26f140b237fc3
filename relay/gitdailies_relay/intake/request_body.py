"""Bodies on their way in: how large, how long, and how many bytes of them are held at once.

Bytes count when they are there, not when they are announced: who announces much and sends little
takes nobody's place. Over the bound, the bodies that came in part give way, the oldest first;
while all that is held has come whole and waits for the store, newcomers are put off.
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
# How much of a refused body is still read: a sender that is cut while it sends may never see why.
_LINGER_BYTES = 4 * BODY_BYTES
_LINGER_SECONDS = 2.0

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class TooLarge(Exception):
    """A body is over BODY_BYTES."""


class TooSlow(Exception):
    """A body did not come in time."""


class TooMany(Exception):
    """More bytes than may be held at once."""


class Gone(Exception):
    """The sender went away inside its body."""


class Bodies:
    """The bodies that are held in memory, at most *most_bytes* of them together."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        # In the order in which they began.
        self._partial: dict[Body, None] = {}

    @property
    def full(self) -> bool:
        """Whether there is no room, and nobody who would make it."""
        return self._bytes >= self._most_bytes and not self._partial

    def hold(self, body: Body, size: int) -> None:
        """Account for *size* more bytes of *body*; raises TooMany where there is no room for them."""
        while self._bytes + size > self._most_bytes:
            oldest = next(iter(self._partial), None)
            if oldest is None or oldest is body:
                raise TooMany
            self.release(oldest)
            oldest.give_way()
        self._bytes += size
        body.size += size

    def release(self, body: Body) -> None:
        self._partial.pop(body, None)
        self._bytes -= body.size
        body.size = 0

    def is_partial(self, body: Body) -> None:
        self._partial[body] = None

    def is_whole(self, body: Body) -> None:
        self._partial.pop(body, None)


class Body:
    """One body, accounted for as long as the block lasts."""

    __slots__ = ("_bodies", "_gave_way", "_timeout", "size")

    def __init__(self, bodies: Bodies) -> None:
        self._bodies = bodies
        self._timeout: asyncio.Timeout | None = None
        self._gave_way = False
        self.size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bodies.release(self)

    def give_way(self) -> None:
        self._gave_way = True
        # One whose time is over ends in this turn anyhow.
        if self._timeout is not None and not self._timeout.expired():
            self._timeout.reschedule(asyncio.get_running_loop().time())

    async def read(self, receive: Receive, *, has_come: bool = False) -> bytes:
        """Read to the end or a bound, whatever was announced; one that *has_come* needs no clock.

        Raises TooLarge, TooSlow, TooMany, Gone.
        """
        part, more = await self._part(receive) if has_come else (b"", True)
        if not more:
            return part
        try:
            async with asyncio.timeout(BODY_SECONDS) as self._timeout:
                if not has_come:
                    part, more = await self._part(receive)
                return await self._rest(receive, part) if more else part
        except TimeoutError:
            raise (TooMany if self._gave_way else TooSlow) from None

    async def _rest(self, receive: Receive, part: bytes) -> bytes:
        parts, more = [part], True
        self._bodies.is_partial(self)
        while more:
            part, more = await self._part(receive)
            parts.append(part)
        self._bodies.is_whole(self)
        return b"".join(parts)

    async def _part(self, receive: Receive) -> tuple[bytes, bool]:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        part: bytes = message.get("body", b"")
        if self.size + len(part) > BODY_BYTES:
            raise TooLarge
        if self._gave_way:  # its time ends with the next turn only
            raise TooMany
        self._bodies.hold(self, len(part))
        return part, message.get("more_body", False)


async def drain(receive: Receive) -> None:
    """Read what still comes of a refused body, for a while."""
    with suppress(TimeoutError):
        await asyncio.wait_for(_passed_over(receive), _LINGER_SECONDS)


async def _passed_over(receive: Receive) -> None:
    size, more = 0, True
    while more and size <= _LINGER_BYTES:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
