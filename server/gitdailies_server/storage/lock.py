"""One server for each SQLite file: a lock file next to it, released when the process ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from gitdailies_core.errors import ConfigurationError

from gitdailies_server.storage.database import reason


class ServerLock:
    """Hold `FILE.lock` while a server uses FILE. Commands use FILE without this lock."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + ".lock")
        self._file: int | None = None

    def acquire(self) -> None:
        """Take the lock; raises ConfigurationError that names the process that holds it."""
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise ConfigurationError(f"{self._path}: cannot create the lock file: {reason(error)}") from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(file, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(file)
            raise ConfigurationError(
                f"{self._path}: another server uses this file, process id {holder}"
            ) from None
        os.ftruncate(file, 0)
        os.write(file, f"{os.getpid()}\n".encode())
        self._file = file

    def release(self) -> None:
        """Release the lock. The file stays, empty: deleting it could race with another server."""
        if self._file is not None:
            # No process id stays that another process may have later.
            os.ftruncate(self._file, 0)
            os.close(self._file)
            self._file = None
