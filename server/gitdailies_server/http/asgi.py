"""Serves an application of ASGI 3: a task for each request. Lifespan and WebSocket are not offered.

An application reads the body of a request with `body_of`, within limits. `receive` tells only the end.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any

import structlog

from gitdailies_server.http.exchange import ErrorBody, Exchange, date_field, error_in_json, head_of
from gitdailies_server.http.request_body import BodyFault, MemoryBudget, read_body
from gitdailies_server.logging.setup import describe_error

LOG = structlog.get_logger("gitdailies.server")

Message = MutableMapping[str, Any]
AsgiApp = Callable[
    [MutableMapping[str, Any], Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]],
    Awaitable[None],
]

# What a field of an answer may not hold: it could end the field and begin another.
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_NO_BODY = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
# What the bodies of all requests may hold at once: eight of the largest lists of events.
BODIES_BYTES = 64 * 1024 * 1024
_READ = "gitdailies.read"


async def body_of(scope: MutableMapping[str, Any], largest: int, seconds: float) -> bytes | BodyFault:
    """Return the body of a request, or why there is none.

    It has at most *largest* bytes, which come within *seconds*. It counts as held until the answer.
    """
    body: bytes | BodyFault = await scope["extensions"][_READ](largest, seconds)
    return body


class AsgiApplication:
    """Calls *app* for each request. *error_body* makes the body of the answer where it raises."""

    def __init__(
        self, app: AsgiApp, error_body: Callable[[HTTPStatus, str], ErrorBody] = error_in_json
    ) -> None:
        self._app = app
        self._error_body = error_body
        self._budget = MemoryBudget(BODIES_BYTES)
        self.unfinished: set[asyncio.Task[None]] = set()

    def __call__(self, exchange: Exchange, /) -> None:
        task = asyncio.get_running_loop().create_task(self._answer(exchange))
        self.unfinished.add(task)
        task.add_done_callback(self.unfinished.discard)

    async def _answer(self, exchange: Exchange) -> None:
        request = _Request(exchange, self._budget)
        try:
            await self._app(_scope(exchange, request), request.receive, request.send)
            fault = "" if request.is_answered or exchange.is_lost else "its answer has no end"
        except Exception as error:  # noqa: BLE001  a fault of one request must not end the server
            fault = describe_error(error)
        finally:
            self._budget.release(request.held)
        if not fault:
            return
        LOG.error("request not handled", path=exchange.path, reason=fault)
        if exchange.is_begun:
            exchange.abort()
        elif not request.is_answered:
            media_type, body = self._error_body(HTTPStatus.INTERNAL_SERVER_ERROR, "the server has a fault")
            exchange.answer(500, body, ((b"content-type", media_type.encode()),))


def _scope(exchange: Exchange, request: "_Request") -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": exchange.version,
        "method": exchange.method,
        "scheme": "http",
        "path": exchange.path,
        "query_string": exchange.query,
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in exchange.fields],
        "client": exchange.peer,
        "server": None,
        "extensions": {_READ: request.read},
    }


class _Request:
    """What an application receives and sends for one request."""

    def __init__(self, exchange: Exchange, budget: MemoryBudget) -> None:
        self.is_answered = False
        # Bytes of its body, in the budget.
        self.held = 0
        self._exchange = exchange
        self._budget = budget
        self._changed = asyncio.Event()
        self._head = b""
        self._has_body = True
        self._is_chunked = False
        # How many bytes of the body are to come, where that is known.
        self._left: int | None = None
        exchange.watch(self._changed.set)

    async def read(self, largest: int, seconds: float) -> bytes | BodyFault:
        come: asyncio.Future[bytes | BodyFault] = asyncio.get_running_loop().create_future()
        read_body(
            self._exchange,
            self._budget,
            largest,
            seconds,
            lambda body: None if come.done() else come.set_result(body),
        )
        try:
            body = await come
        finally:
            self._exchange.watch(self._changed.set)
        if isinstance(body, bytes):
            self.held += len(body)
        return body

    async def receive(self) -> Message:
        await self._until(lambda: self.is_answered or self._exchange.is_lost)
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        exchange = self._exchange
        await self._until(lambda: exchange.may_write or exchange.is_lost)
        if exchange.is_lost:
            return
        if message["type"] == "http.response.start":
            self._begin(message["status"], list(message.get("headers", [])))
            return
        if self.is_answered or not (self._head or exchange.is_begun):
            raise RuntimeError("expected a body between the head and the end of an answer")
        more = message.get("more_body", False)
        # Written with the head: each write costs a system call, and wakes the reader.
        head, self._head = self._head, b""
        exchange.write(head + self._framed(message.get("body", b""), more))
        if not more:
            if self._left:
                raise RuntimeError(f"expected {self._left} more bytes of a body, got its end")
            self.is_answered = True
            self._changed.set()
            exchange.end()

    def _begin(self, status: int, fields: list[tuple[bytes, bytes]]) -> None:
        exchange = self._exchange
        if any(_CONTROL.search(value) for _, value in fields):
            raise RuntimeError("expected fields without control characters, got one")
        given = {name.lower(): value for name, value in fields}
        self._has_body = exchange.method != "HEAD" and status not in _NO_BODY
        if not self._has_body:
            pass
        elif b"content-length" in given:
            self._left = int(given[b"content-length"])
        elif exchange.version == "1.1":
            self._is_chunked = True
            fields.append((b"transfer-encoding", b"chunked"))
        else:
            exchange.keep_alive = False
        if not exchange.is_complete:
            exchange.keep_alive = False
        if not exchange.keep_alive:
            fields.append((b"connection", b"close"))
        self._head = b"%s%s\r\n" % (head_of(status, fields), date_field())

    def _framed(self, body: bytes, more: bool) -> bytes:
        """Return a part of the body as it goes over the line."""
        if not self._has_body:
            return b""
        if self._is_chunked:
            chunk = b"%x\r\n%s\r\n" % (len(body), body) if body else b""
            return chunk if more else chunk + b"0\r\n\r\n"
        if self._left is not None:
            self._left -= len(body)
            if self._left < 0:
                raise RuntimeError("expected no more of a body than its length, got more")
        return body

    async def _until(self, condition: Callable[[], object]) -> None:
        while not condition():
            self._changed.clear()
            await self._changed.wait()
