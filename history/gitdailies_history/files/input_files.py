"""Read files and standard input into a plan. Only this module opens them.

Standard input is first copied to a file in the state folder, because faulty rows are read a second time.
"""

import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from gitdailies_core.errors import UsageError

from gitdailies_history.files import atomic_file, formats, rows
from gitdailies_history.files.rows import ReadOptions
from gitdailies_history.plan.faults import Fault
from gitdailies_history.plan.plan import Plan

STDIN = "-"
# The copy of standard input, in the state folder for as long as a run.
COPY = "stdin"
# A longer line is not a row. It is read in pieces, and each piece is a fault.
_LONGEST_LINE = 8 * 1024 * 1024
_SNIFFED = 4096


@dataclass(frozen=True)
class InputFile:
    """A file to import: its name in messages, its path, its format and its size in bytes."""

    name: str
    path: Path
    format: str
    size: int


@dataclass
class ReadResult:
    """The outcome of reading: number of rows, number of faulty rows, unknown columns by file.

    `ignored` has the number of rows by service, for services that should not count. `unwanted` is the number
    of rows that `only` of the mapping leaves out.
    """

    rows: int = 0
    bad: int = 0
    unknown: dict[str, tuple[str, ...]] = field(default_factory=dict)
    ignored: Counter[str] = field(default_factory=Counter)
    unwanted: int = 0


def find(name: str, format_: str | None, folder: Path) -> InputFile:
    """Find a file, or copy standard input for `-`. Raises UsageError if it cannot be read."""
    path = _copy_of_stdin(folder) if name == STDIN else Path(name)
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(_SNIFFED)
    except OSError as error:
        raise UsageError(f"{name}: expected a file to read, got: {(error.strerror or '').lower()}") from None
    chosen = format_ or formats.SUFFIXES.get(path.suffix.lower()) or formats.sniffed(start)
    return InputFile("stdin" if name == STDIN else name, path, chosen, size)


def read_into(
    plan: Plan, source: InputFile, options: ReadOptions, result: ReadResult, moved: Callable[[int], None]
) -> Iterator[Fault]:
    """Add a file's events to *plan* and yield every fault. Calls *moved* with the number of bytes read."""
    for item in _items(source, options, moved):
        if isinstance(item, formats.Header):
            result.unknown[source.name] = item.unknown
            continue
        result.rows += 1
        if isinstance(item, formats.Bad):
            result.bad += 1
            plan.exclude(item.fault.file, item.fault.line)
            yield item.fault
        else:
            yield from _read_row(plan, item, options, result)


def _read_row(plan: Plan, item: rows.Row, options: ReadOptions, result: ReadResult) -> Iterator[Fault]:
    row = rows.of(item, options)
    if row.faults:
        result.bad += 1
        plan.exclude(item.file, item.line)
        yield from row.faults
        return
    result.unwanted += row.unwanted
    if row.ignored:
        result.ignored[row.ignored] += 1
    for event in row.events:
        plan.add(event, file=item.file, line=item.line)


def write_faulty_rows(plan: Plan, source: InputFile, options: ReadOptions, path: Path, option: str) -> int:
    """Write the faulty rows of *source* to *path*, so that they can be corrected and imported.

    Returns their number. A CSV file gets the same header. Raises UsageError, which names *option*, if the
    file cannot be written or already holds something else.
    """
    written = 0
    with atomic_file.written(path, option, new=True) as faulty:
        for item in _items(source, options, lambda _: None):
            if isinstance(item, formats.Header):
                faulty.write(_ended(item.raw))
                continue
            line = item.fault.line if isinstance(item, formats.Bad) else item.line
            if plan.is_faulty(source.name, line):
                written += 1
                faulty.write(_ended(item.raw))
    return written


def _items(source: InputFile, options: ReadOptions, moved: Callable[[int], None]) -> Iterator[formats.Item]:
    with source.path.open("rb") as file:
        yield from formats.items(source.format, _lines(file, moved), source.name, options.mapped)


def _lines(file: BinaryIO, moved: Callable[[int], None]) -> Iterator[bytes]:
    unreported = 0
    while line := file.readline(_LONGEST_LINE):
        unreported += len(line)
        if unreported >= _LONGEST_LINE // 64:
            moved(unreported)
            unreported = 0
        yield line
    moved(unreported)


def _copy_of_stdin(folder: Path) -> Path:
    path = folder / COPY
    with path.open("wb") as file:
        path.chmod(0o600)
        shutil.copyfileobj(sys.stdin.buffer, file)
    return path


def _ended(raw: bytes) -> bytes:
    return raw if not raw or raw.endswith(b"\n") else raw + b"\n"
