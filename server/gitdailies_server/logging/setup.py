"""Log lines on standard error: JSON for programs, text for a person at a terminal.

Input from outside can neither forge a line nor make it very long. A thread writes the lines: a pipe whose
reader hangs, or a paused terminal, blocks whatever writes to it.
"""

import atexit
import json
import logging
import os
import re
import threading
import time
import traceback
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

import orjson
import structlog
from gitdailies_core.errors import GitDailiesError
from gitdailies_core.values.times import text_of
from structlog.contextvars import merge_contextvars

# Part of a key is as bad as a whole one. Lists of keys show fewer characters than this pattern matches.
# An ID token begins with JSON in Base64.
_KEY = re.compile(rb"(gdk_)[0-9A-Za-z]{8,}|(eyJ)[0-9A-Za-z_-]{8,}[0-9A-Za-z_.-]*")
# The traces of a full batch fit into a field.
_LONGEST = 2200
_LONGEST_IN_TEXT = 300
# In a line of text, any other value is written as JSON, so that no value can forge a field.
_WORD = re.compile(r"[\w./:@+#-]+", re.ASCII)

# Only recursion reaches more.
_MOST_PLACES = 20

# What may wait for a reader: about a megabyte.
_MOST_LINES = 5_000
# How long the end of the process waits for a reader. A supervisor's patience is about ten seconds.
_FLUSH_SECONDS = 1.0
_TOGETHER_SECONDS, _MOST_TOGETHER = 0.02, 250
_STANDARD_ERROR = 2


class _Lines:
    """The output of structlog: lines for a thread that writes them. No call waits, and none raises.

    A queue of `logging` would do the same, at twice the cost of a line, and block the end of a process whose
    reader hangs. `dropped` counts the lines that found no room, and those that the system refused.
    """

    def __init__(self) -> None:
        self.dropped = 0
        self._lines: deque[bytes] = deque()
        self._ready = threading.Event()
        self._writing = False
        self._thread = threading.Thread(target=self._write, name="log-writer", daemon=True)

    def start(self) -> None:
        """Start the thread, if it does not run."""
        if not self._thread.is_alive():
            self._thread.start()
            atexit.register(self.flush)

    def msg(self, line: bytes) -> None:
        if len(self._lines) >= _MOST_LINES:
            self.dropped += 1
            return
        self._lines.append(line)
        if not self._ready.is_set():
            self._ready.set()

    debug = info = warning = error = critical = msg

    def flush(self, seconds: float = _FLUSH_SECONDS) -> None:
        """Wait until everything is written, at most *seconds*: at the end of a process."""
        end = time.monotonic() + seconds
        while (self._lines or self._writing) and time.monotonic() < end:
            time.sleep(0.01)

    def _write(self) -> None:
        while self._ready.wait():
            # A thread that wakes for each line takes a fifth of a busy server's time.
            time.sleep(_TOGETHER_SECONDS)
            self._ready.clear()
            self._writing = True
            while self._lines:
                together = range(min(len(self._lines), _MOST_TOGETHER))
                self._write_now(b"".join(self._lines.popleft() + b"\n" for _ in together))
            self._writing = False

    def _write_now(self, left: bytes) -> None:
        try:
            while left:
                left = left[os.write(_STANDARD_ERROR, left) :]
        except OSError:  # such as a full disk
            self.dropped += left.count(b"\n")


# The process has one standard error.
_OUT = _Lines()


def configure(*, text: bool = False) -> None:
    """Set up structlog: one line for each entry, control characters escaped by JSON, no colors.

    With *text*, lines are for people: the local time, the event, and its fields without empty ones.
    """
    _OUT.start()
    structlog.configure(
        processors=[merge_contextvars, text_line if text else _line],
        logger_factory=lambda *_names: _OUT,
        cache_logger_on_first_use=True,
    )
    forward_libraries()


def flush() -> None:
    """Wait a moment until every line is written: before a process ends at once."""
    _OUT.flush()


