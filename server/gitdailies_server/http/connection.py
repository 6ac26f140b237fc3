"""One connection of HTTP/1.1, within bounds: requests in, answers out. httptools parses.

```
bytes → parser → Exchange → application → answer
                    └── later requests of the connection wait until it is answered
```

It limits the size and time of a head, the silence inside a body, the number of pipelined requests, the
time that an answer may wait to be read, and the number of connections. It answers what is no request of
HTTP/1.1. The application limits bodies.
"""

import asyncio
import math
from collections import deque
from collections.abc import Callable
from functools import lru_cache
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

import httptools

from gitdailies_server.http.connection_limits import ConnectionLimits
from gitdailies_server.http.exchange import ErrorBody, Exchange, date_field, head_of
from gitdailies_server.http.request_heads import NO_REQUEST, Fault, fault_of_no_method, head_fault

# Vendors send a kilobyte; nginx allows 32 KiB.
HEAD_BYTES = 64 * 1024
# Vendors send a dozen; Apache allows 100.
HEAD_FIELDS = 100
# The same as nginx's client_header_timeout and client_body_timeout: enough for a slow line.
HEAD_SECONDS = 60.0
BODY_SILENCE_SECONDS = 60.0
# Longer than proxies keep connections, so that they close them, not we: a request that meets our close is a
# 502, which GitHub never sends again. nginx and our Caddyfile keep them for 60 s, Google's load balancer for
# 600 s. When there are too many, those that idle longest are closed earlier.
KEEP_ALIVE_SECONDS = 620.0
# Neither vendors nor proxies pipeline: they wait for an answer before they send the next request.
PIPELINED_REQUESTS = 16
# The bytes of unread answers stay in memory. The same as nginx's send_timeout.
WRITE_SECONDS = 60.0
# How much is still read after a refusal: a sender that is cut off while it sends may miss the reason.
LINGER_BYTES = 1024 * 1024
# The same where the application refused a request before its body had come. Senders in chunks look for an
# answer only after all of it.
BODY_LINGER_BYTES = 32 * 1024 * 1024
LINGER_SECONDS = 2.0
BODY_LINGER_SECONDS = 10.0
# What of a body may wait for the application.
_UNREAD_BYTES = 64 * 1024
_RETRY_AFTER = (b"retry-after", b"5")

_HEAD_TOO_LONG = f"head: expected at most {HEAD_BYTES} bytes, got more"
_TOO_MANY_FIELDS = f"head: expected at most {HEAD_FIELDS} fields, got more"
_TOO_MANY_PIPELINED = f"expected at most {PIPELINED_REQUESTS} requests before an answer is read, got more"
_NO_ROOM = "too many connections are open"

# Where the parser is.
_BETWEEN_REQUESTS, _IN_HEAD, _IN_BODY = range(3)


# Senders ask for the same few addresses.
@lru_cache(64)
def _path_and_query(address: bytes) -> tuple[str, bytes]:
    url = httptools.parse_url(address)
    return unquote(url.path.decode("ascii")), url.query or b""


class _Refused(Exception):
    """Stops the parser at a request that is refused."""


