"""The relay's store: one writer for what the server does, plain transactions for commands."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from gitdailies_connection.config import settings
from gitdailies_server.storage import migrations
from gitdailies_server.storage.database import Database, Session, unavailable
from gitdailies_server.storage.group_commit import GroupWriter
from gitdailies_server.storage.sqlite import SqliteDatabase
from gitdailies_server.storage.timestamps import now_us

from gitdailies_relay.accepting.acceptance import Accepted, Delivery, accept
from gitdailies_relay.accepting.store_port import Rows
from gitdailies_relay.store import outbox
from gitdailies_relay.store.sqlite import SqliteRows

_EVER = 10**16  # microseconds: three hundred years
_SCHEMA = "gitdailies_relay"

MIGRATIONS = Path(__file__).parent / "migrations"

Job: TypeAlias = Callable[[Session], Any]
Item: TypeAlias = "Delivery | Attempts | Job"
Told = TypeVar("Told")


@dataclass(frozen=True)
class Attempts:
    """Attempts that came back together, and are written together."""

    of: tuple[outbox.Attempt, ...]


class Store:
    """The store of a running relay. Open it with `open`; every method runs in the event loop.

    `accept` and `record` return after their commit was synced. Reads use a connection of their
    own, which waits for no writer. *timed* is told of every commit, as GroupWriter says.
    """

    def __init__(
        self, database: Database, timed: Callable[[float, int], None] = lambda _seconds, _items: None
    ) -> None:
        self.database = database
        self._writer: GroupWriter[Item, Any] = GroupWriter(
            database=database, apply=self._apply, quick=_is_quick, timed=timed
        )
        self._reader: Session | None = None
        self._reading = threading.Lock()

    def open(self) -> None:
        """Take the database for this server, bring its schema up to date, and start the writer."""
        self.database.lock()
        migrate(self.database)
        self._writer.start()

    async def close(self) -> None:
        await self._writer.stop()
        if self._reader is not None:
            self._reader.close()
        self.database.unlock()

    @property
    def fault(self) -> str:
        """Why the last commit failed, or ""."""
        return self._writer.fault

    def accept(self, delivery: Delivery) -> asyncio.Future[Accepted]:
        """Store a delivery and what follows from it; both call and future may raise StoreUnavailable."""
        return self._writer.put(delivery)

    async def record(self, attempts: Sequence[outbox.Attempt]) -> None:
        """Write *attempts*, all or none; raises StoreUnavailable."""
        await self._writer.put(Attempts(tuple(attempts)))

    async def run(self, job: Job) -> Any:
        """Run *job* in a write transaction of the writer and return what it returns."""
        return await self._writer.put(job)

    def report(self, tell: Callable[[Session], Any]) -> Any:
        """Return what *tell* reads, on a connection of its own: any thread may ask."""
        with reading(self.database) as session:
            return tell(session)

    async def due(self, most: int, *, waiting: bool = False) -> list[outbox.Due]:
        """Return heads that may be sent now, or with *waiting* also those that should wait.

        Whoever wants to send them claims them first. Raises StoreUnavailable.
        """
        now = now_us()
        return await self._read(
            lambda s: outbox.due(s, self.database.as_bytes, now + (_EVER if waiting else 0), now, most)
        )

    async def claim(self, heads: Sequence[outbox.Due], seconds: float) -> list[outbox.Due]:
        """Return those of *heads* that are now this server's to send, for *seconds*.

        On a database of one server that is all of them.
        """
        if self.database.is_local or not heads:
            return list(heads)
        now = now_us()
        claimed = await self._read(
            lambda s: outbox.claim(s, [head.seq for head in heads], now, now + int(seconds * 1e6))
        )
        return [head for head in heads if head.seq in claimed]

    async def release(self, heads: Sequence[outbox.Due]) -> None:
        """Give back claims that came to nothing."""
        if not self.database.is_local and heads:
            await self._read(lambda s: outbox.release(s, [head.seq for head in heads]))

    async def paused(self, destination: str) -> tuple[str, str]:
        """Return by what the destination is paused and why, or two empty texts."""
        return await self._read(lambda s: s.execute(_PAUSED, (destination,)).fetchone() or ("", ""))

    async def _read(self, tell: Callable[[Session], Told]) -> Told:
        if self.database.is_local:
            return self._read_now(tell)
        return await asyncio.to_thread(self._read_now, tell)

    def _read_now(self, tell: Callable[[Session], Told]) -> Told:
        with self._reading:
            try:
                if self._reader is None:
                    self._reader = self.database.connect()
                return tell(self._reader)
            except self.database.errors as error:
                if self._reader is not None:
                    with contextlib.suppress(*self.database.errors):
                        self._reader.close()
                    self._reader = None
                raise unavailable(self.database, "read", error) from error

    def _apply(self, session: Session, items: Sequence[Item]) -> list[Any]:
        """Write what was handed over together: deliveries at once, attempts at once, jobs as they came."""
        deliveries = [item for item in items if isinstance(item, Delivery)]
        attempts = [attempt for item in items if isinstance(item, Attempts) for attempt in item.of]
        accepted = accept(rows_of(self.database, session), deliveries) if deliveries else []
        assert len(accepted) == len(deliveries)
        answers = iter(accepted)
        if attempts:
            outbox.record(session, attempts)
        results: list[Any] = []
        for item in items:
            if isinstance(item, Delivery):
                results.append(next(answers))
            else:
                results.append(None if isinstance(item, Attempts) else item(session))
        return results


def _is_quick(item: Item) -> bool:
    # A job may move a million events.
    return isinstance(item, (Delivery, Attempts))


def database_of(store: settings.StoreSetting) -> Database:
    """Return the database that `relay.store` names."""
    if store.path is not None:
        return SqliteDatabase(store.path)
    from gitdailies_server.storage.postgresql import PostgresqlDatabase

    assert store.url is not None
    return PostgresqlDatabase(store.url, _SCHEMA)


def rows_of(database: Database, session: Session) -> Rows:
    """Return how an acceptance reads and writes in the transaction of *session*."""
    if database.is_local:
        return SqliteRows(session)
    from gitdailies_relay.store.postgresql import PostgresqlRows

    return PostgresqlRows(session)


_PAUSED = "SELECT paused, reason FROM destinations WHERE name = ?"
_PAUSE = (
    "INSERT INTO destinations (name, paused, reason, since) VALUES (?,?,?,?)"
    " ON CONFLICT (name) DO UPDATE"
    " SET paused = excluded.paused, reason = excluded.reason, since = excluded.since"
    # What a person paused, only a person resumes.
    " WHERE destinations.paused != 'manual'"
)
_RESUME = "DELETE FROM destinations WHERE name = ?"


def pause(session: Session, destination: str, what: str, why: str) -> None:
    """Pause a destination; *what* is manual, key or address."""
    session.execute(_PAUSE, (destination, what, why, now_us()))


def resume(session: Session, destination: str) -> None:
    """Let a destination go on, and everything that waits be tried at once."""
    session.execute(_RESUME, (destination,))
    outbox.hurry(session, now_us())


def migrate(database: Database) -> None:
    """Bring the database to this version's schema.

    Raises ConfigurationError where it is newer, or another server's.
    """
    migrations.upgrade(database, MIGRATIONS, table="deliveries")


@contextlib.contextmanager
def reading(database: Database) -> Iterator[Session]:
    """Open the database for a report; raises StoreUnavailable where it is not there or not readable."""
    with contextlib.closing(database.connect(read_only=True)) as session:
        try:
            yield session
        except database.errors as error:
            raise unavailable(database, "read it as a relay's store", error) from error


@contextlib.contextmanager
def transaction(database: Database) -> Iterator[Session]:
    """Open the database for one command's write transaction, beside a running server.

    Raises StoreUnavailable where it cannot be written.
    """
    with contextlib.closing(database.connect()) as session:
        try:
            database.begin(session)
            yield session
            database.commit(session)
        except BaseException as error:
            with contextlib.suppress(*database.errors):
                database.rollback(session)
            if isinstance(error, database.errors):
                raise unavailable(database, "write", error) from error
            raise
