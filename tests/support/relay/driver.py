"""SQLite's own library behind the names of the `sqlite3` module, on a file system of the test's own.

apsw opens files through a VFS written in Python. `Connection` is as much of `sqlite3.Connection` as
the stores and Alembic use, with its errors, so that the stores' own statements run unchanged.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.support.relay.power import Change, Cut, Removed, Synced, Written

# The module's errors for SQLite's results (its documentation, "Exceptions").
_ERRORS: tuple[tuple[type[Exception], type[Exception]], ...] = (
    (apsw.ConstraintError, sqlite3.IntegrityError),
    (apsw.MismatchError, sqlite3.IntegrityError),
    (apsw.TooBigError, sqlite3.DataError),
    (apsw.MisuseError, sqlite3.ProgrammingError),
    (apsw.BindingsError, sqlite3.ProgrammingError),
    (apsw.CorruptError, sqlite3.DatabaseError),
    (apsw.NotADBError, sqlite3.DatabaseError),
    (apsw.Error, sqlite3.OperationalError),
)
_NAME = "watched"

Observer = Callable[[Change], None]


class _File(apsw.VFSFile):
    def __init__(self, name: Any, flags: list[int], seen: Observer) -> None:
        super().__init__("unix", name, flags)
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        self._file = Path(path).name
        self._seen = seen

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802  as SQLite names it
        super().xWrite(data, offset)
        self._seen(Written(self._file, offset, bytes(data)))

    def xTruncate(self, size: int) -> None:  # noqa: N802  as SQLite names it
        super().xTruncate(size)
        self._seen(Cut(self._file, size))

    def xSync(self, flags: int) -> None:  # noqa: N802  as SQLite names it
        super().xSync(flags)
        self._seen(Synced(self._file))


class _FileSystem(apsw.VFS):
    def __init__(self, seen: Observer) -> None:
        super().__init__(_NAME, "unix")
        self._seen = seen

    def xOpen(self, name: Any, flags: list[int]) -> _File:  # noqa: N802  as SQLite names it
        return _File(name, flags, self._seen)

    def xDelete(self, name: str, sync: bool) -> None:  # noqa: N802  as SQLite names it
        super().xDelete(name, sync)
        self._seen(Removed(Path(name).name, sync))


class Cursor:
    """The result of a statement."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None
        self.arraysize = 1

    def execute(self, statement: str, values: Any = ()) -> Cursor:
        return self.executemany(statement, [values])

    def executemany(self, statement: str, rows: Iterable[Any]) -> Cursor:
        before = self._connection.total_changes()
        # Removed again, since a cycle would leave a finished statement open.
        self._cursor.exec_trace = self._describe
        try:
            with _translated():
                for row in rows:
                    self._cursor.execute(statement, row)
        finally:
            self._cursor.exec_trace = None
        if statement.lstrip()[:6].upper() in ("INSERT", "UPDATE", "DELETE"):
            self.rowcount = self._connection.total_changes() - before
            self.lastrowid = self._connection.last_insert_rowid()
        return self

    def _describe(self, cursor: Any, _statement: str, _values: Any) -> bool:
        found = cursor.getdescription()
        self.description = [(name, *(None,) * 6) for name, _ in found] if found else None
        return True

    def fetchone(self) -> Any:
        with _translated():
            return self._cursor.fetchone()

    def fetchall(self) -> list[Any]:
        with _translated():
            found: list[Any] = self._cursor.fetchall()
            return found

    def fetchmany(self, most: int) -> list[Any]:
        return [row for _, row in zip(range(most), self, strict=False)]

    def __iter__(self) -> Iterator[Any]:
        while (row := self.fetchone()) is not None:
            yield row

    def close(self) -> None:
        self._cursor.close(True)


class Connection:
    """A connection without transactions of its own, as with `isolation_level=None`."""

    isolation_level = None

    def __init__(self, uri: str, busy_seconds: float, reword: Callable[[str], str]) -> None:
        flags = apsw.SQLITE_OPEN_URI | apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
        with _translated():
            self._connection = apsw.Connection(uri, flags=flags, vfs=_NAME)
        self._connection.set_busy_timeout(int(busy_seconds * 1000))
        self._reword = reword

    @property
    def in_transaction(self) -> bool:
        return bool(self._connection.in_transaction)

    @property
    def total_changes(self) -> int:
        return int(self._connection.total_changes())

    def cursor(self) -> Cursor:
        return Cursor(self._connection)

    def execute(self, statement: str, values: Any = ()) -> Cursor:
        return self.cursor().execute(self._reword(statement), values)

    def executemany(self, statement: str, rows: Iterable[Any]) -> Cursor:
        return self.cursor().executemany(statement, rows)

    def create_function(self, name: str, count: int, function: Any, *, deterministic: bool = False) -> None:
        self._connection.create_scalar_function(name, function, count, deterministic=deterministic)

    def commit(self) -> None:
        if self.in_transaction:
            self.execute("COMMIT")

    def rollback(self) -> None:
        if self.in_transaction:
            self.execute("ROLLBACK")

    def close(self) -> None:
        # As sqlite3 does it: a statement that still runs is ended, and nothing is said of a log that
        # could not be carried over.
        with suppress(apsw.Error):
            self._connection.close(True)


@contextmanager
def watched(
    monkeypatch: pytest.MonkeyPatch, seen: Observer, reword: Callable[[str], str] = str
) -> Iterator[None]:
    """Open every SQLite file through apsw, and call *seen* with each change before the next one.

    An error that *seen* raises, such as `sync_failed()`, is the disk's answer. *reword* may put another
    statement in place of one.
    """

    def connect(database: str, *, timeout: float = 5.0, **_: Any) -> Connection:
        return Connection(database, timeout, reword)

    file_system = _FileSystem(seen)
    try:
        with monkeypatch.context() as patched:
            patched.setattr(sqlite3, "connect", connect)
            yield
    finally:
        file_system.unregister()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except apsw.Error as error:
        kind = next(ours for theirs, ours in _ERRORS if isinstance(error, theirs))
        raise kind(str(error).split(": ", 1)[-1]) from error


def sync_failed() -> apsw.IOError:
    """Return SQLite's error for EIO on fsync."""
    failure = apsw.IOError("disk I/O error")
    # Its stub does not list what its documentation does.
    failure.extendedresult = apsw.SQLITE_IOERR_FSYNC  # type: ignore[attr-defined]
    return failure


def statements(*reworded: tuple[str, str]) -> Callable[[str], str]:
    """Return a `reword` that puts the second of each pair in place of the first."""
    table: dict[str, str] = dict(reworded)
    return lambda statement: table.get(statement, statement)
