"""The receiver's database: which one is meant, its schema, one write for a command, reads for a server."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TypeAlias, TypeVar

from gitdailies_connection.config import settings
from gitdailies_core.errors import UsageError
from gitdailies_server.storage import migrations
from gitdailies_server.storage.database import Database, Session, unavailable
from gitdailies_server.storage.sqlite import SqliteDatabase, file_exists

MIGRATIONS = Path(__file__).parent / "migrations"
_SCHEMA = "gitdailies_webhooks"
_IDLE_SESSIONS = 8

Result = TypeVar("Result")

# A path is that of an SQLite file.
Where: TypeAlias = Path | Database


def database_of(store: settings.StoreSetting) -> Database:
    """Return the database that a store's address names."""
    if store.path is not None:
        return SqliteDatabase(store.path)
    from gitdailies_webhooks.sql.postgresql import ReceiverDatabase

    assert store.url is not None
    return ReceiverDatabase(store.url, _SCHEMA)


def database_at(where: Where) -> Database:
    """Return the database itself."""
    return SqliteDatabase(where) if isinstance(where, Path) else where


def existing(where: Where) -> Database:
    """Return the database; raises UsageError for a file that is not there."""
    database = database_at(where)
    if isinstance(database, SqliteDatabase) and not file_exists(database.path):
        raise UsageError(f"store: expected the file of a store, got {database.path}, which is not there")
    return database


def prepare(database: Database) -> None:
    """Bring the store to this version's schema.

    Raises ConfigurationError where it is newer, or another server's, StoreUnavailable where it
    cannot be written.
    """
    migrations.upgrade(database, MIGRATIONS, table="keys")


@contextmanager
def transaction(where: Where) -> Iterator[Session]:
    """Open the store for one transaction, making it or bringing it up to date first.

    It takes no lock, so that it works beside a running server, which sees the change with its next
    request. Raises StoreUnavailable where it cannot be written.
    """
    database = database_at(where)
    prepare(database)
    with closing(database.connect()) as session:
        try:
            database.begin(session)
            yield session
            database.commit(session)
        except BaseException as error:
            with suppress(*database.errors):
                database.rollback(session)
            if isinstance(error, database.errors):
                raise unavailable(database, "read and write it", error) from error
            raise


class Reader:
    """Connections that only read, kept open between uses; any number of threads may ask."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._idle: list[Session] = []
        self._lock = threading.Lock()
        self._closed = False
        # SQLite reads one moment in any transaction, PostgreSQL when it is asked to.
        self._begin = "BEGIN" if database.is_local else "BEGIN ISOLATION LEVEL REPEATABLE READ"

    def read(self, work: Callable[[Session], Result]) -> Result:
        """Run *work* on what stands there at one moment; raises StoreUnavailable."""
        while (session := self._taken()) is not None:
            try:
                return self._run(session, work)
            except self._database.errors:
                # One that was kept may have outlived its server; a new one tells.
                continue
        try:
            return self._run(self._database.connect(read_only=True), work)
        except self._database.errors as error:
            raise unavailable(self._database, "read", error) from error

    def close(self) -> None:
        """Close what is idle, and keep nothing from now on."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for session in idle:
            session.close()

    def _taken(self) -> Session | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _run(self, session: Session, work: Callable[[Session], Result]) -> Result:
        keep = False
        try:
            session.execute(self._begin)
            result = work(session)
            session.execute("ROLLBACK")
            with self._lock:
                if not self._closed and len(self._idle) < _IDLE_SESSIONS:
                    self._idle.append(session)
                    keep = True
            return result
        finally:
            if not keep:
                with suppress(*self._database.errors):
                    session.close()
