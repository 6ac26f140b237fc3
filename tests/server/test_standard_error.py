"""Lines on standard error: in order, whole, soon, and never a reason to stop."""

from __future__ import annotations

import asyncio
import io
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from gitdailies_server import standard_error
from gitdailies_server.standard_error import StandardError

PIPE_BYTES = 4096


class Raw(io.RawIOBase):
    """Notes each write as the kernel would see it; from the moment *full* is set none succeeds."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.full = False

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if self.full:
            raise OSError(28, "No space left on device")
        self.writes.append(bytes(data))
        return len(data)


@pytest.fixture
def raw(monkeypatch: pytest.MonkeyPatch) -> Raw:
    """What the module takes for standard error; pytest has the real one, and changes it amid a test."""
    raw = Raw()
    out = io.TextIOWrapper(io.BufferedWriter(raw))
    monkeypatch.setattr(standard_error, "sys", SimpleNamespace(stderr=out))
    return raw


def test_lines_of_one_turn_are_written_in_order_in_pieces_that_a_pipe_takes_whole(raw: Raw) -> None:
    """Nothing before the turn is over, then whole lines, few writes, none of them over 4096 bytes."""
    out = StandardError()
    lines = [b"%d " % number + b"x" * (number * 7 % 900) for number in range(100)]

    async def turns() -> None:
        for line in lines[:60]:
            out.info(line)
        assert raw.writes == []
        await asyncio.sleep(0)
        assert b"".join(raw.writes) == b"".join(line + b"\n" for line in lines[:60])
        for line in lines[60:]:
            out.warning(line)

    asyncio.run(turns())
    assert b"".join(raw.writes).splitlines() == lines
    assert len(raw.writes) < 20
    assert all(piece.endswith(b"\n") and len(piece) <= PIPE_BYTES for piece in raw.writes)


def test_an_error_is_written_at_once_behind_what_came_before(raw: Raw) -> None:
    """Whatever becomes of the process afterwards, an error and what led to it are there."""
    out = StandardError()

    async def turn() -> None:
        out.info(b"before")
        out.error(b"fault")
        assert raw.writes == [b"before\nfault\n"]

    asyncio.run(turn())


def test_a_line_from_where_no_event_loop_runs_is_written_at_once(raw: Raw) -> None:
    """A thread's line takes with it what a turn has not written yet; none comes twice."""
    out = StandardError()

    async def turn() -> None:
        out.info(b"one")
        thread = threading.Thread(target=out.info, args=(b"two",))
        thread.start()
        thread.join()
        assert raw.writes == [b"one\ntwo\n"]

    asyncio.run(turn())
    out.info(b"three")
    assert raw.writes == [b"one\ntwo\n", b"three\n"]


def test_a_loop_that_ended_before_it_wrote_loses_nothing(raw: Raw) -> None:
    """The next line, or the end of the process, writes what an event loop left behind."""
    out = StandardError()

    def log_and_stop() -> None:
        out.info(b"left")
        loop.stop()

    loop = asyncio.new_event_loop()
    loop.call_soon(log_and_stop)
    loop.run_forever()
    loop.close()
    assert raw.writes == []

    async def log() -> None:
        out.info(b"next")

    asyncio.run(log())
    assert b"".join(raw.writes) == b"left\nnext\n"


def test_a_disk_that_is_full_stops_nobody(raw: Raw) -> None:
    """What cannot be written is given up; what comes when there is room again is written."""
    out = StandardError()
    raw.full = True
    out.info(b"lost")
    out.error(b"lost too")
    assert raw.writes == []
    raw.full = False
    out.info(b"here")

    # The buffer of the stream still has what failed, and brings it along.
    assert raw.writes[-1].endswith(b"here\n")


def test_threads_that_log_together_lose_no_line_and_double_none(raw: Raw) -> None:
    """Four threads and an event loop log 4,000 lines; each arrives once, those of one thread in order."""
    out = StandardError()

    def lines(name: int) -> list[bytes]:
        return [b"%d-%d" % (name, number) for number in range(800)]

    def log(name: int) -> None:
        for line in lines(name):
            out.info(line)

    async def turns() -> None:
        for number, line in enumerate(lines(4)):
            out.info(line)
            if number % 7 == 0:
                await asyncio.sleep(0)

    threads = [threading.Thread(target=log, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    asyncio.run(turns())
    for thread in threads:
        thread.join()

    written = b"".join(raw.writes).splitlines()
    assert sorted(written) == sorted(line for name in range(5) for line in lines(name))
