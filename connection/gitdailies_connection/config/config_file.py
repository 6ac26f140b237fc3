"""Replaces gitdailies.yml as a whole or not at all, and only if it did not change meanwhile."""

import codecs
import contextlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from gitdailies_core.errors import ConfigurationError, UsageError

from gitdailies_connection.config import load
from gitdailies_connection.config.document import yaml_document


class Change(NamedTuple):
    """What a file held, and what it holds now."""

    before: bytes
    after: bytes


class ConfigFile:
    """A gitdailies.yml that gets other lines. A link is followed, and stays a link."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self._path = path

    def change(self, edit: Callable[[str], str]) -> Change:
        """Write what *edit* makes of the text; raises UsageError, and then changes nothing.

        The result must be a file that `gitdailies check` takes.
        """
        path = self._path.resolve()
        before = _bytes_of(path)
        text = yaml_document.read_text(path)
        try:
            written = edit(text)
            load.read(written, self._path)
        except ConfigurationError as error:
            said = "; ".join(one.replace(str(self._path), self.name) for one in error.complaints)
            raise UsageError(said) from None
        encoding = "utf-8-sig" if before.startswith(codecs.BOM_UTF8) else "utf-8"
        change = Change(before, written.encode(encoding))
        self._replace(path, change)
        return change

    def take_back(self, change: Change) -> None:
        """Write what was there before, unless somebody changed it since; raises UsageError."""
        self._replace(self._path.resolve(), Change(change.after, change.before))

    def _replace(self, path: Path, change: Change) -> None:
        part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        try:
            mode = path.stat().st_mode & 0o777
            file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            try:
                with os.fdopen(file, "wb") as opened:
                    opened.write(change.after)
                    opened.flush()
                    os.fsync(opened.fileno())
                part.chmod(mode)
                if _bytes_of(path) != change.before:
                    raise UsageError(f"{self.name}: it was changed at the same time; try again")
                part.replace(path)
            finally:
                with contextlib.suppress(FileNotFoundError):
                    part.unlink()
        except OSError as error:
            reason = (error.strerror or type(error).__name__).lower()
            raise UsageError(f"{self.name}: cannot write it: {reason}; write the line by hand") from None


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path.name}: cannot read it: {(error.strerror or '').lower()}") from None
