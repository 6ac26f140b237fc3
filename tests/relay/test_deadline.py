"""Deadlines: one timer for all of one length."""

from __future__ import annotations

import asyncio

import pytest
from gitdailies_relay.deadline import Deadline, Deadlines

SECONDS = 0.05


def test_each_block_ends_when_its_own_time_is_over() -> None:
    """Of blocks that began apart each ends after its own time, and one that was quick is left alone."""

    async def block(deadlines: Deadlines, began_after: float, needs: float) -> float:
        await asyncio.sleep(began_after)
        loop = asyncio.get_running_loop()
        began_at = loop.time()
        try:
            with Deadline(deadlines):
                await asyncio.sleep(needs)
        except TimeoutError:
            return loop.time() - began_at
        return 0.0

    async def run() -> list[float]:
        deadlines = Deadlines(SECONDS)
        blocks = [block(deadlines, n * SECONDS / 2, 0 if n == 1 else 60) for n in range(4)]
        return await asyncio.wait_for(asyncio.gather(*blocks), 30)

    first, quick, *later = asyncio.run(run())
    assert quick == 0.0
    assert all(lasted >= SECONDS - 0.002 for lasted in (first, *later))


def test_a_deadline_leaves_alone_who_is_asked_to_end_by_others() -> None:
    """A task that somebody else cancels inside a block is cancelled, and not told of a time that is over."""

    async def run() -> None:
        async def block() -> None:
            with Deadline(Deadlines(60)):
                await asyncio.sleep(60)

        task = asyncio.create_task(block())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
