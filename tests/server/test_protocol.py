"""What stands in for a part of uvicorn does what that part does."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import pytest
from gitdailies_server.connections import Connections
from gitdailies_server.protocol import BoundedProtocol
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

    ours = taken(BoundedProtocol, connections=Connections(8), refused=lambda *_: None)
    assert asyncio.run(ours) == asyncio.run(taken(HttpToolsProtocol))


def test_uvicorn_takes_a_field_with_nothing_but_what_stands_in_for_it() -> None:
    """uvicorn's own sets no attribute that ours does not know of; a new one shows here."""
    names = set(HttpToolsProtocol.on_header.__code__.co_names)
    known = {"lower", "expect_100_continue", "headers", "append"}
    assert names == known, inspect.getsource(HttpToolsProtocol.on_header)