def lines_dropped() -> int:
    """Return how many log lines this process dropped, because no one read them or the disk was full."""
    return _OUT.dropped


def forward_libraries() -> None:
    """Log warnings of libraries, such as asyncio's about a fault in a callback, in the same form."""
    logging.basicConfig(handlers=[_Forwarding()], level=logging.WARNING, force=True)


def _line(_: Any, level: str, entry: structlog.typing.EventDict) -> bytes:
    """Write an entry as JSON in ASCII, since other characters may control a terminal."""
    entry["level"] = level
    entry["timestamp"] = datetime.now(UTC)
    line = _dump(entry)
    if len(line) > _LONGEST:
        line = _dump({name: _cut(value) for name, value in entry.items()})
    return _KEY.sub(rb"\1\2***", line) if b"gdk_" in line or b"eyJ" in line else line


def text_line(_: Any, level: str, entry: structlog.typing.EventDict) -> bytes:
    """Write an entry for a person at a terminal."""
    event = str(entry.pop("event", ""))
    # Why comes before the details.
    ordered = {name: entry.pop(name) for name in ("reason",) if name in entry} | dict(entry)
    fields = [f"{name}={_shown(value)}" for name, value in ordered.items() if value not in (None, "", (), [])]
    moment = f"{datetime.now(UTC).astimezone():%H:%M:%S}"
    mark = "" if level == "info" else f"{level}: "
    shown = event[:_LONGEST_IN_TEXT]
    shown = shown if shown.isascii() and shown.isprintable() else json.dumps(shown)
    line = "  ".join([moment, f"{mark}{shown}", *fields]).encode()
    return _KEY.sub(rb"\1\2***", line)


def _shown(value: Any) -> str:
    """Write a value in ASCII, since other characters may control a terminal."""
    if isinstance(value, (list, tuple)):
        return ",".join(map(_shown, value))[:_LONGEST]
    text = value if isinstance(value, str) else json.dumps(value, default=_plain)
    if len(text) <= _LONGEST_IN_TEXT and _WORD.fullmatch(text):
        return text
    return json.dumps(text[:_LONGEST_IN_TEXT])


def _dump(entry: Mapping[str, Any]) -> bytes:
    try:
        line = orjson.dumps(entry, option=orjson.OPT_UTC_Z)
    except TypeError:  # half of a surrogate pair, or a value that JSON does not have
        line = b"\xff"
    return line if line.isascii() else json.dumps(entry, default=_plain).encode()


def _plain(value: Any) -> str:
    return text_of(value) if isinstance(value, datetime) else repr(value)


def _cut(value: Any) -> Any:
    if isinstance(value, str) or (isinstance(value, (list, tuple)) and len(str(value)) > _LONGEST):
        return str(value)[:_LONGEST]
    return value


class _Forwarding(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        fault = record.exc_info[1] if record.exc_info else None
        more = {"reason": describe_error(fault)} if fault else {}
        structlog.get_logger(record.name).log(record.levelno, record.getMessage(), **more)


def describe_error(error: BaseException) -> str:
    """Return the text of our own errors; for other errors only their type and the places in the code.

    The text of other errors may hold anything, even a body or a secret. The innermost place comes
    first, then the places in our own modules that led there.
    """
    if isinstance(error, GitDailiesError):
        return str(error)
    frames = list(traceback.walk_tb(error.__traceback__))[::-1]
    ours = [(frame, line) for frame, line in frames[1:] if _module(frame).startswith("gitdailies_")]
    places = [_place(frame, line) for frame, line in (*frames[:1], *ours[:_MOST_PLACES])]
    kind = type(error).__name__
    return f"{kind} at {', by '.join(places)}" if places else kind


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))


def _place(frame: FrameType, line: int) -> str:
    """Name file and line; our files with their folders, since some have the same name."""
    module = _module(frame)
    parts = module.count(".") + 1 if module.startswith("gitdailies_") else 1
    return f"{'/'.join(Path(frame.f_code.co_filename).parts[-parts:])}:{line}"
