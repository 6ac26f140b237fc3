"""Request bodies: however they are sent, no more bytes are held than the budget allows."""

import asyncio
import time
from typing import Any

from gitdailies_server.http.exchange import Exchange
from gitdailies_server.http.request_body import BodyFault, MemoryBudget, read_body

LARGEST = 1024


class Wire:
    """The connection of an exchange, which nothing is written to."""

    def resume_reading(self) -> None:
        pass


class Sender:
    """Sends a body part by part, and has what came of it."""

    def __init__(self, held: MemoryBudget, first: bytes = b"", seconds: float = 10.0) -> None:
        wire: Any = Wire()
        self.exchange = Exchange(wire, "POST", "/", b"", [], "1.1", keep_alive=True)
        self.outcome: list[bytes | BodyFault] = []
        self.exchange.add(first)
        read_body(self.exchange, held, LARGEST, seconds, self.outcome.append)

    def send(self, part: bytes, *, last: bool = False) -> None:
        self.exchange.add(part)
        self.exchange.is_complete = last
        self.exchange.change()


async def test_a_body_in_parts_is_put_together() -> None:
    """Three parts, one of them empty, are one body. The budget holds it until it is released."""
    held = MemoryBudget(10)
    sender = Sender(held, b"abc")
    sender.send(b"")
    assert sender.outcome == []
    sender.send(b"def", last=True)
    assert sender.outcome == [b"abcdef"]
    assert not held.hold(5)
    held.release(6)
    assert held.hold(10)
    assert held.full


async def test_a_body_ends_when_its_time_is_over() -> None:
    """One that comes too slowly ends once, takes no further part, and leaves its room."""
    held = MemoryBudget(10)
    sender = Sender(held, b"half", 0.02)
    async with asyncio.timeout(10):
        while not sender.outcome:  # noqa: ASYNC110  a timer ends it
            await asyncio.sleep(0.001)
    sender.send(b"rest", last=True)
    assert sender.outcome == [BodyFault.TOO_SLOW]
    assert held.hold(10)


async def test_the_oldest_part_of_a_body_makes_room() -> None:
    """Where there is no room, the body that came in part first is refused, and no later one."""
    held = MemoryBudget(20)
    first, second = Sender(held, b"12345678"), Sender(held, b"12345678")
    assert held.hold(8)
    assert (first.outcome, second.outcome) == ([BodyFault.OVERLOADED], [])
    first.send(b"9", last=True)
    assert len(first.outcome) == 1
    second.send(b"9", last=True)
    assert second.outcome == [b"123456789"]
    assert not held.hold(4)


async def test_a_body_makes_no_room_for_itself() -> None:
    """A body that finds no room for its next part is refused itself, and its room is free again."""
    held = MemoryBudget(10)
    sender = Sender(held, b"12345678")
    sender.send(b"901")
    assert sender.outcome == [BodyFault.OVERLOADED]
    assert held.hold(10)


async def test_a_new_body_gets_the_room_of_one_whose_time_is_over() -> None:
    """One that is evicted after its deadline, before its timer ran, ends once."""
    held = MemoryBudget(10)
    slow = Sender(held, b"12345678", 0.01)
    time.sleep(0.05)  # noqa: ASYNC251  its time is over when the loop comes round
    assert held.hold(8)
    await asyncio.sleep(0.02)
    assert slow.outcome == [BodyFault.OVERLOADED]


async def test_a_body_that_is_too_large_or_lost_leaves_its_room() -> None:
    """Both are refused once, with an answer of their own."""
    held = MemoryBudget(2 * LARGEST)
    large, lost = Sender(held, b"x" * LARGEST), Sender(held, b"half")
    large.send(b"x")
    lost.exchange.lose()
    assert (large.outcome, lost.outcome) == ([BodyFault.TOO_LARGE], [BodyFault.INCOMPLETE])
    assert held.hold(2 * LARGEST)
