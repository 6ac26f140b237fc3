"""The internals of uvicorn that the server uses. A version of uvicorn that changes one fails here."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import gitdailies_server.http.bounded_protocol
import pytest
import uvicorn
from gitdailies_server.http.bounded_protocol import BoundedProtocol
from gitdailies_server.http.coalesced_writes import CoalescedWrites
from gitdailies_server.http.connection_limits import ConnectionLimits
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

REQUEST = b"POST /hook HTTP/1.1\r\nHost: relay.example\r\nContent-Length: 4\r\n\r\nbody"

# What is used of a connection, of its cycle (one request and its answer), and of its flow.
INSIDE = {
    "self": {
        "_unset_keepalive_if_required",
        "client",
        "cycle",
        "expect_100_continue",
        "flow",
        "headers",
        "loop",
        "parser",
        "pipeline",
        "scope",
        "transport",
        "url",
    },
    "cycle": {"keep_alive", "more_body", "response_complete", "response_started", "transport"},
    "flow": {"pause_reading"},
}
OVERRIDDEN = {
    "__init__",
    "connection_lost",
    "connection_made",
    "data_received",
    "on_header",
    "on_headers_complete",
    "on_message_begin",
    "on_message_complete",
    "on_response_complete",
    "pause_writing",
    "resume_writing",
    "timeout_keep_alive_handler",
}


class Wire(asyncio.Transport):
    """A transport that records its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.calls: list[str] = []

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return "close" in self.calls

    def close(self) -> None:
        self.calls.append("close")

    def pause_reading(self) -> None:
        self.calls.append("pause")

    def resume_reading(self) -> None:
        self.calls.append("resume")


class Application:
    """Answers each request with two bytes, once it is let."""

    def __init__(self) -> None:
        self.may = asyncio.Semaphore(0)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.may.acquire()
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await self.may.acquire()
        await send({"type": "http.response.body", "body": b"{}"})


Check = Callable[[HttpToolsProtocol, Wire, Application], Awaitable[None]]


def connected(check: Check) -> None:
    """Run *check* with uvicorn's own protocol on a connection that has just been made."""

    async def run() -> None:
        application, wire = Application(), Wire()
        config = Config(application, log_config=None)
        config.load()
        protocol = HttpToolsProtocol(config, ServerState(), {})
        protocol.connection_made(wire)
        await check(protocol, wire, application)
        protocol.connection_lost(None)

    asyncio.run(run())


async def let(application: Application, steps: int = 2) -> None:
    """Let answers take *steps* more steps; each answer has two, its head and its body."""
    for _ in range(steps):
        application.may.release()
        for _ in range(5):
            await asyncio.sleep(0)


def used(where: str) -> set[str]:
    """Name the attributes of `self`, of `self.cycle` or of `self.flow` that BoundedProtocol uses."""
    (kind,) = ast.parse(inspect.getsource(BoundedProtocol)).body
    nodes = [node for node in ast.walk(kind) if isinstance(node, ast.Attribute)]
    if where == "self":
        return {node.attr for node in nodes if isinstance(node.value, ast.Name) and node.value.id == "self"}
    # The cycle is also known as `last`.
    names = {"cycle": {"cycle", "last"}, "flow": {"flow"}}[where]
    return {
        node.attr
        for node in nodes
        if (isinstance(node.value, ast.Attribute) and node.value.attr in names)
        or (isinstance(node.value, ast.Name) and node.value.id in names)
    }


@pytest.mark.parametrize("where", INSIDE)
def test_uvicorn_has_what_is_used_of_it(where: str) -> None:
    """The table names all that the protocol uses, and uvicorn's own objects have it."""

    async def check(protocol: HttpToolsProtocol, _wire: Wire, application: Application) -> None:
        ours = BoundedProtocol(
            protocol.config, ServerState(), {}, connections=ConnectionLimits(8), refused=lambda *_: None
        )
        assert used(where) - (set(dir(ours)) - set(dir(protocol))) == INSIDE[where]
        protocol.data_received(REQUEST)
        holder = {"self": protocol, "cycle": protocol.cycle, "flow": protocol.flow}[where]
        assert {name for name in INSIDE[where] if not hasattr(holder, name)} == set()
        await let(application)

    connected(check)


def test_every_overridden_method_exists() -> None:
    """Each overridden method exists in uvicorn's protocol, flow control or server."""
    ours = {name for name, value in vars(BoundedProtocol).items() if inspect.isfunction(value)}
    theirs = {name for name, value in vars(HttpToolsProtocol).items() if inspect.isfunction(value)}

    assert ours & theirs == OVERRIDDEN
    assert inspect.isfunction(FlowControl.resume_reading)
    assert inspect.iscoroutinefunction(uvicorn.Server.startup)
    assert inspect.isgeneratorfunction(inspect.unwrap(uvicorn.Server.capture_signals))


