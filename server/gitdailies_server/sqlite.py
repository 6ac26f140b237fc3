"""Connections to an SQLite file, set so that a commit that returned is on stable storage."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from gitdailies_core.errors import StoreUnavailable

# WAL with FULL syncs at every commit. 1000 pages of 8 KiB: checkpoints little and often, since
# a long one is what a delivery would wait for.
_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA wal_autocheckpoint=1000",
    "PRAGMA journal_size_limit=33554432",
    "PRAGMA foreign_keys=ON",
    "PRAGMA temp_store=MEMORY",
)
_PAGE_BYTES = 8192
_BUSY_SECONDS = 5.0


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """Open *path*, making it (mode 0600) and its folder (0700) where they are not there.

    Transactions are begun by the caller. Raises StoreUnavailable, which names file and reason.
    """
    try:
        made = False
        if not read_only:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            made = _create(path)
        mode = "ro" if read_only else "rwc"
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}",
            uri=True,
            isolation_level=None,
            timeout=_BUSY_SECONDS,
            check_same_thread=False,
            cached_statements=256,
        )
        connection.execute(f"PRAGMA page_size={_PAGE_BYTES}")
        if made:
            # What retention frees can then be given back while the file is in use.
            connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
        for pragma in _PRAGMAS:
            if not (read_only and "journal_mode" in pragma):
                connection.execute(pragma).fetchall()
    except (sqlite3.Error, OSError) as error:
        raise StoreUnavailable(f"{path}: expected an SQLite file to open, got {reason(error)}") from error
    return connection


def _create(path: Path) -> bool:
    """Make the file where it is not there, since sqlite3 would make it readable by others; say whether.

    One that is there is not touched: closing any descriptor of a file gives up every POSIX lock
    that the process holds on it, SQLite's too, and another process would then take the log away
    from under us (SQLite's "How To Corrupt An SQLite Database File", 2.2).
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return False
    return True


def reason(error: BaseException) -> str:
    """Say in a line what the disk or the database answered."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return (str(error) or type(error).__name__).lower()
