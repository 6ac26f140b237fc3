"""Request bodies: however they are sent, no more bytes are held than the budget allows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import MutableMapping
from typing import Any

import pytest
from gitdailies_relay.intake import request_body
from gitdailies_relay.intake.request_body import Body, BodyTooSlow, MemoryBudget, OutOfMemoryBudget


class Sender:
    """Hands its parts over one by one; the last is marked as such."""

    def __init__(self) -> None:
        self._parts: asyncio.Queue[tuple[bytes, bool]] = asyncio.Queue()

    def send(self, part: bytes, *, last: bool = False) -> None:
        self._parts.put_nowait((part, not last))

    async def receive(self) -> MutableMapping[str, Any]:
        part, more = await self._parts.get()
        return {"type": "http.request", "body": part, "more_body": more}


async def read(held: MemoryBudget, sender: Sender, *, arrived: bool = False) -> bytes:
    with Body(held) as body:
        return await body.read(sender.receive, arrived=arrived)


async def begun(held: MemoryBudget, slow: Sender) -> asyncio.Task[bytes]:
    """Begin to read a body with eight bytes received and the rest missing."""
    reading = asyncio.create_task(read(held, slow))
    slow.send(b"12345678")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return reading


def test_a_body_in_parts_is_put_together() -> None:
    """Three parts, one of them empty, are one body, and nothing is held when it is done."""

    async def run() -> None:
        held, sender = MemoryBudget(10), Sender()
        reading = asyncio.create_task(read(held, sender))
        for part in (b"abc", b"", b"def"):
            sender.send(part, last=part == b"def")
            await asyncio.sleep(0)
        assert await reading == b"abcdef"
        with Body(held) as other:
            held.hold(other, 10)

    asyncio.run(run())


def test_a_body_that_has_come_is_read_without_a_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that has already arrived is read even if its time limit is over."""
    monkeypatch.setattr(request_body, "BODY_SECONDS", -1.0)

    async def run() -> None:
        sender = Sender()
        sender.send(b"whole", last=True)
        assert await read(MemoryBudget(10), sender, arrived=True) == b"whole"
        with pytest.raises(BodyTooSlow):
            await read(MemoryBudget(10), sender)

    asyncio.run(run())


def test_a_body_wrongly_marked_as_arrived_has_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the last part is missing, the time limit holds as for any other body."""
    monkeypatch.setattr(request_body, "BODY_SECONDS", 0.05)

    async def run() -> None:
        sender = Sender()
        sender.send(b"half")
        with pytest.raises(BodyTooSlow):
            await asyncio.wait_for(read(MemoryBudget(10), sender, arrived=True), 10)

    asyncio.run(run())


def test_an_evicted_body_takes_no_more_bytes() -> None:
    """Bytes that arrive in the same turn as the eviction are not added to the budget."""

    async def run() -> None:
        held, slow = MemoryBudget(10), Sender()
        reading = await begun(held, slow)
        with Body(held) as other:
            slow.send(b"9", last=True)
            held.hold(other, 8)
            with pytest.raises(OutOfMemoryBudget):
                await asyncio.wait_for(reading, 10)
            held.hold(other, 2)
            with pytest.raises(OutOfMemoryBudget):
                held.hold(other, 1)

    asyncio.run(run())


def test_an_evicted_body_ends_at_once() -> None:
    """Its reader ends before the body's time limit, although no more bytes arrive."""

    async def run() -> None:
        held, slow = MemoryBudget(10), Sender()
        reading = await begun(held, slow)
        with Body(held) as other:
            held.hold(other, 8)
            done, _ = await asyncio.wait({reading}, timeout=request_body.BODY_SECONDS / 2)
            assert done
            with pytest.raises(OutOfMemoryBudget):
                reading.result()

    asyncio.run(run())


def test_a_new_body_gets_the_room_of_one_that_just_timed_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The oldest body can be evicted after its deadline, before its own timeout was raised."""
    monkeypatch.setattr(request_body, "BODY_SECONDS", 0.02)

    async def run() -> None:
        loop, held, slow = asyncio.get_running_loop(), MemoryBudget(10), Sender()
        reading = await begun(held, slow)
        room = loop.create_future()

        def comes() -> None:
            try:
                with Body(held) as other:
                    held.hold(other, 8)
                    room.set_result(reading.done())
            except Exception as fault:
                room.set_exception(fault)

        loop.call_later(request_body.BODY_SECONDS, comes)
        time.sleep(0.1)  # noqa: ASYNC251  both clocks have run out when the loop comes round
        assert await room is False
        with pytest.raises(OutOfMemoryBudget):
            await reading

    asyncio.run(run())
