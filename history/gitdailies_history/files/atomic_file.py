"""Write a file completely or not at all, even on a full disk."""

import filecmp
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from gitdailies_core.errors import UsageError


@contextmanager
def written(path: Path, option: str, *, new: bool = False) -> Iterator[BinaryIO]:
    """Yield a file that replaces *path* at the end of the block.

    Raises UsageError, which names *option*, if it cannot be written. With *new* it also raises if *path*
    exists with other content; the same content is fine, for example from an earlier run.
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
    """Raise UsageError if *path* exists, although nothing will be written to it now."""
    with _naming(option):
        if path.exists():
            raise _taken(path, option)


def _taken(path: Path, option: str) -> UsageError:
    return UsageError(f"{option}: {path} exists and holds something else; name a new file")


@contextmanager
def _naming(option: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"{option}: expected a file to write, got: {(error.strerror or '').lower()}"
        ) from None
