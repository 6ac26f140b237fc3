"""What a room asks of a database, whichever it is; `sqlite` and `postgresql` answer.

Statements are written once, with `?` for a parameter, in the SQL that both understand.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from gitdailies_core.errors import StoreUnavailable

if TYPE_CHECKING:
    from sqlalchemy import Engine


class Session(Protocol):
    """One connection, on which whoever has it begins and ends transactions through its `Database`."""

    def execute(self, statement: str, parameters: Sequence[Any] = ..., /) -> Any:
        """Run a statement; the cursor that is returned has rows as tuples, and `rowcount`."""

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]], /) -> Any:
        """Run a statement once for each of *rows*; in a transaction, by its commit at the latest."""

    def close(self) -> None: ...


class ErrorScope(Enum):
    """What an error of a driver is about."""

    ITEM = auto()  # a value or a statement: the same again would fail the same way
    CONFLICT = auto()  # two transactions in each other's way: the same again may succeed
    STORE = auto()  # the database: nothing can be read or written for now


class Size(NamedTuple):
    """How many bytes a database takes, and how many of them are free for what comes."""

    bytes: int
    free_bytes: int


class Database(Protocol):
    """A database of one room: its sessions, transactions, errors and schema."""

    # The driver's errors, for `except`.
    errors: tuple[type[Exception], ...]
    # Whether reading takes microseconds, so that an event loop may do it itself.
    is_local: bool

    # How a column of text is read as bytes.
    as_bytes: str

    def __str__(self) -> str:
        """Return its address without a password."""

    def connect(self, *, read_only: bool = False) -> Session:
        """Open a connection; raises StoreUnavailable, which names database and reason."""

    def begin(self, session: Session) -> None:
        """Begin a transaction that writes; those of one room take turns, from its first statement on."""

    def commit(self, session: Session) -> None:
        """Commit; returns after everything is on stable storage."""

    def rollback(self, session: Session) -> None:
        """End the transaction, if there is one, and undo it."""

    def error_scope(self, error: Exception) -> ErrorScope: ...

    def lock(self) -> None:
        """Take the database for one server, where only one may have it; raises ConfigurationError."""

    def unlock(self) -> None: ...

    def schema_version(self, session: Session) -> str | None:
        """Return the name of the schema that is there, or None where there is none."""

    def has_table(self, session: Session, table: str) -> bool:
        """Return whether the schema has *table*."""

    def size(self, session: Session) -> Size: ...

    def shrink(self, session: Session, most_bytes: int) -> None:
        """Give back at most that much of what is free, in a transaction, where nothing else does."""

    def engine(self, session: Session) -> Engine:
        """Return an engine whose one connection is *session*, for Alembic."""


def reason(error: BaseException) -> str:
    """Say in a line what the disk or the database answered."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    told = str(error).strip().splitlines()
    return (told[0] if told else type(error).__name__).lower()


def unavailable(database: Database, wanted: str, error: Exception) -> StoreUnavailable:
    """Say what was wanted of a database, and what came instead."""
    return StoreUnavailable(f"{database}: expected {wanted}, got {reason(error)}")
