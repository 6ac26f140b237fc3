"""One server per file: a lock beside it, which ends with the process that holds it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from gitdailies_core.errors import ConfigurationError

from gitdailies_server.storage.database import reason


class ServerLock:
    """Hold `FILE.lock` while a server uses FILE; command-line verbs share the file without it."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + ".lock")
        self._file: int | None = None

    def acquire(self) -> None:
        """Take the lock; raises ConfigurationError that names the process holding it."""
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise ConfigurationError(
                f"{self._path}: expected to make and lock it, got {reason(error)}"
            ) from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(file, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(file)
            raise ConfigurationError(
                f"{self._path}: expected no other server on this file, got one with process id {holder}"
            ) from None
        os.ftruncate(file, 0)
        os.write(file, f"{os.getpid()}\n".encode())
        self._file = file

    def release(self) -> None:
        """Give the lock back; the file stays, empty locks being cheaper than races about them."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
