"""The relay's SQLite store: one writer for what the server does, plain transactions for commands."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from gitdailies_core.errors import StoreUnavailable
from gitdailies_server import migrations
from gitdailies_server.lock import ServerLock
from gitdailies_server.moments import now_us
from gitdailies_server.sqlite import connect, reason
from gitdailies_server.writer import GroupWriter

from gitdailies_relay import queue
from gitdailies_relay.acceptance import Accepted, Delivery, accept

_EVER = 10**16  # microseconds: three hundred years

MIGRATIONS = Path(__file__).parent / "migrations"

Job: TypeAlias = Callable[[sqlite3.Connection], Any]


class Store:
    """The store of a running relay. Open it with `open`; every method runs in the event loop.

    `accept` and `record` return after their commit was synced. Reads use a connection of their
    own, which WAL keeps from waiting for the writer.
    """

    def __init__(
        self, path: Path, timed: Callable[[float, int], None] = lambda _seconds, _items: None
    ) -> None:
        self.path = path
        self._lock = ServerLock(path)
        self._writer: GroupWriter[Delivery | queue.Attempt | Job, Any] = GroupWriter(
            connect=lambda: connect(path), apply=_apply, timed=timed
        )
        self._reader: sqlite3.Connection | None = None

    def open(self) -> None:
        """Take the file for this server, bring its schema up to date, and start the writer."""
        self._lock.acquire()
        migrate(self.path)
        self._writer.start()

    async def close(self) -> None:
        await self._writer.stop()
        if self._reader is not None:
            self._reader.close()
        self._lock.release()

    @property
    def fault(self) -> str:
        """Why the last commit failed, or ""."""
        return self._writer.fault

    async def accept(self, delivery: Delivery) -> Accepted:
        """Store a delivery and what follows from it; raises StoreUnavailable."""
        accepted: Accepted = await self._writer.put(delivery)
        return accepted

    async def record(self, attempt: queue.Attempt) -> None:
        await self._writer.put(attempt)

    async def run(self, job: Job) -> Any:
        """Run *job* in a write transaction of the writer and return what it returns."""
        return await self._writer.put(job)

    def report(self, tell: Callable[[sqlite3.Connection], Any]) -> Any:
        """Return what *tell* reads, on a connection of its own: any thread may ask."""
        with reading(self.path) as connection:
            return tell(connection)

    def due(self, most: int, *, waiting: bool = False) -> list[queue.Due]:
        """Return heads that may be sent now, or with *waiting* also those that should wait.

        Raises StoreUnavailable.
        """
        with self._reading() as connection:
            return queue.due(connection, now_us() + (_EVER if waiting else 0), most)

    def paused(self, destination: str) -> tuple[str, str]:
        """Return by what the destination is paused and why, or two empty texts."""
        with self._reading() as connection:
            row = connection.execute(_PAUSED, (destination,)).fetchone()
            return row or ("", "")

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        try:
            if self._reader is None:
                self._reader = connect(self.path)
            yield self._reader
        except sqlite3.Error as error:
            if self._reader is not None:
                self._reader.close()
                self._reader = None
            raise StoreUnavailable(f"{self.path}: expected to read, got {reason(error)}") from error


_PAUSED = "SELECT paused, reason FROM destinations WHERE name = ?"
_PAUSE = (
    "INSERT INTO destinations (name, paused, reason, since) VALUES (?,?,?,?)"
    " ON CONFLICT DO UPDATE SET paused = excluded.paused, reason = excluded.reason, since = excluded.since"
    # What a person paused, only a person resumes.
    " WHERE paused != 'manual'"
)
_RESUME = "DELETE FROM destinations WHERE name = ?"


def pause(connection: sqlite3.Connection, destination: str, what: str, why: str) -> None:
    """Pause a destination; *what* is manual, key or address."""
    connection.execute(_PAUSE, (destination, what, why, now_us()))


def resume(connection: sqlite3.Connection, destination: str) -> None:
    """Let a destination go on, and everything that waits be tried at once."""
    connection.execute(_RESUME, (destination,))
    queue.hurry(connection, now_us())


def migrate(path: Path) -> None:
    """Bring the file to this version's schema; raises ConfigurationError for a newer one."""
    with contextlib.closing(connect(path)) as connection:
        migrations.upgrade(connection, MIGRATIONS, str(path))


@contextlib.contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the file for a report; raises StoreUnavailable where it is not there or not readable."""
    with contextlib.closing(connect(path, read_only=True)) as connection:
        try:
            yield connection
        except sqlite3.Error as error:
            raise StoreUnavailable(f"{path}: expected a relay's store, got {reason(error)}") from error


@contextlib.contextmanager
def transaction(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the file for one command's write transaction, beside a running server.

    Raises StoreUnavailable where it cannot be written.
    """
    with contextlib.closing(connect(path)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
        except BaseException as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise StoreUnavailable(f"{path}: expected to write, got {reason(error)}") from error
            raise


def _apply(connection: sqlite3.Connection, items: Sequence[Delivery | queue.Attempt | Job]) -> list[Any]:
    results: list[Any] = []
    for item in items:
        if isinstance(item, Delivery):
            results.append(accept(connection, item))
        elif isinstance(item, queue.Attempt):
            queue.record(connection, item)
            results.append(None)
        else:
            results.append(item(connection))
    return results
