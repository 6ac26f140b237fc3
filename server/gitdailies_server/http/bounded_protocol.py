"""HTTP as uvicorn speaks it, with the bounds that it leaves to a proxy.

How long a head may be and take, how many requests may be sent ahead, how long an answer may wait
to be read, and how many connections there are. What is no request is answered here.

This is the one module that uses uvicorn's internals, which may change with each version of uvicorn.
So pyproject.toml has an upper bound, and a test checks that all that is used here is there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, cast

import httptools
import orjson
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gitdailies_server.http.coalesced_writes import CoalescedWrites
from gitdailies_server.http.connection_limits import ConnectionLimits

# Vendors send a kilobyte; nginx allows 32 KiB.
HEAD_BYTES = 64 * 1024
# Vendors send a dozen; Apache allows 100.
HEAD_FIELDS = 100
# As nginx's client_header_timeout and client_body_timeout, for a sender on a slow line.
HEAD_SECONDS = 60.0
SILENT_SECONDS = 60.0
# Neither vendors nor proxies send a request before they have the answer to the last one.
REQUESTS_AHEAD = 16
# A sender that reads no answers holds their bytes; as nginx's send_timeout.
WRITE_SECONDS = 60.0
# How much of what is refused is still read: a sender that is cut while it sends may never see why.
LINGER_BYTES = 1024 * 1024
LINGER_SECONDS = 2.0
RETRY_AFTER_SECONDS = 5

_HEAD, _BODY, _WHOLE = range(3)

# Among the extensions of a scope: what an application calls when a request proved who sent it, and
# what tells whether its body has come to its end already.
CONNECTION, AUTHENTICATED, BODY_COMPLETE = "gitdailies.connection", "proven", "whole"
NO_REQUEST = "expected a request of HTTP/1.1, got something else"
_UPGRADE = "upgrade: expected HTTP/1.1 alone, got an offer of another protocol"
_TOO_LONG = f"head: expected at most {HEAD_BYTES} bytes, got more"
_TOO_MANY = f"head: expected at most {HEAD_FIELDS} fields, got more"
_AHEAD = f"expected at most {REQUESTS_AHEAD} requests before an answer is read, got more"
_NO_ROOM = "more senders are connected than are served at once"


class _Unwanted(Exception):
    """Stops the parser in the middle of what it reads."""


class _Flow(FlowControl):
    """Reads on only when nothing waits: uvicorn would read more with every answer, without a bound."""

    def __init__(self, transport: asyncio.Transport, pipeline: Any) -> None:
        super().__init__(transport)
        self._pipeline = pipeline

    def resume_reading(self) -> None:
        if not self._pipeline:
            super().resume_reading()


class BoundedProtocol(HttpToolsProtocol):
    """One connection. *refused* is told of an address and why it was turned away."""

    def __init__(
        self, *arguments: Any, connections: ConnectionLimits, refused: Callable[[str, str], None], **more: Any
    ) -> None:
        super().__init__(*arguments, **more)
        self._connections = connections
        self._tell_refused = refused
        self._extensions: dict[str, dict[object, object]] = {
            CONNECTION: {AUTHENTICATED: self._is_proven, BODY_COMPLETE: self._is_whole}
        }
        self._part = _HEAD
        self._owes = True
        self._known = False
        self._over = False
        self._head_bytes = 0
        self._read_bytes = 0
        self._passed_over = 0
        self._fault = (HTTPStatus.BAD_REQUEST, NO_REQUEST)
        self._late: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.flow = _Flow(transport, self.pipeline)
        if self._connections.enter(self):
            self._wait(HEAD_SECONDS)
        else:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, _NO_ROOM)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.leave(self)
        self._over = True
        self._had_it()
        self._was_read()
        # uvicorn leaves this clock to a connection that was reset, and with it all that belongs to it.
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def give_way(self) -> None:
        self._over = True
        # Told without an answer: there may be none to a request that has not come to its end.
        self._tell_refused(self._peer, _NO_ROOM)
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        if self._over:
            self._pass_over(len(data))
            return
        continued, self._read_bytes = self._part == _HEAD, len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self._refuse(*self._fault)
            return
        if self.pipeline and not self._connections.may_send_ahead(self):
            self.give_way()
        elif self._part != _WHOLE:
            self._go_on_waiting(continued)
        elif self.cycle is None or self.cycle.response_complete:
            # Empty lines before a request: uvicorn stopped its own clock for them.
            self._wait(HEAD_SECONDS)

    def on_message_begin(self) -> None:
        if len(self.pipeline) >= REQUESTS_AHEAD:
            self._fault = (HTTPStatus.BAD_REQUEST, _AHEAD)
            raise _Unwanted
        super().on_message_begin()
        self._part, self._owes, self._head_bytes = _HEAD, False, 0

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._part != _HEAD:
            # A field behind a body in chunks: nobody has checked that it may stand there.
            return
        if len(self.headers) >= HEAD_FIELDS:
            self._fault = (HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, _TOO_MANY)
            raise _Unwanted
        # As uvicorn's own does, without a call of it for each field of each head.
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._had_it()
        # A head may have come whole with one read, or with a few, that are larger than the bound.
        if (self._owes or self._read_bytes > HEAD_BYTES) and self._size_of_head() > HEAD_BYTES:
            self._fault = (HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, _TOO_LONG)
            raise _Unwanted
        if self.parser.should_upgrade():
            # The parser would pass over the body, and take what follows for the other protocol.
            self._fault = (HTTPStatus.BAD_REQUEST, _UPGRADE)
            raise _Unwanted
        self._part = _BODY
        self.scope["extensions"] = self._extensions
        super().on_headers_complete()
        # An answer to HEAD is a head alone: nothing is written behind it. Of this transport uvicorn's cycle
        # uses no more than CoalescedWrites has.
        if self.scope["method"] != "HEAD":
            self.cycle.transport = cast("asyncio.Transport", CoalescedWrites(self.transport))

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._part = _WHOLE
        self._had_it()
        self._connections.owes_nothing(self)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._wait_for_reader()
        elif not self.pipeline:
            self._connections.sends_no_more_ahead(self)
            if self._part == _WHOLE:
                self._connections.owes(self, known=self._known)

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._wait_for_reader()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._wait_for_reader()

    def resume_writing(self) -> None:
        self._was_read()
        super().resume_writing()

    @property
    def _peer(self) -> str:
        return self.client[0] if self.client else ""

    def _size_of_head(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    def _go_on_waiting(self, continued: bool) -> None:
        if not self._owes:
            # Once a request: a byte now and then makes nobody younger.
            self._owes = True
            self._connections.owes(self, known=self._known)
        if self._part == _BODY:
            # How long a body may take in all is the application's to say.
            self._had_it()
            self._wait(SILENT_SECONDS)
            return
        self._wait(HEAD_SECONDS)
        if continued:
            self._head_bytes += self._read_bytes
            if self._head_bytes > HEAD_BYTES:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, _TOO_LONG)

    def _is_proven(self) -> None:
        self._known = True

    def _is_whole(self) -> bool:
        # Of several requests whose answers are owed, the last is the only one that may lack a part.
        return self._part == _WHOLE

    def _refuse(self, status: HTTPStatus, reason: str) -> None:
        """Answer what is no request; where an answer to an earlier one is owed, that is the last."""
        self._over = True
        if self.transport.is_closing():
            return
        self._tell_refused(self._peer, reason)
        last = self.cycle
        if last is not None and not last.response_complete:
            if not last.more_body:
                last.keep_alive = False
                self.flow.pause_reading()
                return
            if self.pipeline or last.response_started:
                self.transport.abort()
                return
        self.transport.write(_answer(status, reason))
        self.transport.write_eof()
        self._had_it()
        self._wait(LINGER_SECONDS)

    def _pass_over(self, size: int) -> None:
        self._passed_over += size
        if self._passed_over > LINGER_BYTES:
            self.transport.abort()

    def _wait(self, seconds: float) -> None:
        # Mostly a request comes whole, and then there is nothing to wait for.
        if self._late is None:
            self._late = self.loop.call_later(seconds, self.transport.abort)

    def _had_it(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _wait_for_reader(self) -> None:
        if self._unread is None and self.transport.get_write_buffer_size():
            self._unread = self.loop.call_later(WRITE_SECONDS, self.transport.abort)

    def _was_read(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None


def _answer(status: HTTPStatus, reason: str) -> bytes:
    body = orjson.dumps({"status": status.phrase.lower(), "reason": reason})
    later = f"retry-after: {RETRY_AFTER_SECONDS}\r\n" if status == HTTPStatus.SERVICE_UNAVAILABLE else ""
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n{later}connection: close\r\n\r\n"
    )
    return head.encode() + body
