"""Files and standard input, read into a plan: the one place that opens them.

Standard input is written to a file in the state folder first, since what is faulty may have to be
read twice.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from gitdailies_core.errors import UsageError

from gitdailies_history.files import atomic_file, formats, rows
from gitdailies_history.files.rows import Terms
from gitdailies_history.plan.faults import Fault
from gitdailies_history.plan.plan import Plan

STDIN = "-"
# A line beyond this is no row; it is read in pieces, each of them a fault.
_LONGEST_LINE = 8 * 1024 * 1024
_SNIFFED = 4096


@dataclass(frozen=True)
class Source:
    """A file to import: the name that messages call it, where it is, its format and its size."""

    name: str
    path: Path
    format: str
    size: int


@dataclass
class Read:
    """What reading came to: rows, rows at fault, and columns that no event has, by file."""

    rows: int = 0
    bad: int = 0
    unknown: dict[str, tuple[str, ...]] = field(default_factory=dict)


def find(name: str, format_: str | None, folder: Path) -> Source:
    """Find a file, or take standard input for `-`; raises UsageError where it cannot be read."""
    path = _spooled(folder) if name == STDIN else Path(name)
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(_SNIFFED)
    except OSError as error:
        raise UsageError(f"{name}: expected a file to read, got: {(error.strerror or '').lower()}") from None
    chosen = format_ or formats.SUFFIXES.get(path.suffix.lower()) or formats.sniffed(start)
    return Source("stdin" if name == STDIN else name, path, chosen, size)


def read_into(
    plan: Plan, source: Source, terms: Terms, read: Read, moved: Callable[[int], None]
) -> Iterator[Fault]:
    """Add a file's events to *plan*; yields every fault. *moved* is told how many bytes were read."""
    for item in _items(source, terms, moved):
        if isinstance(item, formats.Header):
            read.unknown[source.name] = item.unknown
            continue
        read.rows += 1
        if isinstance(item, formats.Bad):
            read.bad += 1
            plan.exclude(item.fault.file, item.fault.line)
            yield item.fault
            continue
        result = rows.of(item, terms)
        if result.faults:
            read.bad += 1
            plan.exclude(item.file, item.line)
            yield from result.faults
            continue
        for event in result.events:
            plan.add(event, file=item.file, line=item.line)


def set_aside(plan: Plan, source: Source, terms: Terms, path: Path, option: str) -> int:
    """Write the rows of *source* that the plan left out to *path*, to be put right and imported.

    Returns how many there are; a CSV file gets the header of its own. Raises UsageError, which names
    *option*, where that cannot be written, or holds something else already.
    """
    written = 0
    with atomic_file.written(path, option, new=True) as aside:
        for item in _items(source, terms, lambda _: None):
            if isinstance(item, formats.Header):
                aside.write(_ended(item.raw))
                continue
            line = item.fault.line if isinstance(item, formats.Bad) else item.line
            if plan.is_bad(source.name, line):
                written += 1
                aside.write(_ended(item.raw))
    return written


def _items(source: Source, terms: Terms, moved: Callable[[int], None]) -> Iterator[formats.Item]:
    with source.path.open("rb") as file:
        yield from formats.items(source.format, _lines(file, moved), source.name, terms.mapped)


def _lines(file: BinaryIO, moved: Callable[[int], None]) -> Iterator[bytes]:
    unsaid = 0
    while line := file.readline(_LONGEST_LINE):
        unsaid += len(line)
        if unsaid >= _LONGEST_LINE // 64:
            moved(unsaid)
            unsaid = 0
        yield line
    moved(unsaid)


def _spooled(folder: Path) -> Path:
    path = folder / "stdin"
    with path.open("wb") as file:
        path.chmod(0o600)
        shutil.copyfileobj(sys.stdin.buffer, file)
    return path


def _ended(raw: bytes) -> bytes:
    return raw if not raw or raw.endswith(b"\n") else raw + b"\n"


@contextmanager
def cleaned(sources: Iterable[Source]) -> Iterator[None]:
    """Remove what standard input was written to, at the end of the block."""
    try:
        yield
    finally:
        for source in sources:
            if source.name == "stdin":
                source.path.unlink(missing_ok=True)
