"""The ids that each address has taken, so that the next run continues where this one stopped.

One SQLite file in the state folder, synced after each response. A run that is killed between sending and
writing sends one request again. Its ids are the same, so nothing is counted twice.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from gitdailies_core.errors import StoreUnavailable, UsageError

_SCHEMA = """
PRAGMA journal_mode=WAL;
PRAGMA synchronous=FULL;
PRAGMA cache_size=-32768;
CREATE TABLE IF NOT EXISTS receivers (number INTEGER PRIMARY KEY, address TEXT UNIQUE NOT NULL);
CREATE TABLE IF NOT EXISTS sent (receiver INT, id BLOB, PRIMARY KEY (receiver, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS made (receiver INT, id BLOB, PRIMARY KEY (receiver, id)) WITHOUT ROWID;
"""
_ID_BYTES = 16


class Checkpoint:
    """The ids that one address has taken. The folder must be `locked`."""

    def __init__(self, folder: Path, address: str) -> None:
        self._path = folder / "sent.db"
        with self._storage_errors():
            self._db = sqlite3.connect(self._path, isolation_level=None)
            self._db.executescript(_SCHEMA)
            self._path.chmod(0o600)
            self._db.execute("INSERT OR IGNORE INTO receivers (address) VALUES (?)", (address,))
            query = "SELECT number FROM receivers WHERE address = ?"
            self._receiver: int = self._db.execute(query, (address,)).fetchone()[0]

    def known(self, ids: Sequence[str], table: str = "sent") -> frozenset[str]:
        """Return those of *ids* that were sent; with *table* `made`, those that were new at the receiver."""
        named = {_short(id_): id_ for id_ in ids}
        marks = ", ".join("?" * len(named))
        query = f"SELECT id FROM {table} WHERE receiver = ? AND id IN ({marks})"  # noqa: S608  question marks
        with self._storage_errors():
            found = self._db.execute(query, (self._receiver, *named))
            return frozenset(named[short] for (short,) in found)

    def add(self, ids: Iterable[str], made: Iterable[str]) -> None:
        """Record that *ids* were sent, and *made* of them. They are on stable storage when this returns."""
        with self._storage_errors():
            self._db.execute("BEGIN IMMEDIATE")
            for table, some in (("sent", ids), ("made", made)):
                rows = [(self._receiver, _short(id_)) for id_ in some]
                self._db.executemany(f"INSERT OR IGNORE INTO {table} VALUES (?, ?)", rows)  # noqa: S608
            self._db.execute("COMMIT")

    def take_back(self, id_: str) -> None:
        """Record that the receiver no longer has an event, so that it can be sent again."""
        with self._storage_errors():
            for table in ("sent", "made"):
                row = (self._receiver, _short(id_))
                self._db.execute(f"DELETE FROM {table} WHERE receiver = ? AND id = ?", row)  # noqa: S608

    def forget(self) -> None:
        """Forget all ids of this address, so that everything is sent again."""
        with self._storage_errors():
            self._db.execute("DELETE FROM sent WHERE receiver = ?", (self._receiver,))

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def _storage_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreUnavailable(f"{self._path}: expected to write and read it, got: {error}") from None


@contextmanager
def locked(folder: Path) -> Iterator[Path]:
    """Create and lock the state folder for one run. Two runs would mix their orders.

    Raises UsageError if another run holds the lock or the folder cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise UsageError(f"{folder}: expected a folder to write to, got: {error.strerror}") from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                f"{folder}: another import is using this folder; wait, or name another one with --state"
            ) from None
        yield folder
    finally:
        os.close(lock)


def _short(id_: str) -> bytes:
    # Half the size of most ids, and unique for all practical purposes.
    return hashlib.blake2b(id_.encode(), digest_size=_ID_BYTES).digest()
