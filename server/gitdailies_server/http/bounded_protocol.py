"""HTTP as uvicorn speaks it, with the bounds that it leaves to a proxy.

It limits the size and time of a head, the number of pipelined requests, the time that an answer may
wait to be read, and the number of connections. It answers input that is not an HTTP request.

This is the one module that uses uvicorn's internals, which may change with each version of uvicorn.
So pyproject.toml has an upper bound, and a test checks that uvicorn still has every name used here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, NamedTuple, cast

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
# The same as nginx's client_header_timeout and client_body_timeout: enough for a slow line.
HEAD_SECONDS = 60.0
BODY_SILENCE_SECONDS = 60.0
# Neither vendors nor proxies pipeline: they wait for an answer before they send the next request.
PIPELINED_REQUESTS = 16
# The bytes of unread answers stay in memory. The same as nginx's send_timeout.
WRITE_SECONDS = 60.0
# How much is still read after a refusal: a sender that is cut off while it sends may miss the reason.
LINGER_BYTES = 1024 * 1024
LINGER_SECONDS = 2.0
RETRY_AFTER_SECONDS = 5

_HEAD, _BODY, _COMPLETE = range(3)

# Keys of a scope's extensions. The application calls AUTHENTICATED once it has verified the sender, and
# BODY_COMPLETE to ask whether the whole body has arrived.
CONNECTION, AUTHENTICATED, BODY_COMPLETE = "gitdailies.connection", "authenticated", "body_complete"
NO_REQUEST = "expected a request of HTTP/1.1, got something else"
_UPGRADE_OFFERED = "upgrade: expected HTTP/1.1 alone, got an offer of another protocol"
_HEAD_TOO_LONG = f"head: expected at most {HEAD_BYTES} bytes, got more"
_TOO_MANY_FIELDS = f"head: expected at most {HEAD_FIELDS} fields, got more"
_TOO_MANY_PIPELINED = f"expected at most {PIPELINED_REQUESTS} requests before an answer is read, got more"
_NO_ROOM = "too many connections are open"


class ErrorBody(NamedTuple):
    """The body of an answer that the server gives before the application has the request."""

    media_type: str
    body: bytes


def error_in_json(status: HTTPStatus, reason: str) -> ErrorBody:
    """Return an object with the words of *status* and the reason."""
    return ErrorBody("application/json", orjson.dumps({"status": status.phrase.lower(), "reason": reason}))


class _Refused(Exception):
    """Stops the parser at a request that is refused."""


class _Flow(FlowControl):
    """Resumes reading only when no request waits; uvicorn would read on after every answer."""

    def __init__(self, transport: asyncio.Transport, pipeline: Any) -> None:
        super().__init__(transport)
        self._pipeline = pipeline

    def resume_reading(self) -> None:
        if not self._pipeline:
            super().resume_reading()


class BoundedProtocol(HttpToolsProtocol):
    """One connection. *refused* is called with the client address and the reason of a refusal.

    *error_body* makes the body of the answer.
    """

    def __init__(
        self,
        *arguments: Any,
        connections: ConnectionLimits,
        refused: Callable[[str, str], None],
        error_body: Callable[[HTTPStatus, str], ErrorBody] = error_in_json,
        **more: Any,
    ) -> None:
        super().__init__(*arguments, **more)
        self._connections = connections
        self._on_refused = refused
        self._error_body = error_body
        self._extensions: dict[str, dict[object, object]] = {
            CONNECTION: {AUTHENTICATED: self._set_authenticated, BODY_COMPLETE: self._is_body_complete}
        }
        self._progress = _HEAD
        self._waits_for_sender = True
        self._authenticated = False
        self._closing = False
        self._head_bytes = 0
        self._read_bytes = 0
        self._discarded_bytes = 0
        self._fault = (HTTPStatus.BAD_REQUEST, NO_REQUEST)
        self._timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.flow = _Flow(transport, self.pipeline)
        if self._connections.admit(self):
            self._start_timer(HEAD_SECONDS)
        else:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, _NO_ROOM)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.remove(self)
        self._closing = True
        self._stop_timer()
        self._stop_write_timer()
        # uvicorn leaves this timer running after a reset, which keeps the connection in memory.
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def evict(self) -> None:
        self._closing = True
        # Logged only. An answer may not be possible, because the request may be incomplete.
        self._on_refused(self._peer, _NO_ROOM)
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        if self._closing:
            self._discard(len(data))
            return
        continued, self._read_bytes = self._progress == _HEAD, len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self._refuse(*self._fault)
            return
        if self.pipeline and not self._connections.may_pipeline(self):
            self.evict()
        elif self._progress != _COMPLETE:
            self._wait_for_sender(continued)
        elif self.cycle is None or self.cycle.response_complete:
            # Empty lines before a request: uvicorn stopped its own timer for them.
            self._start_timer(HEAD_SECONDS)

    def on_message_begin(self) -> None:
        if len(self.pipeline) >= PIPELINED_REQUESTS:
            self._fault = (HTTPStatus.BAD_REQUEST, _TOO_MANY_PIPELINED)
            raise _Refused
        super().on_message_begin()
        self._progress, self._waits_for_sender, self._head_bytes = _HEAD, False, 0

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._progress != _HEAD:
            # A trailer after a chunked body. The application expects no such fields, so they are dropped.
            return
        if len(self.headers) >= HEAD_FIELDS:
            self._fault = (HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, _TOO_MANY_FIELDS)
            raise _Refused
        # The same as uvicorn's method does; calling it for each field would cost time.
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._stop_timer()
        # One read or a few may bring a complete head that is larger than the limit.
        if (self._waits_for_sender or self._read_bytes > HEAD_BYTES) and self._size_of_head() > HEAD_BYTES:
            self._fault = (HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, _HEAD_TOO_LONG)
            raise _Refused
        if self.parser.should_upgrade():
            # The parser would skip the body and treat the bytes after it as the other protocol.
            self._fault = (HTTPStatus.BAD_REQUEST, _UPGRADE_OFFERED)
            raise _Refused
        self._progress = _BODY
        self.scope["extensions"] = self._extensions
        super().on_headers_complete()
        # An answer to HEAD has no body to write with its head. uvicorn's cycle calls only those methods of
        # this transport that CoalescedWrites has.
        if self.scope["method"] != "HEAD":
            self.cycle.transport = cast("asyncio.Transport", CoalescedWrites(self.transport))

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._progress = _COMPLETE
        self._stop_timer()
        self._connections.server_turn(self)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._start_write_timer()
        elif not self.pipeline:
            self._connections.stop_pipelining(self)
            if self._progress == _COMPLETE:
                self._connections.sender_turn(self, authenticated=self._authenticated)

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._start_write_timer()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._start_write_timer()

    def resume_writing(self) -> None:
        self._stop_write_timer()
        super().resume_writing()

    @property
    def _peer(self) -> str:
        return self.client[0] if self.client else ""

    def _size_of_head(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    def _wait_for_sender(self, continued: bool) -> None:
        if not self._waits_for_sender:
            # Once for each request: sending a byte now and then does not reset the order of eviction.
            self._waits_for_sender = True
            self._connections.sender_turn(self, authenticated=self._authenticated)
        if self._progress == _BODY:
            # The application limits the total time of a body.
            self._stop_timer()
            self._start_timer(BODY_SILENCE_SECONDS)
            return
        self._start_timer(HEAD_SECONDS)
        if continued:
            self._head_bytes += self._read_bytes
            if self._head_bytes > HEAD_BYTES:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, _HEAD_TOO_LONG)

    def _set_authenticated(self) -> None:
        self._authenticated = True

    def _is_body_complete(self) -> bool:
        # If several requests wait for answers, only the last one can be incomplete.
        return self._progress == _COMPLETE

    def _refuse(self, status: HTTPStatus, reason: str) -> None:
        """Answer with an error and close; if an earlier request waits for its answer, send only that."""
        self._closing = True
        if self.transport.is_closing():
            return
        self._on_refused(self._peer, reason)
        last = self.cycle
        if last is not None and not last.response_complete:
            if not last.more_body:
                last.keep_alive = False
                self.flow.pause_reading()
                return
            if self.pipeline or last.response_started:
                self.transport.abort()
                return
        self.transport.write(_error_response(status, self._error_body(status, reason)))
        self.transport.write_eof()
        self._stop_timer()
        self._start_timer(LINGER_SECONDS)

    def _discard(self, size: int) -> None:
        self._discarded_bytes += size
        if self._discarded_bytes > LINGER_BYTES:
            self.transport.abort()

    def _start_timer(self, seconds: float) -> None:
        # Most requests arrive whole, and then no timer is needed.
        if self._timer is None:
            self._timer = self.loop.call_later(seconds, self.transport.abort)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start_write_timer(self) -> None:
        if self._write_timer is None and self.transport.get_write_buffer_size():
            self._write_timer = self.loop.call_later(WRITE_SECONDS, self.transport.abort)

    def _stop_write_timer(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None


def _error_response(status: HTTPStatus, error: ErrorBody) -> bytes:
    later = f"retry-after: {RETRY_AFTER_SECONDS}\r\n" if status == HTTPStatus.SERVICE_UNAVAILABLE else ""
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: {error.media_type}\r\n"
        f"content-length: {len(error.body)}\r\n{later}connection: close\r\n\r\n"
    )
    return head.encode() + error.body
