"""One connection: requests in any pieces, answers in order, and what becomes of them when a side ends."""

import asyncio
import contextlib
import re
import socket
import struct
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from gitdailies_connection.addresses import Listen
from gitdailies_server.http import connection as http
from gitdailies_server.http import listener, request_heads
from gitdailies_server.http.exchange import Exchange
from gitdailies_server.http.listener import Server, address_of, bind

GOOD = b"POST /in?a=%20b HTTP/1.1\r\nHost: relay.example\r\nContent-Length: 4\r\n\r\nbody"
CHUNKED = (
    b"POST /in HTTP/1.1\r\nHost: relay.example\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"
)
PLAIN = ((b"content-type", b"text/plain"),)


class Echo:
    """An application that answers with the body, once all of it came. It notes what it was given."""

    def __init__(self) -> None:
        self.unfinished: set[asyncio.Task[None]] = set()
        self.begun: list[Exchange] = []
        self.whole: list[bool] = []
        self.lost: list[Exchange] = []

    def __call__(self, exchange: Exchange, /) -> None:
        self.begun.append(exchange)
        self.whole.append(exchange.is_complete)
        parts: list[bytes] = []

        def go_on() -> None:
            if exchange.is_lost:
                self.lost.append(exchange)
                return
            parts.append(exchange.take())
            if exchange.is_complete:
                self.answer(exchange, b"".join(parts))

        exchange.watch(go_on)
        exchange.ask_for_body()
        go_on()

    def answer(self, exchange: Exchange, body: bytes) -> None:
        exchange.answer(200, body, PLAIN)


class Refusing(Echo):
    """An application that reads no body."""

    def __call__(self, exchange: Exchange, /) -> None:
        exchange.answer(413, b"{}", PLAIN)


class Later(Echo):
    """The same, but it answers when a test calls it."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[tuple[Exchange, bytes]] = []

    def answer(self, exchange: Exchange, body: bytes) -> None:
        self.waiting.append((exchange, body))

    def go_on(self) -> None:
        exchange, body = self.waiting.pop(0)
        exchange.answer(200, body, PLAIN)


class Line:
    """A client's side of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self) -> tuple[bytes, bytes]:
        """Read one answer: its head, and its body by its length."""
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 10)
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        return head, await asyncio.wait_for(self.reader.readexactly(length), 10)

    def reset(self) -> None:
        """Break the connection. An end alone could be that of a sender who still reads."""
        own = self.writer.get_extra_info("socket")
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()

    async def end(self) -> bytes:
        """Read until the server ends the connection."""
        return await asyncio.wait_for(self.reader.read(), 10)


@contextlib.asynccontextmanager
async def served(application: Any) -> AsyncIterator[Line]:
    """Connect to a server of *application*, which ends with the block."""
    bound = bind(Listen("127.0.0.1", 0), "")
    address = address_of(bound)
    server = Server(application)
    serving = asyncio.create_task(server.serve(bound))
    line = Line(*await asyncio.open_connection(address.host, address.port))
    try:
        yield line
    finally:
        await line.close()
        server.stop()
        await asyncio.wait_for(serving, 11)


def undated(head: bytes) -> bytes:
    """Return the head of an answer without its date, which it must have."""
    rest, dates = re.subn(rb"date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n", b"", head)
    assert dates == 1
    return rest


