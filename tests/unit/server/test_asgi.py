"""Applications of ASGI on our connections: what they receive, how what they send goes over the line."""

import asyncio
from typing import Any

import pytest
from gitdailies_server.http import connection
from gitdailies_server.http.asgi import AsgiApplication, body_of
from gitdailies_server.http.request_body import BodyFault

from tests.unit.server.test_http_connection import GOOD, served, undated, until

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
OK, FOUR = b"HTTP/1.1 200 OK\r\n", b"content-length: 4\r\n\r\n"
FRAMED = [
    (GET, [start(200, LENGTH), body(b"body")], OK + FOUR + b"body"),
    (GET, [start(200, LENGTH), body(b"bo", more=True), body(b"dy")], OK + FOUR + b"body"),
    (
        GET,
        [start(), body(b"bo", more=True), body(b"", more=True), body(b"dy")],
        OK + b"transfer-encoding: chunked\r\n\r\n2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n",
    ),
    (OLD, [start(), body(b"body")], OK + b"connection: close\r\n\r\nbody"),
    (GET, [start(204), body(b"")], b"HTTP/1.1 204 No Content\r\n\r\n"),
    (GET.replace(b"GET", b"HEAD"), [start(200, LENGTH), body(b"body")], OK + FOUR),
]


@pytest.mark.parametrize(("request_", "messages", "expected"), FRAMED)
async def test_an_answer_is_framed(request_: bytes, messages: list[dict[str, Any]], expected: bytes) -> None:
    """By its length, in chunks, by the end of the connection, or without a body."""
    async with served(sends(*messages)) as line:
        line.send(request_)
        head = await asyncio.wait_for(line.reader.readuntil(b"\r\n\r\n"), 10)
        line.writer.write_eof()
        assert undated(head) + await line.end() == expected


async def test_a_body_is_read_as_a_whole_and_then_comes_the_end() -> None:
    """A large body is put together. `receive` waits until the answer is made or the sender is gone."""
    read: list[bytes | BodyFault] = []
    ends: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        read.append(await body_of(scope, 1_000_000, 10))
        if len(read) == 1:
            await send(start(200, LENGTH))
            await send(body(b"body"))
        ends.append((await receive())["type"])

    async with served(AsgiApplication(app)) as line:
        large = GOOD[:-4].replace(b"Length: 4", b"Length: 1000000") + b"x" * 1_000_000
        line.send(large)
        await line.answer()
        line.send(large[:-1])
        await asyncio.sleep(0.05)
        await line.close()
        await until(lambda: len(ends) == 2)
    assert read == [b"x" * 1_000_000, BodyFault.INCOMPLETE]
    assert ends == ["http.disconnect"] * 2


async def test_a_body_that_is_not_taken_stops_the_sender() -> None:
    """What waits for the application is bounded; the rest stays with the sender."""
    taking = asyncio.Event()

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        await taking.wait()
        assert len(await body_of(scope, 50_000_000, 10)) == 50_000_000  # type: ignore[arg-type]
        await send(start(200, LENGTH))
        await send(body(b"body"))

    async with served(AsgiApplication(app)) as line:
        line.send(GOOD[:-4].replace(b"Length: 4", b"Length: 50000000") + b"x" * 50_000_000)
        await asyncio.sleep(0.2)
        # What the system keeps of it on both sides is some megabytes.
        assert line.writer.transport.get_write_buffer_size() > 20_000_000
        taking.set()
        assert (await line.answer())[1] == b"body"


async def test_an_answer_waits_for_its_reader() -> None:
    """While nothing is read, an application that sends on and on is held, and its memory with it."""
    sent: list[int] = []

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send(start())
        for number in range(100):
            await send(body(b"x" * 1_000_000, more=True))
            sent.append(number)

    async with served(AsgiApplication(app)) as line:
        line.writer.transport.pause_reading()  # type: ignore[attr-defined]
        line.send(GET)
        await until(lambda: sent)
        await asyncio.sleep(0.1)
        assert len(sent) < 50
        line.writer.transport.abort()


async def test_an_answer_that_was_read_slowly_has_all_the_time_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """After its reader caught up, an application may think for longer than a connection is kept idle."""
    monkeypatch.setattr(connection, "KEEP_ALIVE_SECONDS", 0.1)
    part = b"x" * 20_000_000

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send(start(200, (b"content-length", b"%d" % (len(part) + 4))))
        await send(body(part, more=True))
        await send(body(b"", more=True))
        await asyncio.sleep(0.3)
        await send(body(b"last"))

    async with served(AsgiApplication(app)) as line:
        line.send(GET)
        assert (await line.answer())[1].endswith(b"xlast")


FAULTY = {
    "a body without a head": [body(b"body")],
    "a head alone": [start(200, LENGTH)],
    "nothing": [],
    "a planted field": [start(200, (b"x", b"a\r\nset-cookie: b")), body(b"body")],
    "more than its length": [start(200, LENGTH), body(b"body and more")],
}


@pytest.mark.parametrize("name", FAULTY)
async def test_a_fault_before_an_answer_is_500(name: str) -> None:
    """An application that breaks before it wrote anything is answered for, and nothing of it is sent."""
    async with served(sends(*FAULTY[name])) as line:
        line.send(GET)
        head, content = await line.answer()
        assert head.startswith(b"HTTP/1.1 500 ")
        assert content == b'{"status":"internal server error","reason":"the server has a fault"}'


async def test_a_fault_within_an_answer_ends_the_connection() -> None:
    """Half of an answer is not taken for a whole one."""
    async with served(sends(start(200, (b"content-length", b"100")), body(b"half", more=True))) as line:
        line.send(GET)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await line.answer()
