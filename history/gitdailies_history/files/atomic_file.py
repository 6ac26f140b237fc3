"""A file that an option names: written whole or not at all, also where the disk is full."""

from __future__ import annotations

import filecmp
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from gitdailies_core.errors import UsageError


@contextmanager
def written(path: Path, option: str, *, new: bool = False) -> Iterator[BinaryIO]:
    """Yield what is *path* at the end of the block; until then, what is there stays.

    Raises UsageError, which names *option*, where it cannot be written; with *new* also where a file
    is there, unless it holds the same already, as after an earlier run.
    """
    part = Path(f"{path}.part")
    with _naming(option):
        try:
            with part.open("wb") as file:
                yield file
            if not new or not path.exists():
                part.replace(path)
            elif not filecmp.cmp(part, path, shallow=False):
                raise _taken(path, option)
        finally:
            with suppress(OSError):
                part.unlink()


def unused(path: Path, option: str) -> None:
    """Raise UsageError where something is at *path*, of which nothing would be written now."""
    with _naming(option):
        if path.exists():
            raise _taken(path, option)


def _taken(path: Path, option: str) -> UsageError:
    return UsageError(f"{option}: expected a new file, got {path}, which is there and holds something else")


@contextmanager
def _naming(option: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"{option}: expected a file to write, got: {(error.strerror or '').lower()}"
        ) from None
