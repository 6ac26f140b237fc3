"""The ids that each address has taken, so that the next run continues where this one stopped.

One SQLite file in the state folder, synced after each response. A run that is killed between sending and
writing sends one request again. Its ids are the same, so nothing is counted twice.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from gitdailies_core.errors import UsageError

from gitdailies_history.sqlite_file import SqliteFile

_SCHEMA = """
PRAGMA journal_mode=WAL;
PRAGMA synchronous=FULL;
PRAGMA cache_size=-32768;
CREATE TABLE IF NOT EXISTS receivers (number INTEGER PRIMARY KEY, address TEXT UNIQUE NOT NULL);
CREATE TABLE IF NOT EXISTS sent (receiver INT, id BLOB, PRIMARY KEY (receiver, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS made (receiver INT, id BLOB, PRIMARY KEY (receiver, id)) WITHOUT ROWID;
"""
_ID_BYTES = 16


class Checkpoint(SqliteFile):
    """The ids that one address has taken. The folder must be `locked`."""

    def __init__(self, folder: Path, address: str) -> None:
        super().__init__(folder / "sent.db", _SCHEMA)
        self._rows("INSERT OR IGNORE INTO receivers (address) VALUES (?)", (address,))
        self._receiver = self._rows("SELECT number FROM receivers WHERE address = ?", (address,))[0][0]

    def known(self, ids: Sequence[str], table: str = "sent") -> frozenset[str]:
        """Return those of *ids* that were sent; with *table* `made`, those that were new at the receiver."""
        named = {_short(id_): id_ for id_ in ids}
        marks = ", ".join("?" * len(named))
        query = f"SELECT id FROM {table} WHERE receiver = ? AND id IN ({marks})"  # noqa: S608  question marks
        return frozenset(named[short] for (short,) in self._rows(query, (self._receiver, *named)))

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
        for table in ("sent", "made"):
            statement = f"DELETE FROM {table} WHERE receiver = ? AND id = ?"  # noqa: S608
            self._rows(statement, (self._receiver, _short(id_)))

    def forget(self) -> None:
        """Forget all ids of this address, so that everything is sent again."""
        self._rows("DELETE FROM sent WHERE receiver = ?", (self._receiver,))


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
