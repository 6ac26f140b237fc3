"""HTTP as uvicorn speaks it, with two bounds that it leaves to a proxy: how long a head may be, and take."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# Vendors send a kilobyte; nginx allows 32 KiB.
HEAD_BYTES = 64 * 1024
# As nginx's client_header_timeout, for a sender on a slow line.
HEAD_SECONDS = 60.0


class BoundedProtocol(HttpToolsProtocol):
    """One connection; a head over the bounds ends it without an answer."""

    _head_bytes = 0
    _reading_head = True
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._had_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        continued = self._reading_head
        super().data_received(data)
        if not self._reading_head:
            return
        self._wait_for_head()
        # A head that began in this very data is as short as one read from the socket.
        if continued:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self.transport.abort()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_bytes, self._reading_head = 0, True

    def on_headers_complete(self) -> None:
        self._had_head()
        super().on_headers_complete()

    def _wait_for_head(self) -> None:
        # Mostly a head comes whole, and then there is nothing to wait for.
        if self._late is None:
            self._late = self.loop.call_later(HEAD_SECONDS, self.transport.abort)

    def _had_head(self) -> None:
        self._reading_head = False
        if self._late is not None:
            self._late.cancel()
            self._late = None
