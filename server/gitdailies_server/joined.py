"""An answer's head and the first part of its body, written together: one call, one packet."""

from __future__ import annotations

from asyncio import Transport
from typing import Any


class JoinedWrites:
    """The transport that uvicorn's *cycle* of one request writes to.

    uvicorn writes the head by itself, which costs a second call of the kernel and wakes the reader
    for half an answer. So the head is held until what follows it is written, or the connection closed.
    """

    __slots__ = ("_cycle", "_head", "_transport")

    def __init__(self, transport: Transport, cycle: Any) -> None:
        self._transport = transport
        self._cycle = cycle
        self._head: bytes | None = b""

    def write(self, data: bytes) -> None:
        if self._head is None:
            self._transport.write(data)
        elif self._head:
            head, self._head = self._head, None
            self._transport.write(head + data)
        elif self._cycle.response_started:
            self._head = data
        else:  # 100 Continue, for which the sender waits
            self._transport.write(data)

    def close(self) -> None:
        head, self._head = self._head, None
        if head:
            self._transport.write(head)
        self._transport.close()

    def is_closing(self) -> bool:
        return self._transport.is_closing()