class Connection(asyncio.Protocol):
    """One connection, whose requests *answer* answers.

    *refused* is called with the status, the client address and the reason of a refusal, *error_body* makes
    the body of its answer.
    """

    def __init__(
        self,
        answer: Callable[[Exchange], None],
        connections: ConnectionLimits,
        refused: Callable[[HTTPStatus, str, str], None],
        error_body: Callable[[HTTPStatus, str], ErrorBody],
    ) -> None:
        self._answer = answer
        self._connections = connections
        self._on_refused = refused
        self._error_body = error_body
        self._loop = asyncio.get_running_loop()
        self._parser = self._new_parser()
        self._place = _BETWEEN_REQUESTS
        self._url = b""
        self._fields: list[tuple[bytes, bytes]] = []
        self._head_bytes = 0
        self._data = b""
        self._discardable_bytes = LINGER_BYTES
        self._fault: Fault | None = None
        # The requests that are not answered, the first one first. The application has at most that one.
        self._exchanges: deque[Exchange] = deque()
        self._is_serving = False
        self._is_sender_noted = True
        self._is_head_limited = True
        self.is_authenticated = False
        self._is_closing = False
        self._is_reading_paused = False
        self.is_writing_paused = False
        # The connection ends at `_due`. The timer ends earlier or then; it is not set again for each request.
        self._due = math.inf
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = math.inf

    def connection_made(self, transport: Any) -> None:
        self.transport: asyncio.Transport = transport
        peer = transport.get_extra_info("peername")
        self.peer: tuple[str, int] | None = (str(peer[0]), int(peer[1])) if peer else None
        self._client = self.peer[0] if self.peer else ""
        if self._connections.admit(self):
            self._limit(HEAD_SECONDS)
        else:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, _NO_ROOM)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._connections.remove(self)
        self._is_closing = True
        if self._timer is not None:
            self._timer.cancel()
        # It refers to this object.
        self._parser = None
        while self._exchanges:
            self._exchanges.popleft().lose()

    def evict(self) -> None:
        # Logged only. An answer may not be possible, because the request may be incomplete.
        self._on_refused(HTTPStatus.SERVICE_UNAVAILABLE, self._client, _NO_ROOM)
        self.abort()

    def abort(self) -> None:
        self._is_closing = True
        self.transport.abort()

    def stop(self) -> None:
        """Close after the requests that have come are answered."""
        if self._exchanges:
            self._exchanges[-1].keep_alive = False
        else:
            self._close()

    # Reading.

    def data_received(self, data: bytes) -> None:
        if self._is_closing:
            self._discardable_bytes -= len(data)
            if self._discardable_bytes < 0:
                self.transport.abort()
            return
        was_in_head, self._data = self._place == _IN_HEAD, data
        try:
            self._parse(data)
        except httptools.HttpParserInvalidMethodError:
            self._refuse(*fault_of_no_method(data))
        except httptools.HttpParserError:
            self._refuse(*(self._fault or (HTTPStatus.BAD_REQUEST, NO_REQUEST)))
        else:
            self._note_turn(was_in_head)
        if not self._is_serving:
            self._go_on()
        elif self._exchanges:
            self._exchanges[0].change()

    def _new_parser(self) -> Any:
        parser = httptools.HttpRequestParser(self)
        # Then a request after the last one of a connection is no error that takes its answer.
        parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return parser

    def _parse(self, data: bytes) -> None:
        while True:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as offer:
                # An offer is ignored (RFC 9110, 7.8). The parser skips the body after one, so another
                # one reads the head again, without it.
                parser, (end,) = self._parser, offer.args
                line = b"%s %s HTTP/%s" % (parser.get_method(), self._url, parser.get_http_version().encode())
                kept = [b"%s: %s\r\n" % one for one in self._fields if one[0].lower() != b"upgrade"]
                data = b"%s\r\n%s\r\n%s" % (line, b"".join(kept), data[end:])
                self._parser = self._new_parser()
            else:
                return

    def eof_received(self) -> bool:
        """Return whether the connection stays open: until who closed its side alone has its answer."""
        waits = bool(self._exchanges) and self._exchanges[-1].is_complete
        if waits:
            self._exchanges[-1].keep_alive = False
        return waits

    def on_message_begin(self) -> None:
        if len(self._exchanges) > PIPELINED_REQUESTS:
            self._fault = (HTTPStatus.BAD_REQUEST, _TOO_MANY_PIPELINED)
            raise _Refused
        self._place, self._url, self._fields, self._head_bytes = _IN_HEAD, b"", [], 0
        self._is_sender_noted = False

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._place != _IN_HEAD:
            # A trailer after a chunked body. The application expects no such fields, so they are dropped.
            return
        if len(self._fields) >= HEAD_FIELDS:
            self._fault = (HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, _TOO_MANY_FIELDS)
            raise _Refused
        # Blanks around a value are no part of it (RFC 9112, 5.1). The parser leaves those at its end.
        self._fields.append((name, value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        # One read or a few may bring a complete head that is larger than the limit.
        if self._is_sender_noted or len(self._data) > HEAD_BYTES:
            size = len(self._url) + sum(len(name) + len(value) for name, value in self._fields)
            if size > HEAD_BYTES:
                self._fault = (HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, _HEAD_TOO_LONG)
                raise _Refused
        parser = self._parser
        version, method = parser.get_http_version(), parser.get_method()
        self._fault = head_fault(method, version, self._fields, self._data)
        if self._fault is not None:
            raise _Refused
        if parser.should_upgrade():
            return  # `_parse` has it read again
        path, query = _path_and_query(self._url)
        self._place, self._is_head_limited = _IN_BODY, False
        self._exchanges.append(
            Exchange(
                self,
                method.decode(),
                path,
                query,
                self._fields,
                version,
                keep_alive=version != "1.0" and parser.should_keep_alive(),
            )
        )

    def on_body(self, part: bytes) -> None:
        self._exchanges[-1].add(part)

    def on_message_complete(self) -> None:
        if self._place == _IN_HEAD:
            return  # an offer of another protocol
        self._place = _BETWEEN_REQUESTS
        self._exchanges[-1].is_complete = True
        self._connections.server_turn(self)

    def _note_turn(self, was_in_head: bool) -> None:
        """Note who has to do something now, and how long that may take."""
        exchanges = self._exchanges
        if len(exchanges) > 1:
            if not self._connections.may_pipeline(self):
                self.evict()
                return
            self._pause_reading()
        if self._place == _BETWEEN_REQUESTS and exchanges:
            if not self.is_writing_paused:
                self._due = math.inf
            return
        if not self._is_sender_noted:
            # Once for each request: sending a byte now and then does not reset the order of eviction.
            self._is_sender_noted = True
            self._connections.sender_turn(self, authenticated=self.is_authenticated)
        if self._place == _IN_BODY:
            # The application limits the total time of a body.
            self._limit(BODY_SILENCE_SECONDS)
            if exchanges[-1].size > _UNREAD_BYTES:
                self._pause_reading()
            return
        if not self._is_head_limited:
            self._is_head_limited = True
            self._limit(HEAD_SECONDS)
        if was_in_head:
            self._head_bytes += len(self._data)
            if self._head_bytes > HEAD_BYTES:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, _HEAD_TOO_LONG)

    def _pause_reading(self) -> None:
        if not self._is_reading_paused:
            self._is_reading_paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        if self._is_reading_paused and not self.transport.is_closing():
            self._is_reading_paused = False
            self.transport.resume_reading()

    # Answering.

    def write(self, data: bytes) -> None:
        """Write to the other side, unless the connection ends."""
        if not self.transport.is_closing():
            self.transport.write(data)

    def _go_on(self) -> None:
        """Give the application the request that is first now, unless answers wait to be read."""
        if self._is_serving or self.is_writing_paused or not self._exchanges:
            return
        if not self.transport.is_closing():
            self._is_serving = True
            self._answer(self._exchanges[0])

    def finish(self, exchange: Exchange) -> None:
        """Continue after the answer to *exchange*, the first request, was written."""
        if self.transport.is_closing():
            return
        exchanges = self._exchanges
        exchanges.popleft()
        self._is_serving = False
        if not exchange.is_complete:
            exchanges.clear()
            self._discardable_bytes = BODY_LINGER_BYTES
            self._linger(BODY_LINGER_SECONDS)
            return
        if not exchange.keep_alive:
            exchanges.clear()
            self._close()
            return
        if len(exchanges) <= 1:
            self._connections.stop_pipelining(self)
        if exchanges:
            self._go_on()
            return
        self.resume_reading()
        if self._place == _BETWEEN_REQUESTS:
            self._limit(KEEP_ALIVE_SECONDS)
            self._connections.sender_turn(self, authenticated=self.is_authenticated)

    def pause_writing(self) -> None:
        self._limit(WRITE_SECONDS)
        self.is_writing_paused = True

    def resume_writing(self) -> None:
        self.is_writing_paused = False
        if self._place == _IN_BODY:
            self._limit(BODY_SILENCE_SECONDS)
        elif self._exchanges:
            self._due = math.inf
        else:
            self._limit(WRITE_SECONDS if self._is_closing else KEEP_ALIVE_SECONDS)
        if self._is_serving:
            self._exchanges[0].change()
        else:
            self._go_on()

    def _refuse(self, status: HTTPStatus, reason: str) -> None:
        """Answer with an error and close; where earlier requests wait for their answers, send only those."""
        self._is_closing = True
        if self.transport.is_closing():
            return
        self._on_refused(status, self._client, reason)
        exchanges = self._exchanges
        if exchanges and not exchanges[-1].is_complete:
            if exchanges[-1].is_begun:
                self.transport.abort()
                return
            exchanges.pop().lose()
            self._is_serving = self._is_serving and bool(exchanges)
        if exchanges:
            exchanges[-1].keep_alive = False
            self._pause_reading()
            return
        error = self._error_body(status, reason)
        later = [_RETRY_AFTER] if status == HTTPStatus.SERVICE_UNAVAILABLE else []
        fields = [
            (b"content-type", error.media_type.encode()),
            (b"content-length", b"%d" % len(error.body)),
            *later,
            (b"connection", b"close"),
        ]
        self.transport.write(b"%s%s\r\n%s" % (head_of(status, fields), date_field(), error.body))
        self._linger(LINGER_SECONDS)

    # Ending.

    def _linger(self, seconds: float) -> None:
        """Close when the sender has read the answer: it may still be sending."""
        self._is_closing = True
        self.transport.write_eof()
        self.resume_reading()
        self._limit(seconds)

    def _close(self) -> None:
        self._is_closing = True
        self.transport.close()
        self._limit(WRITE_SECONDS)

    def _limit(self, seconds: float) -> None:
        """End the connection after *seconds*, unless another limit is set. An answer is to be read first."""
        if self.is_writing_paused:
            return
        self._due = self._loop.time() + seconds
        if self._due < self._timer_at:
            if self._timer is not None:
                self._timer.cancel()
            self._set_timer()

    def _set_timer(self) -> None:
        self._timer_at = self._due
        self._timer = self._loop.call_at(self._due, self._look)

    def _look(self) -> None:
        self._timer, self._timer_at = None, math.inf
        if self._loop.time() >= self._due:
            self.transport.abort()
        elif self._due < math.inf:
            self._set_timer()
