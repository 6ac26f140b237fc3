"""What was sent, written down by id and address, so that a run goes on where the one before stopped.

One SQLite file in the state folder, synced after each answer of the receiver. A run that was killed
between sending and writing sends one request again; its ids make that change nothing.

Ids are as good as random: put into their table one request at a time they would write a page each.
So those of a request are written down behind one another, and the next run sorts them in.
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
CREATE TABLE IF NOT EXISTS added (n INTEGER PRIMARY KEY, receiver INT, ids BLOB);
"""
_ID_BYTES = 16
# What is sorted in memory at once.
_SORTED = 100_000


class Sent:
    """The ids that one address has answered for, in the folder that `held` locks."""

    def __init__(self, folder: Path, address: str) -> None:
        self._path = folder / "sent.db"
        with self._told():
            self._db = sqlite3.connect(self._path, isolation_level=None)
            self._db.executescript(_SCHEMA)
            self._path.chmod(0o600)
            self._sort_in()
            self._db.execute("INSERT OR IGNORE INTO receivers (address) VALUES (?)", (address,))
            query = "SELECT number FROM receivers WHERE address = ?"
            self._receiver: int = self._db.execute(query, (address,)).fetchone()[0]

    def known(self, ids: Sequence[str]) -> frozenset[str]:
        """Return those of *ids* that earlier runs sent; what this one adds is not among them."""
        named = {_short(id_): id_ for id_ in ids}
        marks = ", ".join("?" * len(named))
        query = f"SELECT id FROM sent WHERE receiver = ? AND id IN ({marks})"  # noqa: S608  question marks
        with self._told():
            found = self._db.execute(query, (self._receiver, *named))
            return frozenset(named[short] for (short,) in found)

    def add(self, ids: Iterable[str]) -> None:
        """Write down that these were sent; on stable storage when it returns."""
        with self._told():
            joined = b"".join(map(_short, ids))
            self._db.execute("INSERT INTO added (receiver, ids) VALUES (?, ?)", (self._receiver, joined))

    def forget(self) -> None:
        """Let everything be sent to this address again."""
        with self._told():
            self._db.execute("DELETE FROM sent WHERE receiver = ?", (self._receiver,))

    def close(self) -> None:
        self._db.close()

    def _sort_in(self) -> None:
        """Take what the last run added over into the table that is asked."""
        self._db.execute("BEGIN IMMEDIATE")
        rows: list[tuple[int, bytes]] = []
        for receiver, ids in self._db.execute("SELECT receiver, ids FROM added ORDER BY n"):
            rows += [(receiver, ids[at : at + _ID_BYTES]) for at in range(0, len(ids), _ID_BYTES)]
            if len(rows) >= _SORTED:
                self._insert(rows)
        self._insert(rows)
        self._db.execute("DELETE FROM added")
        self._db.execute("COMMIT")

    def _insert(self, rows: list[tuple[int, bytes]]) -> None:
        rows.sort()
        self._db.executemany("INSERT OR IGNORE INTO sent VALUES (?, ?)", rows)
        rows.clear()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreUnavailable(f"{self._path}: expected to write and read it, got: {error}") from None


@contextmanager
def held(folder: Path) -> Iterator[Path]:
    """Hold the state folder, made where it is not there, for one run; two would mix their orders.

    Raises UsageError where another run holds it or it cannot be made.
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
            raise UsageError(f"{folder}: expected one import at a time, got another that runs") from None
        yield folder
    finally:
        os.close(lock)


def _short(id_: str) -> bytes:
    # Half the size of most ids, and as good as unique.
    return hashlib.blake2b(id_.encode(), digest_size=_ID_BYTES).digest()
