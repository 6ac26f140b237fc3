"""One request and its answer: what a connection and an application hand to each other."""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple, Protocol

import orjson

_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_CLOSE = b"connection: close\r\n"

Fields = Iterable[tuple[bytes, bytes]]


class ErrorBody(NamedTuple):
    """The body of an answer that the server gives before the application has the request."""

    media_type: str
    body: bytes


def error_in_json(status: HTTPStatus, reason: str) -> ErrorBody:
    """Return an object with the words of *status* and the reason."""
    return ErrorBody("application/json", orjson.dumps({"status": status.phrase.lower(), "reason": reason}))


def head_of(status: int, fields: Fields) -> bytes:
    """Return the head of an answer, without the empty line at its end and the date."""
    return _STATUS_LINES[status] + b"".join([b"%s: %s\r\n" % one for one in fields])


def date_field() -> bytes:
    """Return the field `Date` of an answer that is made now."""
    return _date_field(int(time.time()))


@lru_cache(1)
def _date_field(second: int) -> bytes:
    return b"date: %s\r\n" % formatdate(second, usegmt=True).encode()


# Most answers begin alike.
_known_head = lru_cache(64)(head_of)


class Application(Protocol):
    """What answers requests. The end of a server waits for the tasks that are `unfinished`."""

    unfinished: set[asyncio.Task[None]]

    def __call__(self, exchange: "Exchange", /) -> None:
        """Answer a request, now or later. Called when its head has come; raises nothing."""


class ExchangeConnection(Protocol):
    """What an exchange needs of its connection."""

    peer: tuple[str, int] | None
    transport: asyncio.Transport
    is_authenticated: bool
    is_writing_paused: bool

    def write(self, data: bytes) -> None: ...

    def resume_reading(self) -> None: ...

    def finish(self, exchange: "Exchange") -> None: ...


@dataclass(slots=True, eq=False)
class Exchange:
    """One request and its answer.

    `fields` are those of the head, as they came. `is_complete`: the whole body has come. `is_lost`: the
    connection ended before the answer did. `is_begun`: a part of the answer is written. `size` is how many
    bytes of the body wait for `take`. Without `keep_alive`, the connection ends after the answer.
    """

    _connection: ExchangeConnection
    method: str
    path: str
    query: bytes
    fields: list[tuple[bytes, bytes]]
    version: str
    keep_alive: bool
    size: int = 0
    is_complete: bool = False
    is_lost: bool = False
    is_begun: bool = False
    _parts: list[bytes] = field(default_factory=list)
    _on_change: Callable[[], None] | None = None
    _is_asked: bool = False

    # For the application.

    @property
    def peer(self) -> tuple[str, int] | None:
        """Address and port of the other side."""
        return self._connection.peer

    @property
    def may_write(self) -> bool:
        """Whether the other side has read all but a little of the answer."""
        return not self._connection.is_writing_paused

    def watch(self, on_change: Callable[[], None] | None) -> None:
        """Have *on_change* called when more of the body came, more may be written, or it is lost."""
        self._on_change = on_change

    def ask_for_body(self) -> None:
        """Have the sender send its body, if it waits for that."""
        self._connection.resume_reading()
        if not (self._is_asked or self.is_complete or self.is_begun):
            self._is_asked = True
            # In HTTP/1.0, the field is ignored (RFC 9110, 10.1.1).
            if self.version != "1.0" and self.header(b"expect").lower() == b"100-continue":
                self._connection.write(_CONTINUE)

    def header(self, name: bytes) -> bytes:
        """Return the first value of a field, whose name is in lower case; b"" where there is none."""
        return next((value for one, value in self.fields if one.lower() == name), b"")

    def take(self) -> bytes:
        """Return the part of the body that came since the last call."""
        parts, self._parts, self.size = self._parts, [], 0
        if not self.is_complete:
            self._connection.resume_reading()
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def note_authenticated(self) -> None:
        """Note that the sender proved itself: its connection is evicted last."""
        self._connection.is_authenticated = True

    def answer(self, status: int, body: bytes, fields: tuple[tuple[bytes, bytes], ...]) -> None:
        """Write a whole answer; its length is added to *fields*. One that is lost goes nowhere."""
        head = _known_head(status, fields)
        close = b"" if self.keep_alive and self.is_complete else _CLOSE
        shown = b"" if self.method == "HEAD" else body
        self.write(b"%s%scontent-length: %d\r\n%s\r\n%s" % (head, date_field(), len(body), close, shown))
        self.end()

    def write(self, data: bytes) -> None:
        """Write a part of an answer, as it goes over the line."""
        if not self.is_lost:
            self.is_begun = True
            self._connection.write(data)

    def end(self) -> None:
        """End the answer."""
        self._on_change = None
        if not self.is_lost:
            self._connection.finish(self)

    def abort(self) -> None:
        """End the connection within an answer, which shows the other side that the answer is incomplete."""
        self._connection.transport.abort()

    # For the connection.

    def add(self, part: bytes) -> None:
        """Add a part of the body."""
        self._parts.append(part)
        self.size += len(part)

    def change(self) -> None:
        """Tell the application that something changed."""
        if self._on_change is not None:
            self._on_change()

    def lose(self) -> None:
        """Note that the connection ended."""
        self.is_lost = True
        self.change()
