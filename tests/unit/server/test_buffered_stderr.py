"""Lines on standard error: in order, whole, soon, and never a reason to stop."""

from __future__ import annotations

import asyncio
import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from gitdailies_server.logging import buffered_stderr
from gitdailies_server.logging.buffered_stderr import BufferedStderr

PIPE_BYTES = 4096


class Raw(io.RawIOBase):
    """Notes each write as the kernel would see it; while it is full none succeeds, nor *failing* more."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.full = False
        self.failing = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if self.full or self.failing:
            self.failing = max(0, self.failing - 1)
            raise OSError(28, "No space left on device")
        self.writes.append(bytes(data))
        return len(data)


@pytest.fixture
def raw(monkeypatch: pytest.MonkeyPatch) -> Raw:
    """The module's standard error for a test, since pytest replaces the real one during a test."""
    raw = Raw()
    out = io.TextIOWrapper(io.BufferedWriter(raw))
    monkeypatch.setattr(buffered_stderr, "sys", SimpleNamespace(stderr=out))
    return raw


class Pipe:
    """Standard error as the parent of a process reads it."""

    def __init__(self) -> None:
        self._reading, self.descriptor = os.pipe()
        self.stream = io.TextIOWrapper(io.BufferedWriter(io.FileIO(self.descriptor, "w")))
        self._came: list[bytes] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        while part := os.read(self._reading, 65536):
            self._came.append(part)
        os.close(self._reading)

    def lines(self) -> list[str]:
        """Close it, and return what came."""
        self.stream.close()
        self._reader.join()
        return b"".join(self._came).decode().splitlines()


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pipe]:
    """The module's standard error, a pipe with a reader at its other end."""
    pipe = Pipe()
    monkeypatch.setattr(buffered_stderr, "sys", SimpleNamespace(stderr=pipe.stream))
    yield pipe
    pipe.lines()


def test_lines_of_one_turn_are_written_in_order_in_pieces_that_a_pipe_takes_whole(raw: Raw) -> None:
    """Nothing before the turn is over, then whole lines, few writes, none of them over 4096 bytes."""
    out = BufferedStderr()
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
    """The error and the lines before it are written, however the process ends afterwards."""
    out = BufferedStderr()

    async def turn() -> None:
        out.info(b"before")
        out.error(b"fault")
        assert raw.writes == [b"before\nfault\n"]

    asyncio.run(turn())


def test_a_line_from_where_no_event_loop_runs_is_written_at_once(raw: Raw) -> None:
    """A thread's line takes with it what a turn has not written yet; none comes twice."""
    out = BufferedStderr()

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
    """The next line, or the end of the process, writes the lines that an event loop left."""
    out = BufferedStderr()

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
    """Lines that cannot be written are dropped, and later lines are written once there is room."""
    out = BufferedStderr()
    raw.full = True
    out.info(b"lost")
    out.error(b"lost too")
    assert raw.writes == []
    raw.full = False
    out.info(b"here")

    # The buffer of the stream still has the failed bytes and writes them too.
    assert raw.writes[-1].endswith(b"here\n")


def test_one_write_that_fails_costs_no_other(raw: Raw) -> None:
    """If one of several writes of an iteration fails, the later ones are still made."""
    out = BufferedStderr()
    lines = [b"%03d " % number + b"x" * 996 for number in range(40)]
    raw.failing = 1

    async def turn() -> None:
        for line in lines:
            out.info(line)

    asyncio.run(turn())
    written = b"".join(raw.writes).splitlines()
    assert written[-1] == lines[-1]
    assert len(written) >= len(lines) - PIPE_BYTES // 1000


def test_threads_that_log_together_lose_no_line_and_double_none(pipe: Pipe) -> None:
    """Of eight threads and an event loop each line arrives once, those of one thread in order."""
    out = BufferedStderr()

    def lines(name: int) -> list[str]:
        return [f"{name}-{number} {'x' * (number % 90)}" for number in range(400)]

    def log(name: int) -> None:
        for line in lines(name):
            out.info(line.encode())

    async def turns() -> None:
        for number, line in enumerate(lines(8)):
            out.info(line.encode())
            if number % 7 == 0:
                await asyncio.sleep(0)

    threads = [threading.Thread(target=log, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    asyncio.run(turns())
    for thread in threads:
        thread.join()

    written = pipe.lines()
    for name in range(9):
        assert [line for line in written if line.startswith(f"{name}-")] == lines(name)
    assert len(written) == 9 * 400


def test_an_error_is_written_when_it_was_logged_though_another_thread_writes(
    pipe: Pipe,
) -> None:
    """Eight threads log errors. In the pipe each error comes before its thread's note about it."""
    out = BufferedStderr()

    def log(name: int) -> None:
        for number in range(200):
            out.error(b"%d-%d error" % (name, number))
            os.write(pipe.descriptor, b"%d-%d was logged\n" % (name, number))

    threads = [threading.Thread(target=log, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    written = pipe.lines()
    expected = [f"{number} {what}" for number in range(200) for what in ("error", "was logged")]
    for name in range(8):
        assert [line[2:] for line in written if line.startswith(f"{name}-")] == expected


def test_the_end_of_the_process_writes_what_is_left() -> None:
    """The loop stops in the iteration that logs, and then the process ends."""
    program = (
        "import asyncio, structlog\n"
        "from gitdailies_server.logging import setup as logs\n"
        "logs.configure()\n"
        "loop = asyncio.new_event_loop()\n"
        "loop.call_soon(lambda: (structlog.get_logger().info('the last'), loop.stop()))\n"
        "loop.run_forever()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert json.loads(done.stderr)["event"] == "the last"
