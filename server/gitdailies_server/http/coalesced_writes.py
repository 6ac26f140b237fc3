"""Write the head of an answer together with the first part of its body: one call, one packet."""

from __future__ import annotations

from asyncio import Transport

_CONTINUE = b"HTTP/1.1 100 "


class CoalescedWrites:
    """A transport for one answer. The first write is the head.

    Writing the head alone costs a second system call and wakes the reader for half an answer. So the
    head is held until the next write, or until the connection is closed.
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
        elif data.startswith(_CONTINUE):  # the sender waits for this line
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
