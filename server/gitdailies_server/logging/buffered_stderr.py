"""Write log lines to standard error, from a thread, so that a reader that stops reading stops nobody.

```
msg (any thread) ── buffer, bounded ── writer thread ── write(2)
                        └── full: the line is dropped and counted
```

A pipe whose reader hangs, or a paused terminal, blocks whoever writes to it. Only the writer thread
does. It collects lines for some milliseconds: a system call and a change of threads cost more than a line.
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

# PIPE_BUF of Linux: a pipe takes up to this size as a whole, even if other processes write to it too.
_PIECE_BYTES = 4096
# What may wait for the writer. About five thousand lines.
MOST_BYTES = 1024 * 1024
_COLLECT_SECONDS = 0.02
# How long the end of the process waits for a reader. A supervisor's patience is about ten seconds.
FLUSH_SECONDS = 1.0
_STANDARD_ERROR = 2


class BufferedStderr:
    """The output of structlog. No call waits for the reader, and none raises.

    Lines beyond *most_bytes* are dropped. Once there is room, *notice* makes the line that says how
    many were. `dropped` counts all of them, those that the disk refused included.
    """

    def __init__(
        self,
        notice: Callable[[int], bytes] = lambda lines: b"%d log lines dropped" % lines,
        *,
        descriptor: int = _STANDARD_ERROR,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self.dropped = 0
        self._notice = notice
        self._descriptor = descriptor
        self._most_bytes = most_bytes
        self._lines: list[bytes] = []
        self._bytes = 0
        self._unsaid = 0
        self._writing = False
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._wake = threading.Event()

    def msg(self, line: bytes) -> None:
        with self._lock:
            if self._bytes + len(line) > self._most_bytes:
                self.dropped += 1
                self._unsaid += 1
                return
            self._lines.append(line)
            self._bytes += len(line)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
                self._thread.start()
        if not self._wake.is_set():
            self._wake.set()

    debug = info = warning = error = critical = msg

    def flush(self, seconds: float = FLUSH_SECONDS) -> None:
        """Wait until everything is written, at most *seconds*: at the end of a process."""
        end = time.monotonic() + seconds
        while (self._lines or self._writing) and time.monotonic() < end:
            time.sleep(_COLLECT_SECONDS)

    # In the thread.

    def _run(self) -> None:
        while True:
            self._wake.wait()
            time.sleep(_COLLECT_SECONDS)
            self._wake.clear()
            self._write_lines(self._take())

    def _take(self) -> Sequence[bytes]:
        with self._lock:
            lines, self._lines, self._bytes = self._lines, [], 0
            self._writing = True
        return lines

    def _write_lines(self, lines: Sequence[bytes]) -> None:
        for piece in _pieces(lines):
            if not self._write(piece):
                self._count_dropped(piece.count(b"\n"))
        unsaid = self._unsaid
        if unsaid and self._write(self._notice(unsaid) + b"\n"):
            with self._lock:
                self._unsaid -= unsaid
        self._writing = False

    def _write(self, piece: bytes) -> bool:
        """Write all of *piece*; return False where the system refuses, as for a full disk."""
        try:
            while piece:
                try:
                    piece = piece[os.write(self._descriptor, piece) :]
                except BlockingIOError:
                    # Another process that has the terminal open made it non-blocking.
                    waiting = select.poll()
                    waiting.register(self._descriptor, select.POLLOUT)
                    waiting.poll()
        except (OSError, ValueError):
            return False
        return True

    def _count_dropped(self, lines: int) -> None:
        with self._lock:
            self.dropped += lines
            self._unsaid += lines


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
