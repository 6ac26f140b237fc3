"""The interface of a database; `sqlite` and `postgresql` implement it.

Statements are written once, with `?` for a parameter, in the SQL that both understand.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from gitdailies_core.errors import StoreUnavailable

from gitdailies_server.storage.file_watch import FileWatch
from gitdailies_server.storage.write_scope import EVERYTHING, Scope

if TYPE_CHECKING:
    from sqlalchemy import Engine

_PAUSE_SECONDS = 0.01


class Session(Protocol):
    """One connection. Its owner begins and ends transactions through the `Database`."""

    def execute(self, statement: str, parameters: Sequence[Any] = ..., /) -> Any:
        """Run a statement; the returned cursor has rows as tuples, and `rowcount`."""

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]], /) -> Any:
        """Run a statement for each of *rows*, if any; inside a transaction possibly only at its commit."""

    def close(self) -> None: ...


class ErrorScope(Enum):
    """What caused an error of a driver."""

    ITEM = auto()  # a value or a statement: the same again would fail too
    CONFLICT = auto()  # two transactions blocked each other: a retry may succeed
    STORE = auto()  # the database: it cannot be read or written now


class Size(NamedTuple):
    """The size of a database in bytes, and how many of them are free for new rows."""

    bytes: int
    free_bytes: int


class Database(Protocol):
    """The database of one server: its sessions, transactions, errors and schema.

    What only a file needs does nothing here: any number of servers share a schema of PostgreSQL, and its free
    space, its log and its backups are the administrator's.
    """

    # The driver's errors, for `except`.
    errors: tuple[type[Exception], ...]
    # Whether a read takes microseconds, so that the event loop may run it.
    is_local: bool

    # The SQL that converts a text column to bytes; {} is the column.
    as_bytes: str

    def __str__(self) -> str:
        """Return the address without a password."""

    def connect(self, *, read_only: bool = False, for_intake: bool = False) -> Session:
        """Open a connection; raises StoreUnavailable, which names the database and the reason.

        A server has some for intake alone. Raises StoreBusy where all others are in use for too long.
        """

    def begin(self, session: Session, scope: Scope = EVERYTHING) -> None:
        """Begin a transaction that writes, after all others that *scope* excludes.

        A database with one writer at a time ignores the scope.
        """

    def commit(self, session: Session) -> None:
        """Commit; returns when all changes are on stable storage."""

    def rollback(self, session: Session) -> None:
        """Undo and end the transaction, if one is open."""

    def begin_reading(self, session: Session) -> None:
        """Begin to read one snapshot."""

    def end_reading(self, session: Session) -> None:
        """End the snapshot."""

    def error_scope(self, error: Exception) -> ErrorScope:
        """Return what caused *error*."""

    def lock(self) -> None:
        """Lock the database for this server if only one may use it.

        Raises ConfigurationError, also for a database that does not keep what the servers promise.
        """

    def unlock(self) -> None: ...

    def note_reload(self, fault: str = "") -> None:  # noqa: ARG002
        """Write for `gitdailies reload` that settings were reloaded, or why not."""
        return

    def watch(self) -> FileWatch | None:
        """Return what sees that its file is deleted or replaced from now on, or None without a file."""
        return None

    def has_table(self, session: Session, table: str) -> bool:
        """Return whether the schema has *table*."""

    def size(self, session: Session) -> Size: ...

    def shrink(self, session: Session, most_bytes: int) -> None:  # noqa: ARG002
        """Return at most *most_bytes* of free space to the file system, inside a transaction."""
        return

    def scrub(self) -> str:
        """Remove erased text from free space and the log; return why that failed, or ""."""
        return ""

    def engine(self, session: Session) -> "AbstractContextManager[Engine]":
        """Give Alembic an engine with *session* as its only connection. Other servers do not migrate then."""


def reason(error: BaseException) -> str:
    """Return in one line what the disk or the database reported."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__).lower()


def unavailable(database: Database, action: str, error: Exception) -> StoreUnavailable:
    """Return the error that says why the database cannot do *action*, such as `connect`."""
    return StoreUnavailable(f"{database}: cannot {action}: {reason(error)}")


@contextmanager
def transaction(database: Database, action: str = "write", *, dry: bool = False) -> Iterator[Session]:
    """Open the database for one write transaction of a command. A server may be running.

    With *dry*, nothing is written. Raises StoreUnavailable where the database cannot do *action*.
    """
    with closing(database.connect()) as session:
        try:
            database.begin(session)
            yield session
            if dry:
                database.rollback(session)
            else:
                database.commit(session)
        except BaseException as error:
            with suppress(*database.errors):
                database.rollback(session)
            if isinstance(error, database.errors):
                raise unavailable(database, action, error) from error
            raise


@contextmanager
def paced_transaction(database: Database, action: str = "write", *, dry: bool = False) -> Iterator[Session]:
    """Open one transaction of many, as `transaction` does; after it, leave a running server as much time."""
    began = time.monotonic()
    with transaction(database, action, dry=dry) as session:
        yield session
    if not dry:
        time.sleep(max(_PAUSE_SECONDS, time.monotonic() - began))


@contextmanager
def reading(database: Database, action: str = "read") -> Iterator[Session]:
    """Open the database for a report; raises StoreUnavailable where it is missing or cannot be read."""
    with closing(database.connect(read_only=True)) as session:
        try:
            yield session
        except database.errors as error:
            raise unavailable(database, action, error) from error
