"""Write log lines to standard error. Lines of one iteration of the event loop share one system call."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress

# PIPE_BUF of Linux: a pipe takes up to this size as a whole, even if other processes write to it too.
_PIECE_BYTES = 4096


class BufferedStderr:
    """The output of structlog. Errors, and lines logged outside an event loop, are written at once.

    It never raises: a full disk, or a reader that went away, must not stop deliveries.
    """

    def __init__(self) -> None:
        self._lines: deque[bytes] = deque()
        # The event loop that has scheduled a write.
        self._writing: asyncio.AbstractEventLoop | None = None
        # Lines are taken and written under this lock, so that they stay in order.
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
        """Write all waiting lines, in order."""
        with self._lock:
            self._writing = None
            lines = [self._lines.popleft() for _ in range(len(self._lines))]
            for piece in _pieces(lines):
                with suppress(OSError, ValueError):
                    sys.stderr.buffer.write(piece)
                    sys.stderr.buffer.flush()


def _pieces(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Join lines to pieces of at most `_PIECE_BYTES`; a line is never split."""
    piece = b""
    for line in lines:
        if piece and len(piece) + len(line) >= _PIECE_BYTES:
            yield piece
            piece = b""
        piece += line + b"\n"
    if piece:
        yield piece
