"""Writing answers: which parts are written together, and which are not delayed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from gitdailies_server.http.coalesced_writes import CoalescedWrites

HEAD = b"HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\n"


class Wire:
    """A transport that notes what is done to it."""

    def __init__(self) -> None:
        self.done: list[bytes | str] = []
        self.write: Callable[[bytes], None] = self.done.append

    def close(self) -> None:
        self.done.append("closed")

    def is_closing(self) -> bool:
        return "closed" in self.done


@pytest.fixture
def wire() -> Wire:
    return Wire()


def joined(wire: Any) -> CoalescedWrites:
    return CoalescedWrites(wire)


def test_head_and_body_are_one_write(wire: Wire) -> None:
    """The head is written with the first part of the body, and later parts as they come."""
    transport = joined(wire)
    for part in (HEAD, b"{}", b"more"):
        transport.write(part)
    assert wire.done == [HEAD + b"{}", b"more"]


def test_a_head_without_a_body_goes_out_before_the_end(wire: Wire) -> None:
    """An application that breaks between head and body is cut after its head, as without the join."""
    transport = joined(wire)
    transport.write(HEAD)
    transport.close()
    assert (wire.done, transport.is_closing()) == ([HEAD, "closed"], True)


def test_who_waits_to_be_asked_on_is_asked_at_once(wire: Wire) -> None:
    """100 Continue is written at once, because the sender waits for it."""
    transport = joined(wire)
    transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    transport.write(HEAD)
    transport.write(b"{}")
    assert wire.done == [b"HTTP/1.1 100 Continue\r\n\r\n", HEAD + b"{}"]


def test_an_answer_without_a_body_is_sent(wire: Wire) -> None:
    """An empty body is a write as well, so that a head never stays behind."""
    transport = joined(wire)
    transport.write(HEAD)
    transport.write(b"")
    assert wire.done == [HEAD]


@pytest.mark.parametrize(("method", "end"), [("GET", b"\r\n\r\n{}"), ("HEAD", b"\r\n\r\n")])
def test_a_server_answers_in_one_packet(method: str, end: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer of a real server arrives in one read. The answer to HEAD is a head alone."""
    from gitdailies_connection.addresses import Listen
    from gitdailies_server.http.listener import Server, address_of, bind

    monkeypatch.setattr("gitdailies_server.http.listener.STOP_SECONDS", 1)

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await asyncio.sleep(0.01)
        await send({"type": "http.response.body", "body": b"{}"})

    async def run() -> bytes:
        listener = bind(Listen("127.0.0.1", 0), "")
        server = Server(app)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        address = address_of(listener)
        reader, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(f"{method} / HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        first = await asyncio.wait_for(reader.read(4096), 10)
        writer.close()
        await writer.wait_closed()
        server.stop()
        await serving
        listener.close()
        return first

    assert asyncio.run(run()).endswith(end)