def test_a_cycle_asks_its_transport_for_no_more_than_joined_writes_have() -> None:
    """The transport of one answer is replaced by one that has three methods."""
    asked = {
        node.attr
        for node in ast.walk(ast.parse(inspect.getsource(RequestResponseCycle)))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Attribute)
        and node.value.attr == "transport"
    }

    assert asked == {name for name in vars(CoalescedWrites) if name.islower() and not name.startswith("_")}


def test_an_answer_is_written_to_the_transport_of_its_cycle() -> None:
    """Its head and its body come one after the other; whether it began and ended is known at each step."""

    async def check(protocol: HttpToolsProtocol, wire: Wire, application: Application) -> None:
        instead = Wire()
        protocol.data_received(REQUEST[:-1])
        cycle = protocol.cycle
        cycle.transport = instead
        assert (cycle.more_body, cycle.response_started, cycle.response_complete) == (True, False, False)
        protocol.data_received(REQUEST[-1:])
        assert (cycle.more_body, cycle.keep_alive) == (False, True)
        await let(application, 1)
        assert (cycle.response_started, cycle.response_complete) == (True, False)
        await let(application, 1)
        assert (cycle.response_started, cycle.response_complete) == (True, True)
        assert [part[-4:] for part in instead.written] == [b"\r\n\r\n", b"{}"]
        assert (wire.written, instead.calls) == ([], [])

    connected(check)


def test_an_answer_that_is_to_be_the_last_ends_the_connection() -> None:
    """`keep_alive` may be taken back until the answer begins."""

    async def check(protocol: HttpToolsProtocol, wire: Wire, application: Application) -> None:
        protocol.data_received(REQUEST)
        protocol.cycle.keep_alive = False
        await let(application)
        assert wire.calls == ["close"]

    connected(check)


def test_requests_that_came_ahead_wait_in_the_pipeline() -> None:
    """`cycle` is the last of them, reading pauses, and each answer calls for more while some still wait."""

    async def check(protocol: HttpToolsProtocol, wire: Wire, application: Application) -> None:
        pipeline = protocol.pipeline
        protocol.data_received(REQUEST * 3)
        assert (len(pipeline), pipeline[0][0] is protocol.cycle) == (2, True)
        assert wire.calls == ["pause"]
        await let(application)
        assert (len(pipeline), wire.calls) == (1, ["pause", "resume"])
        await let(application)
        await let(application)
        assert protocol.pipeline is pipeline
        assert (len(pipeline), protocol.cycle.response_complete) == (0, True)

    connected(check)


def test_an_idle_connection_has_a_clock_that_can_be_stopped() -> None:
    """After an answer uvicorn's clock runs; when it ends, the connection is closed."""

    async def check(protocol: HttpToolsProtocol, wire: Wire, application: Application) -> None:
        protocol.data_received(REQUEST)
        await let(application)
        clock = protocol.timeout_keep_alive_task
        assert clock is not None
        protocol._unset_keepalive_if_required()
        assert clock.cancelled()
        protocol.timeout_keep_alive_handler()
        assert wire.calls == ["close"]

    connected(check)


def test_a_head_is_gathered_in_the_connection() -> None:
    """An unfinished head is in the protocol, without its last field; a whole one is in the scope."""

    async def check(protocol: HttpToolsProtocol, _wire: Wire, application: Application) -> None:
        head, _, body = REQUEST.partition(b"\r\n\r\n")
        protocol.data_received(head + b"\r\nExpect: 100-continue\r\n")
        assert (protocol.url, len(protocol.headers), protocol.cycle) == (b"/hook", 2, None)
        protocol.data_received(b"\r\n" + body)
        assert protocol.scope["headers"] is protocol.headers
        assert protocol.scope["method"] == "POST"
        assert protocol.expect_100_continue
        assert "extensions" not in protocol.scope
        await let(application)

    connected(check)


def test_one_module_uses_the_internals_of_uvicorn() -> None:
    """Every other module of ours imports uvicorn itself at most."""
    inside = Path(gitdailies_server.http.bounded_protocol.__file__)
    root = next(folder for folder in inside.parents if (folder / "pyproject.toml").is_file())
    deep = re.compile(r"^\s*(from|import) uvicorn\.", re.MULTILINE)
    found = [path for path in root.glob("*/gitdailies_*/**/*.py") if deep.search(path.read_text("utf-8"))]

    assert found == [inside]
