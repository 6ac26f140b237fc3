"""Time limits of what mostly ends at once: one timer for all of them, and each ends in its own time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from gitdailies_relay.intake.deadlines import Deadlines

SECONDS = 0.05


@dataclass
class Item:
    """Something that ends; `ended_at` is when its time was over."""

    began_at: float
    is_over: bool = False
    ended_at: float | None = None


def test_each_ends_when_its_own_time_is_over() -> None:
    """Of items that began apart each is over after its own time, and one that ended is left alone."""

    async def run() -> list[Item]:
        loop = asyncio.get_running_loop()

        def expire(item: Item) -> None:
            item.is_over, item.ended_at = True, loop.time()

        deadlines, items = Deadlines(SECONDS, expire), []
        for _ in range(4):
            items.append(Item(loop.time()))
            deadlines.add(items[-1])
            await asyncio.sleep(SECONDS / 2)
            if len(items) == 2:
                items[1].is_over = True
        async with asyncio.timeout(30):
            while not all(item.is_over for item in items):  # noqa: ASYNC110  a timer ends them
                await asyncio.sleep(SECONDS / 10)
        return items

    first, quick, *later = asyncio.run(run())
    assert quick.ended_at is None
    for item in (first, *later):
        assert item.ended_at is not None
        assert item.ended_at - item.began_at >= SECONDS - 0.002


def test_what_ended_is_not_held_on_to() -> None:
    """Of a thousand items that ended, one after the other, only the last is still referenced."""

    async def run() -> int:
        deadlines: Deadlines[Item] = Deadlines(60, lambda _item: None)
        for _ in range(1000):
            item = Item(0)
            deadlines.add(item)
            item.is_over = True
        return len(deadlines._waiting)

    assert asyncio.run(run()) == 1
