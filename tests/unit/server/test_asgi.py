"""Applications of ASGI on our connections: what they receive, how what they send goes over the line."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from gitdailies_server.http import connection
from gitdailies_server.http.asgi import AsgiApplication

from tests.unit.server.test_http_connection import GOOD, Line, served, until

OLD = b"GET / HTTP/1.0\r\n\r\n"
GET = b"GET /a%20b?c=d HTTP/1.1\r\nHOST: relay.example\r\n\r\n"


def start(status: int = 200, *fields: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"type": "http.response.start", "status": status, "headers": list(fields)}


def body(data: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": data, "more_body": more}


def sends(*messages: dict[str, Any]) -> AsgiApplication:
    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)

    return AsgiApplication(app)


LENGTH = (b"content-length", b"4")
FRAMED = [
    (GET, [start(200, LENGTH), body(b"body")], b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nbody"),
    (
        GET,
        [start(200, LENGTH), body(b"bo", more=True), body(b"dy")],
        b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nbody",
    ),
    (
        GET,
        [start(), body(b"bo", more=True), body(b"", more=True), body(b"dy")],
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n",
    ),
    (OLD, [start(), body(b"body")], b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nbody"),
    (GET, [start(204), body(b"")], b"HTTP/1.1 204 No Content\r\n\r\n"),
    (
        GET.replace(b"GET", b"HEAD"),
        [start(200, LENGTH), body(b"body")],
        b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n",
    ),
]


@pytest.mark.parametrize(("request_", "messages", "expected"), FRAMED)
def test_an_answer_is_framed(request_: bytes, messages: list[dict[str, Any]], expected: bytes) -> None:
    """By its length, in chunks, by the end of the connection, or without a body."""

    async def check(line: Line) -> None:
        line.send(request_)
        assert await asyncio.wait_for(line.reader.readexactly(len(expected)), 10) == expected
        line.writer.write_eof()
        assert await line.end() == b""

    served(sends(*messages), check)


def test_an_application_gets_the_request() -> None:
    """The scope has what ASGI says of a request, with the names of its fields in small letters."""
    scopes: list[dict[str, Any]] = []

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        scopes.append(scope)
        await send(start(200, LENGTH))
        await send(body(b"body"))

    async def check(line: Line) -> None:
        line.send(GET)
        await line.answer()

    served(AsgiApplication(app), check)
    (scope,) = scopes
    assert scope["client"][0] == "127.0.0.1"
    assert {name: scope[name] for name in ("type", "method", "path", "query_string", "http_version")} == {
        "type": "http",
        "method": "GET",
        "path": "/a b",
        "query_string": b"c=d",
        "http_version": "1.1",
    }
    assert scope["headers"] == [(b"host", b"relay.example")]


def test_a_body_comes_in_parts_and_then_the_end_of_the_connection() -> None:
    """A large body is received as it comes. After it, `receive` waits until the sender is gone."""
    received: list[dict[str, Any]] = []

    async def app(_scope: Any, receive: Any, _send: Any) -> None:
        while not received or received[-1]["type"] != "http.disconnect":
            received.append(await receive())

    async def check(line: Line) -> None:
        line.send(GOOD[:-4].replace(b"Length: 4", b"Length: 1000000"))
        for _ in range(10):
            line.send(b"x" * 100_000)
            await line.writer.drain()
        await until(lambda: received and not received[-1]["more_body"])
        assert len(received) > 1
        assert b"".join(one["body"] for one in received) == b"x" * 1_000_000
        line.writer.transport.abort()
        await until(lambda: received[-1]["type"] == "http.disconnect")

    served(AsgiApplication(app), check)


def test_a_body_is_asked_for_once_its_request_is_first() -> None:
    """Of a request whose head alone came behind another one, the body is read when its turn comes."""
    turns = [asyncio.Event(), asyncio.Event()]
    received: list[bytes] = []

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await turns[len(received)].wait()
        received.append((await receive())["body"])
        await send(start(200, LENGTH))
        await send(body(b"body"))

    async def check(line: Line) -> None:
        line.send(GOOD + GOOD[:-4])
        await asyncio.sleep(0.02)
        line.send(b"next")
        for turn in turns:
            turn.set()
            assert (await line.answer())[1] == b"body"

    served(AsgiApplication(app), check)
    assert received == [b"body", b"next"]


def test_a_body_that_is_not_taken_stops_the_sender() -> None:
    """What waits for the application is bounded; the rest stays with the sender."""
    taking = asyncio.Event()
    sizes: list[int] = []

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await taking.wait()
        while (message := await receive())["more_body"]:
            sizes.append(len(message["body"]))
        await send(start(200, LENGTH))
        await send(body(b"body"))

    async def check(line: Line) -> None:
        line.send(GOOD[:-4].replace(b"Length: 4", b"Length: 50000000") + b"x" * 50_000_000)
        await asyncio.sleep(0.2)
        # What the system keeps of it on both sides is some megabytes.
        assert line.writer.transport.get_write_buffer_size() > 20_000_000
        taking.set()
        assert (await line.answer())[1] == b"body"

    served(AsgiApplication(app), check)
    assert max(sizes) < 1_000_000


def test_an_answer_waits_for_its_reader() -> None:
    """While nothing is read, an application that sends on and on is held, and its memory with it."""
    sent: list[int] = []

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send(start())
        for number in range(100):
            await send(body(b"x" * 1_000_000, more=True))
            sent.append(number)
        await send(body(b""))

    async def check(line: Line) -> None:
        line.writer.transport.pause_reading()  # type: ignore[attr-defined]
        line.send(GET)
        await until(lambda: sent)
        await asyncio.sleep(0.1)
        assert len(sent) < 50
        line.writer.transport.resume_reading()  # type: ignore[attr-defined]
        read = 0
        while read < 100_000_000:
            read += len(await asyncio.wait_for(line.reader.read(1 << 20), 10))

    served(AsgiApplication(app), check)


def test_an_answer_that_was_read_slowly_has_all_the_time_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """After its reader caught up, an application may think for longer than a connection is kept idle."""
    monkeypatch.setattr(connection, "KEEP_ALIVE_SECONDS", 0.1)
    part = b"x" * 20_000_000

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send(start(200, (b"content-length", b"%d" % (len(part) + 4))))
        await send(body(part, more=True))
        await send(body(b"", more=True))
        await asyncio.sleep(0.3)
        await send(body(b"last"))

    async def check(line: Line) -> None:
        line.send(GET)
        assert (await line.answer())[1].endswith(b"xlast")

    served(AsgiApplication(app), check)


FAULTY = {
    "a body without a head": [body(b"body")],
    "a head alone": [start(200, LENGTH)],
    "nothing": [],
    "a planted field": [start(200, (b"x", b"a\r\nset-cookie: b")), body(b"body")],
    "more than its length": [start(200, LENGTH), body(b"body and more")],
}


@pytest.mark.parametrize("name", FAULTY)
def test_a_fault_before_an_answer_is_500(name: str) -> None:
    """An application that breaks before it wrote anything is answered for, and nothing of it is sent."""

    async def check(line: Line) -> None:
        line.send(GET)
        head, content = await line.answer()
        assert head.startswith(b"HTTP/1.1 500 ")
        assert content == b'{"status":"internal server error","reason":"the server has a fault"}'

    served(sends(*FAULTY[name]), check)


def test_a_fault_within_an_answer_ends_the_connection() -> None:
    """Half of an answer is not taken for a whole one."""

    async def check(line: Line) -> None:
        line.send(GET)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await line.answer()

    served(sends(start(200, (b"content-length", b"100")), body(b"half", more=True)), check)
