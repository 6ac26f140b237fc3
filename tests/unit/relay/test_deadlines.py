"""Timeouts of futures: one timer for all of them, and each ends in its own time."""

from __future__ import annotations

import asyncio

import pytest
from gitdailies_relay.intake.deadlines import FutureTimeouts

SECONDS = 0.05


def test_each_future_ends_when_its_own_time_is_over() -> None:
    """Of futures that were given apart each is over after its own time, and one that came is left alone."""

    async def waited(patience: FutureTimeouts, after: float, comes: bool) -> float | str:
        await asyncio.sleep(after)
        loop = asyncio.get_running_loop()
        began_at, future = loop.time(), loop.create_future()
        if comes:
            loop.call_later(SECONDS / 5, future.set_result, "it came")
        try:
            return str(await patience.limit(future))
        except TimeoutError:
            return loop.time() - began_at

    async def run() -> list[float | str]:
        patience = FutureTimeouts(SECONDS)
        waits = [waited(patience, n * SECONDS / 2, comes=n == 1) for n in range(4)]
        return await asyncio.wait_for(asyncio.gather(*waits), 30)

    first, quick, *later = asyncio.run(run())
    assert quick == "it came"
    assert all(isinstance(lasted, float) and lasted >= SECONDS - 0.002 for lasted in (first, *later))


def test_a_cancelled_future_gets_no_timeout() -> None:
    """A future that was cancelled before its deadline stays cancelled, and later ones still time out."""

    async def run() -> None:
        loop, patience = asyncio.get_running_loop(), FutureTimeouts(SECONDS)
        left, waiting = patience.limit(loop.create_future()), patience.limit(loop.create_future())
        left.cancel()
        await asyncio.wait({waiting}, timeout=30)
        assert left.cancelled()
        assert waiting.done()
        with pytest.raises(TimeoutError):
            waiting.result()

    asyncio.run(run())


def test_what_came_is_not_held_on_to() -> None:
    """Of a thousand futures that ended, one after the other, only the last is still referenced."""

    async def run() -> int:
        loop, patience = asyncio.get_running_loop(), FutureTimeouts(60)
        for number in range(1000):
            future = patience.limit(loop.create_future())
            future.set_result(number)
            assert await future == number
        return len(patience._waiting)

    assert asyncio.run(run()) == 1
