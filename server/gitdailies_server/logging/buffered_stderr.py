"""Lines on standard error: those of one turn of an event loop together, since each write is a system call."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress

# PIPE_BUF of Linux: what is no longer, a pipe takes whole, whoever else writes to it.
_PIECE_BYTES = 4096


class BufferedStderr:
    """Where structlog puts its lines; errors are written at once, and so is what no event loop logs.

    Never raises: a disk that is full, or a reader that went away, must not stop deliveries.
    """

    def __init__(self) -> None:
        self._lines: deque[bytes] = deque()
        # The event loop that will write them when its turn is over.
        self._writing: asyncio.AbstractEventLoop | None = None
        # Whoever takes lines has written them before others take more.
        self._lock = threading.Lock()

    def msg(self, line: bytes) -> None:
        self._lines.append(line)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.write()
            return
        if self._writing is not loop:
            self._writing = loop
            loop.call_soon(self.write)

    debug = info = warning = msg

    def error(self, line: bytes) -> None:
        self._lines.append(line)
        self.write()

    critical = error

    def write(self) -> None:
        """Write what has come so far, in order."""
        with self._lock:
            self._writing = None
            lines = [self._lines.popleft() for _ in range(len(self._lines))]
            for piece in _pieces(lines):
                with suppress(OSError, ValueError):
                    sys.stderr.buffer.write(piece)
                    sys.stderr.buffer.flush()


def _pieces(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Join lines, each piece of whole ones."""
    piece = b""
    for line in lines:
        if piece and len(piece) + len(line) >= _PIECE_BYTES:
            yield piece
            piece = b""
        piece += line + b"\n"
    if piece:
        yield piece
