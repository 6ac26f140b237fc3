"""An answer's head and the first part of its body, written together: one call, one packet."""

from __future__ import annotations

from asyncio import Transport

_CONTINUE = b"HTTP/1.1 100 "


class CoalescedWrites:
    """A transport for one answer, whose first write is the head.

    A head that is written by itself costs a second call of the kernel and wakes the reader for half an
    answer. So it is held until what follows is written, or the connection is closed.
    """

    __slots__ = ("_head", "_transport")

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._head: bytes | None = b""

    def write(self, data: bytes) -> None:
        if self._head is None:
            self._transport.write(data)
        elif self._head:
            head, self._head = self._head, None
            self._transport.write(head + data)
        elif data.startswith(_CONTINUE):  # for which the sender waits
            self._transport.write(data)
        else:
            self._head = data

    def close(self) -> None:
        head, self._head = self._head, None
        if head:
            self._transport.write(head)
        self._transport.close()

    def is_closing(self) -> bool:
        return self._transport.is_closing()
