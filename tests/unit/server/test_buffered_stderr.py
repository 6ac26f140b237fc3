"""Lines on standard error: in order, whole, soon, and never a reason to wait or to stop."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from gitdailies_server.logging import buffered_stderr
from gitdailies_server.logging.buffered_stderr import BufferedStderr

from tests.support.processes import eventually

PIPE_BYTES = 4096
NOTICE = b"%d log lines dropped"


class Pipe:
    """Standard error as the parent of a process has it. Nobody reads it until `read` is called."""

    def __init__(self) -> None:
        self._reading, self.descriptor = os.pipe()
        self._came: list[bytes] = []
        self._reader: threading.Thread | None = None

    def read(self) -> None:
        """Read from now on."""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        while part := os.read(self._reading, 65536):
            self._came.append(part)
        os.close(self._reading)

    @property
    def came(self) -> bytes:
        return b"".join(self._came)

    def lines(self) -> list[str]:
        """Close it, and return what came."""
        if self._reader is None:
            self.read()
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1
        assert self._reader is not None
        self._reader.join()
        return self.came.decode().splitlines()


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.lines()


def test_lines_are_written_in_order_in_pieces_that_a_pipe_takes_whole(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole lines, few writes, none of them over 4096 bytes."""
    pieces: list[bytes] = []
    write = os.write

    def noting(descriptor: int, piece: bytes) -> int:
        pieces.append(piece)
        return write(descriptor, piece)

    pipe.read()
    out = BufferedStderr(descriptor=pipe.descriptor)
    lines = [b"%d " % number + b"x" * (number * 7 % 900) for number in range(100)]
    monkeypatch.setattr(buffered_stderr.os, "write", noting)
    for line in lines:
        out.info(line)
    out.flush()
    assert b"".join(pieces).splitlines() == lines
    assert len(pieces) < 20
    assert all(piece.endswith(b"\n") and len(piece) <= PIPE_BYTES for piece in pieces)


def test_a_line_is_written_though_nothing_follows(pipe: Pipe) -> None:
    """One line, from an event loop or from none, is written within moments."""
    pipe.read()
    out = BufferedStderr(descriptor=pipe.descriptor)
    out.info(b"one")
    eventually(lambda: pipe.came == b"one\n", 5)

    async def log() -> None:
        out.error(b"two")
        await asyncio.to_thread(eventually, lambda: pipe.came == b"one\ntwo\n", 5)

    asyncio.run(log())


def test_a_reader_that_stops_delays_nobody_and_what_it_missed_is_counted(pipe: Pipe) -> None:
    """With nobody at the other end, 2,000 lines are logged at once. Later the gap is said, once."""
    out = BufferedStderr(lambda lines: NOTICE % lines, descriptor=pipe.descriptor, most_bytes=50_000)
    lines = [b"%04d " % number + b"x" * 95 for number in range(2000)]
    began = time.monotonic()
    for line in lines:
        out.info(line)
    out.flush(0.05)
    assert time.monotonic() - began < 2
    assert 0 < out.dropped < 2000

    pipe.read()
    out.flush(10)
    out.info(b"later")
    out.flush(10)
    written = pipe.lines()
    kept = 2000 - out.dropped
    assert written[:kept] == [line.decode() for line in lines[:kept]]
    assert written[kept:] == [f"{out.dropped} log lines dropped", "later"]


def test_a_disk_that_is_full_stops_nobody(tmp_path: Path) -> None:
    """Lines that the system refuses are dropped and counted; the count is written once there is room."""
    with Path("/dev/full").open("wb", buffering=0) as full:
        out = BufferedStderr(lambda lines: NOTICE % lines, descriptor=full.fileno())
        out.info(b"lost")
        out.error(b"lost too")
        out.flush()
        assert out.dropped == 2
        with (tmp_path / "log").open("wb", buffering=0) as log:
            os.dup2(log.fileno(), full.fileno())
        out.info(b"here")
        out.flush()
    assert (tmp_path / "log").read_bytes() == b"here\n2 log lines dropped\n"


def test_a_descriptor_that_does_not_block_gets_every_line(pipe: Pipe) -> None:
    """Another process may have made the terminal non-blocking. Full then means: wait and go on."""
    os.set_blocking(pipe.descriptor, False)
    out = BufferedStderr(descriptor=pipe.descriptor)
    lines = [f"{number} {'x' * 500}" for number in range(1000)]
    for line in lines:
        out.info(line.encode())
    out.flush(0.05)
    pipe.read()
    out.flush(10)
    assert pipe.lines() == lines
    assert out.dropped == 0


def test_threads_that_log_together_lose_no_line_and_double_none(pipe: Pipe) -> None:
    """Of eight threads and an event loop each line arrives once, those of one thread in order."""
    pipe.read()
    out = BufferedStderr(descriptor=pipe.descriptor)

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
    out.flush(10)

    written = pipe.lines()
    for name in range(9):
        assert [line for line in written if line.startswith(f"{name}-")] == lines(name)
    assert len(written) == 9 * 400


PROGRAM = (
    "import structlog\n"
    "from gitdailies_server.logging import setup as logs\n"
    "logs.configure()\n"
    "for number in range({lines}): structlog.get_logger().info('line', number=number, pad='x' * 500)\n"
)


def test_the_end_of_the_process_writes_what_is_left() -> None:
    """A process that ends right after its last line has written it."""
    program = PROGRAM.format(lines=100)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert [json.loads(line)["number"] for line in done.stderr.splitlines()] == list(range(100))


def test_a_process_ends_though_nobody_reads_what_it_logged() -> None:
    """A hung reader delays the end of a process by a second or two, and no longer."""
    reading, writing = os.pipe()
    process = subprocess.Popen([sys.executable, "-c", PROGRAM.format(lines=3000)], stderr=writing)
    try:
        assert process.wait(20) == 0
    finally:
        process.kill()
        os.close(reading)
        os.close(writing)
