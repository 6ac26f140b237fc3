"""Open the receiver's database: its schema, one transaction for a command, many reads for a server."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias, TypeVar
from weakref import WeakKeyDictionary

from gitdailies_connection.config.sections import settings
from gitdailies_core.errors import UsageError
from gitdailies_server.storage import migrations
from gitdailies_server.storage.database import Database, Session, unavailable
from gitdailies_server.storage.database import transaction as database_transaction
from gitdailies_server.storage.sqlite import SqliteDatabase, file_exists

from gitdailies_dora.sql.additions import make_tables

MIGRATIONS = Path(__file__).parent / "migrations"
_SCHEMA = "gitdailies_webhooks"
_IDLE_SESSIONS = 8
# How many questions run at once, each in a process of its own.
RUNNING = 2
# Settings of PostgreSQL for many small statements that use indexes.
PLANS = (
    # Starting worker processes takes longer than most of these reads.
    "SET LOCAL max_parallel_workers_per_gather = 0",
    # Rows of a period are read in the order of an index. A bitmap scan would have to sort them on disk.
    "SET LOCAL enable_bitmapscan = off",
)

Result = TypeVar("Result")

# What questions keep for the next one, by connection: one thread at a time uses it, and it has one store.
_KEPT: WeakKeyDictionary[Session, dict[str, Any]] = WeakKeyDictionary()

# The path of an SQLite file, or a database of either kind.
StoreLocation: TypeAlias = Path | Database


def database_of(
    store: settings.StoreSetting, connections: int | None = None, *, is_durable: bool = False
) -> Database:
    """Return the database that a `--store` address names; a server gives its settings."""
    if store.path is not None:
        return SqliteDatabase(store.path)
    from gitdailies_server.storage.postgresql import PostgresqlDatabase

    assert store.url is not None
    if connections is None:
        return PostgresqlDatabase(store.url, _SCHEMA, PLANS)
    # The writer has one, the look-ups of keys have one, and so have the questions of people.
    elsewhere = min(RUNNING, connections - 3)
    here = connections - elsewhere
    return PostgresqlDatabase(
        store.url,
        _SCHEMA,
        PLANS,
        connections=here,
        for_intake=max(2, here // 2),
        elsewhere=elsewhere,
        is_durable=is_durable,
    )


def database_at(location: StoreLocation) -> Database:
    """Return the database at *location*."""
    return SqliteDatabase(location) if isinstance(location, Path) else location


def existing_database(location: StoreLocation) -> Database:
    """Return the database at *location*; raises UsageError for an SQLite file that does not exist."""
    database = database_at(location)
    if isinstance(database, SqliteDatabase) and not file_exists(database.path):
        raise UsageError(
            f"store: {database.path} does not exist; name the file of a store, "
            "or start a server with it, which creates it"
        )
    return database


def migrate(database: Database) -> tuple[str, str]:
    """Bring the store to the schema of this version.

    Raises ConfigurationError for a store of a newer version or of another kind of server,
    StoreUnavailable for one that cannot be written.
    """
    done = migrations.upgrade(database, MIGRATIONS, table="keys")
    make_tables(database)
    return done


@contextmanager
def transaction(location: StoreLocation) -> Iterator[Session]:
    """Open the store for one transaction; create it or migrate it first where that is needed.

    It takes no lock, so it works while a server runs. The server sees the change with its next request.
    Raises StoreUnavailable for a store that cannot be written.
    """
    database = database_at(location)
    migrate(database)
    with database_transaction(database, "read and write it") as session:
        yield session


def kept_for(session: Session) -> dict[str, Any]:
    """Return what questions keep for the next one on this connection.

    Only those of a `ReadPool` keep anything: what they read was committed, and is never rolled back.
    """
    return _KEPT.get(session, {})


class ReadPool:
    """Reads on snapshots of the store; any number of threads may use the pool.

    Connections to SQLite stay open between reads. PostgreSQL's are those of the whole server.
    """

    def __init__(self, database: Database, *, for_intake: bool = False) -> None:
        self._database = database
        self._for_intake = for_intake
        self._idle: list[Session] = []
        self._lock = threading.Lock()
        self._closed = False

    def read(self, work: Callable[[Session], Result]) -> Result:
        """Run *work* on a snapshot of the store; raises StoreUnavailable."""
        with suppress(*self._database.errors):
            # The database may have restarted since this connection was opened. The next one shows whether it
            # can be read.
            return self._run(self._idle_session() or self._new_session(), work)
        try:
            return self._run(self._new_session(), work)
        except self._database.errors as error:
            raise unavailable(self._database, "read", error) from error

    def close(self) -> None:
        """Close idle connections, and from now on every connection after its use."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for session in idle:
            session.close()

    def _idle_session(self) -> Session | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _new_session(self) -> Session:
        return self._database.connect(read_only=True, for_intake=self._for_intake)

    def _run(self, session: Session, work: Callable[[Session], Result]) -> Result:
        reusable = False
        try:
            _KEPT.setdefault(session, {})
            self._database.begin_reading(session)
            result = work(session)
            self._database.end_reading(session)
            with self._lock:
                if self._database.is_local and not self._closed and len(self._idle) < _IDLE_SESSIONS:
                    self._idle.append(session)
                    reusable = True
            return result
        finally:
            if not reusable:
                with suppress(*self._database.errors):
                    session.close()
