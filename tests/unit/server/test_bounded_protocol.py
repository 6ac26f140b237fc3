"""Our replacements for parts of uvicorn do what those parts do."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import pytest
from gitdailies_server.http.bounded_protocol import BODY_COMPLETE, CONNECTION, BoundedProtocol
from gitdailies_server.http.connection_limits import ConnectionLimits
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

FIELDS = [
    (b"Host", b"relay.example"),
    (b"X-PagerDuty-Signature", b"v1=00"),
    (b"EXPECT", b"100-Continue"),
    (b"expect", b"200-ok"),
    (b"x", b""),
    (b"X", b"\xff, Twice"),
]


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field[0].decode() + field[1].decode("latin-1"))
def test_a_field_of_a_head_is_taken_as_uvicorn_takes_it(field: tuple[bytes, bytes]) -> None:
    """After one field, and after another one before it, both know the same of the request."""

    async def taken(kind: type[HttpToolsProtocol], **more: Any) -> dict[str, Any]:
        config = Config(lambda: None, log_config=None)
        config.load()
        protocol = kind(config, ServerState(), {}, **more)
        protocol.on_message_begin()
        for one in (FIELDS[0], field):
            protocol.on_header(*one)
        return {name: getattr(protocol, name) for name in ("headers", "expect_100_continue", "scope")}

    ours = taken(BoundedProtocol, connections=ConnectionLimits(8), refused=lambda *_: None)
    assert asyncio.run(ours) == asyncio.run(taken(HttpToolsProtocol))


def test_uvicorns_method_uses_only_known_names() -> None:
    """uvicorn's `on_header` uses only the names that ours replaces, so that a new one fails here."""
    names = set(HttpToolsProtocol.on_header.__code__.co_names)
    known = {"lower", "expect_100_continue", "headers", "append"}
    assert names == known, inspect.getsource(HttpToolsProtocol.on_header)


GOOD = b"POST / HTTP/1.1\r\nHost: relay.example\r\nContent-Length: 4\r\n\r\nbody"
CHUNKED = (
    b"POST / HTTP/1.1\r\nHost: relay.example\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"
)


@pytest.mark.parametrize(
    ("first", "rest", "whole"),
    [
        (GOOD, b"", [True]),
        (CHUNKED, b"", [True]),
        (GOOD[:-4], b"body", [False]),
        (GOOD[:-1], b"y", [False]),
        (CHUNKED[:-5], b"0\r\n\r\n", [False]),
        (GOOD + CHUNKED, b"", [True, True]),
        # The test does not distinguish which of the two is incomplete: an unneeded timer does no harm.
        (GOOD + GOOD[:-1], b"y", [False, False]),
    ],
)
def test_a_body_has_come_when_its_end_has(first: bytes, rest: bytes, whole: list[bool]) -> None:
    """The application learns whether the body is complete, and gets every body in any case."""
    complete: list[bool] = []
    bodies: list[bytes] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        complete.append(scope["extensions"][CONNECTION][BODY_COMPLETE]())
        parts, more = [], True
        if len(complete) == len(whole):
            reached.set()
        while more:
            message = await receive()
            parts.append(message["body"])
            more = message["more_body"]
        bodies.append(b"".join(parts))
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def run() -> None:
        config = Config(app, log_config=None)
        config.load()
        connections, state = ConnectionLimits(8), ServerState()
        server = await asyncio.get_running_loop().create_server(
            lambda: BoundedProtocol(config, state, {}, connections=connections, refused=lambda *_: None),
            "127.0.0.1",
        )
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(first)
        await asyncio.wait_for(reached.wait(), 10)
        writer.write(rest)
        for _ in whole:
            assert (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)).startswith(b"HTTP/1.1 204")
        writer.close()
        server.close()

    reached = asyncio.Event()
    asyncio.run(run())
    assert complete == whole
    assert bodies == [b"body"] * len(whole)
