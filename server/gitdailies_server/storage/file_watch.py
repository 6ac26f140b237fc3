"""Whether the SQLite file that a server has open is still the one at its path.

A file that was deleted or replaced stays open, and takes commits that no one will find again. So does
its log, the `-wal` file. Both are compared with their paths. The log is compared only while the writer has
it open: SQLite deletes it when the last connection closes, of a command too.
"""

from pathlib import Path
from typing import TypeAlias

# Device and number of a file: the same until it is deleted or replaced.
_Identity: TypeAlias = "tuple[int, int] | None"


class FileWatch:
    """Watches *path*, which exists. Any thread may ask."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._log = path.with_name(f"{path.name}-wal")
        self._path_identity = _identity(path)
        self._is_open = False
        self._log_identity: _Identity = None

    def opened(self) -> None:
        """Note that the writer opened the file. SQLite may have made another log for it."""
        self._is_open, self._log_identity = True, None

    def closed(self) -> None:
        """Note that the writer closed the file, so that SQLite may delete the log."""
        self._is_open = False

    def moved(self) -> str:
        """Return what happened to the file, or ""."""
        found = _identity(self._path)
        if found != self._path_identity:
            return (
                f"{self._path} was {'replaced' if found else 'deleted'} while the server runs;"
                " put the file back, or restart the server"
            )
        if not self._is_open:
            return ""
        log = _identity(self._log)
        if self._log_identity is None:
            self._log_identity = log
        elif log != self._log_identity:
            return (
                f"{self._log} was {'replaced' if log else 'deleted'} while the server runs;"
                " stop the server, which saves what is in it, and start it again"
            )
        return ""


def _identity(path: Path) -> _Identity:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