async def until(check: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not check():  # noqa: ASYNC110  what is waited for is inside a server
            await asyncio.sleep(0.001)


@pytest.mark.parametrize(
    ("first", "rest", "whole"),
    [
        (GOOD, b"", [True]),
        (CHUNKED, b"", [True]),
        (GOOD[:-4], b"body", [False]),
        (GOOD[:-1], b"y", [False]),
        (CHUNKED[:-5], b"0\r\n\r\n", [False]),
        (GOOD + CHUNKED, b"", [True, True]),
        # The end of a body and the next request come in one read.
        (GOOD[:-1], b"y" + CHUNKED, [False, True]),
        (GOOD + GOOD[:-1], b"y", [True, False]),
    ],
)
async def test_a_body_is_whole_however_it_comes(first: bytes, rest: bytes, whole: list[bool]) -> None:
    """The application learns at once whether the body is complete, and gets every body in any case."""
    app = Echo()
    async with served(app) as line:
        line.send(first)
        await until(lambda: len(app.begun) >= whole.index(False) + 1 if False in whole else True)
        line.send(rest)
        for _ in whole:
            head, body = await line.answer()
            expected = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 4\r\n\r\n"
            assert (undated(head), body) == (expected, b"body")
    assert app.whole == whole


async def test_the_parts_of_a_request_are_told() -> None:
    """Method, decoded path, query and fields are as they came."""
    app = Echo()
    async with served(app) as line:
        line.send(GOOD.replace(b"/in?", b"/a%2fb%20c?"))
        await line.answer()
    (one,) = app.begun
    assert (one.method, one.path, one.query) == ("POST", "/a/b c", b"a=%20b")
    assert one.fields == [(b"Host", b"relay.example"), (b"Content-Length", b"4")]


async def test_a_later_request_waits_for_the_answer_before() -> None:
    """The application has one request of a connection at a time, and answers come in their order."""
    app = Later()
    async with served(app) as line:
        line.send(GOOD + GOOD.replace(b"body", b"next"))
        await until(lambda: app.waiting)
        await asyncio.sleep(0.02)
        assert len(app.begun) == 1
        app.go_on()
        assert len(app.begun) == 2
        app.go_on()
        assert [(await line.answer())[1] for _ in range(2)] == [b"body", b"next"]


@pytest.mark.parametrize(
    ("request_", "closes"),
    [
        (GOOD, False),
        (GOOD.replace(b"Host", b"Connection: close\r\nHost"), True),
        (GOOD.replace(b"1.1", b"1.0"), True),
        (GOOD.replace(b"1.1\r\n", b"1.0\r\nConnection: keep-alive\r\n"), True),
    ],
)
async def test_a_connection_is_kept_only_where_both_sides_can(request_: bytes, closes: bool) -> None:
    """HTTP/1.0 and `Connection: close` end it after the answer, which says so."""
    async with served(Echo()) as line:
        line.send(request_)
        head, _ = await line.answer()
        assert (b"connection: close" in head) is closes
        if closes:
            assert await line.end() == b""
        else:
            line.send(request_)
            assert (await line.answer())[1] == b"body"


async def test_an_answer_is_one_packet_and_that_to_head_has_no_body() -> None:
    """An answer arrives in one read. HEAD gets the head of the answer alone, with its length."""
    async with served(Echo()) as line:
        line.send(GOOD)
        assert (await asyncio.wait_for(line.reader.read(4096), 10)).endswith(b"\r\n\r\nbody")
        line.send(GOOD.replace(b"POST", b"HEAD") + GOOD)
        assert (await asyncio.wait_for(line.reader.readuntil(b"\r\n\r\n"), 10)).endswith(b"length: 4\r\n\r\n")
        assert (await line.answer())[1] == b"body"


async def test_who_waits_to_be_asked_is_asked_once() -> None:
    """A sender that expects 100 Continue is asked for its body, once; another one is not."""
    async with served(Echo()) as line:
        line.send(GOOD[:-4].replace(b"Host", b"EXPECT: 100-Continue\r\nHost"))
        asked = await asyncio.wait_for(line.reader.readuntil(b"\r\n\r\n"), 10)
        assert asked == b"HTTP/1.1 100 Continue\r\n\r\n"
        line.send(b"bo")
        await asyncio.sleep(0.02)
        line.send(b"dy")
        assert (await line.answer())[1] == b"body"
        line.send(GOOD[:-4].replace(b"Host", b"Expect: 200-ok\r\nHost"))
        await asyncio.sleep(0.02)
        line.send(b"body")
        assert (await line.answer())[0].startswith(b"HTTP/1.1 200 ")


async def test_an_answer_before_the_end_of_the_body_ends_the_connection() -> None:
    """Who is refused while it sends can go on sending, reads the answer, and sees the end."""
    async with served(Refusing()) as line:
        line.send(GOOD[:-4].replace(b"Length: 4", b"Length: 2000000") + b"x")
        head, body = await line.answer()
        assert (head.startswith(b"HTTP/1.1 413 "), b"connection: close" in head, body) == (True, True, b"{}")
        line.send(b"x" * 1_000_000)
        assert await line.end() == b""


async def test_a_sender_without_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a refusal no more than a bound is read, however long the sender goes on."""
    monkeypatch.setattr(http, "LINGER_SECONDS", 600.0)
    async with served(Refusing()) as line:
        line.send(GOOD[:-4].replace(b"Length: 4", b"Length: 2000000000"))
        await line.answer()
        with pytest.raises(ConnectionError):
            await _send_on_and_on(line)


async def _send_on_and_on(line: Line) -> None:
    for _ in range(2000):
        line.send(b"x" * 65536)
        await line.writer.drain()


async def test_a_connection_that_breaks_is_told_to_the_application() -> None:
    """While its answer is made: then the answer goes nowhere, and harms nothing."""
    app = Later()
    async with served(app) as line:
        line.send(GOOD)
        await until(lambda: app.waiting)
        line.reset()
        await until(lambda: app.lost)
        app.go_on()
    assert app.lost == app.begun


@pytest.mark.parametrize("request_", [GOOD, CHUNKED])
async def test_a_sender_that_closed_its_side_gets_its_answer(request_: bytes) -> None:
    """It is answered, then the connection ends. Within a request, such a close is the end of it."""
    app = Later()
    async with served(app) as line:
        line.send(request_)
        line.writer.write_eof()
        await until(lambda: app.waiting)
        app.go_on()
        head, body = await line.answer()
        assert (b"connection: close" in head, body, await line.end()) == (True, b"body", b"")
    async with served(app) as line:
        line.send(request_[:-2])
        line.writer.write_eof()
        assert await line.end() == b""
    assert [one.is_lost for one in app.begun] == [False, True]


OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAA\r\nHost"


@pytest.mark.parametrize("step", [1, 7, 10_000])
@pytest.mark.parametrize("offer", [OFFER, OFFER.replace(b"h2c", b"websocket")])
async def test_an_offer_of_another_protocol_is_ignored(offer: bytes, step: int) -> None:
    """Each request is answered with its own body, in whatever pieces it comes, and the connection is kept."""
    requests = [one.replace(b"Host", offer, 1) for one in (GOOD, CHUNKED, GOOD)]
    requests[2] = requests[2].replace(b"Length: 4", b"Length: 0")[:-4]
    app = Echo()
    async with served(app) as line:
        data = b"".join((*requests, GOOD))
        for at in range(0, len(data), step):
            line.send(data[at : at + step])
            await line.writer.drain()
        assert [(await line.answer())[1] for _ in range(4)] == [b"body", b"body", b"", b"body"]
    assert all(b"Upgrade" not in dict(one.fields) for one in app.begun)


async def test_garbage_inside_a_body_loses_the_request_and_is_answered() -> None:
    """The application learns that the request is lost, and the sender that it is no HTTP."""
    app = Echo()
    async with served(app) as line:
        line.send(CHUNKED.partition(b"4\r\n")[0] + b"4\r\nbody\r\n")
        await until(lambda: app.begun)
        line.send(b"zz\r\n")
        head, body = await line.answer()
        assert head.startswith(b"HTTP/1.1 400 ")
        assert request_heads.NO_REQUEST.encode() in body
        assert await line.end() == b""
    assert app.lost == app.begun


async def test_the_end_waits_for_answers_but_not_for_idle_connections() -> None:
    """A server that stops answers what it has, says that it is the last, and then ends."""
    app = Later()
    bound = bind(Listen("127.0.0.1", 0), "")
    address = address_of(bound)
    server = Server(app)
    serving = asyncio.create_task(server.serve(bound))
    lines = [Line(*await asyncio.open_connection(address.host, address.port)) for _ in range(2)]
    lines[0].send(GOOD)
    await until(lambda: app.waiting)
    server.stop()
    assert await lines[1].end() == b""
    assert not serving.done()
    app.go_on()
    head, body = await lines[0].answer()
    assert (b"connection: close" in head, body) == (True, b"body")
    await asyncio.wait_for(serving, 10)
    for line in lines:
        await line.close()
    with pytest.raises(ConnectionError):
        await asyncio.open_connection(address.host, address.port)


async def test_the_end_waits_for_no_answer_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that is never answered holds the end of a server only for a set time."""
    monkeypatch.setattr(listener, "STOP_SECONDS", 0.2)
    app = Later()
    async with served(app) as line:
        line.send(GOOD)
        await until(lambda: app.waiting)


async def test_an_idle_connection_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between requests a connection is kept for a set time, longer than for a head."""
    monkeypatch.setattr(http, "KEEP_ALIVE_SECONDS", 0.1)
    async with served(Echo()) as line:
        for _ in range(2):
            line.send(GOOD)
            await line.answer()
        assert await line.end() == b""


async def test_requests_wait_while_answers_are_not_read() -> None:
    """A sender that reads nothing has at most a few answers made for it; once it reads, all come."""

    class Large(Echo):
        def answer(self, exchange: Exchange, body: bytes) -> None:
            exchange.answer(200, body * 1_000_000, PLAIN)

    app = Large()
    async with served(app) as line:
        line.writer.transport.pause_reading()  # type: ignore[attr-defined]
        line.send(GOOD * 10)
        await until(lambda: app.begun)
        await asyncio.sleep(0.1)
        assert len(app.begun) < 10
        line.writer.transport.resume_reading()  # type: ignore[attr-defined]
        for _ in range(10):
            assert len((await line.answer())[1]) == 4_000_000
