"""SQLite files, with settings that make every commit durable."""

import fcntl
import os
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gitdailies_core.errors import ConfigurationError, StoreUnavailable

from gitdailies_server.storage.database import ErrorScope, Size, reason, unavailable
from gitdailies_server.storage.file_watch import FileWatch
from gitdailies_server.storage.write_scope import EVERYTHING, Scope

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

# WAL with FULL syncs at every commit.
_PRAGMAS = (
    "PRAGMA synchronous=FULL",
    "PRAGMA journal_size_limit=33554432",
    "PRAGMA foreign_keys=ON",
    "PRAGMA temp_store=MEMORY",
    # Deleted text is overwritten in the pages that are written anyway.
    "PRAGMA secure_delete=FAST",
)
# Hashes come in no order, so each touches a page of its own: with the 2 MB that are usual, SQLite would read
# most of them again for each transaction.
_WRITER_CACHE = "PRAGMA cache_size=-16384"
# Small, frequent checkpoints: a delivery would have to wait for a long one.
_CHECKPOINT_BYTES = 8 * 1024 * 1024
_BUSY_SECONDS = 5.0
# While a file is rewritten, a server that uses it cannot write. A larger one takes longer than it waits.
_LARGEST_IN_USE = 256 * 1024 * 1024

# Errors of a statement or a value; the file causes every other error of SQLite.
_ITEM_ERRORS = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.ProgrammingError, sqlite3.InterfaceError)


class _Connection(sqlite3.Connection):
    """A connection that weak references may point to, unlike those of sqlite3 itself."""


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """Open *path*; create the file (mode 0600) and its folder (0700) if they do not exist.

    The caller begins transactions. Raises StoreUnavailable, which names the file and the reason.
    """
    try:
        if read_only:
            return _open_to_read(path)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Lets retention return freed space while the file is in use; it must be set when the file is created.
        first = ["PRAGMA auto_vacuum=INCREMENTAL"] if _create(path) else []
        return _open(path, "mode=rwc", *first, "PRAGMA journal_mode=WAL", _WRITER_CACHE)
    except (sqlite3.Error, OSError) as error:
        failure = unavailable(SqliteDatabase(path), "open the SQLite file", error)
        if file_exists(path) and not _may_write(path):
            failure = StoreUnavailable(f"{failure}; run this as the user who owns the file")
        raise failure from error


def file_exists(path: Path) -> bool:
    """Whether *path* is a file; also True without permission to look, since opening it gives the error."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError as error:
        return isinstance(error, PermissionError)


def _open_to_read(path: Path) -> sqlite3.Connection:
    """Open *path* read-only, even for a user who may not write the file or its folder.

    If the -wal file does not exist, no process has the file open and the file holds all commits. Then
    SQLite can read it alone, with `immutable=1`, and needs no files next to it.
    """
    try:
        return _open(path, "mode=ro")
    except sqlite3.OperationalError:
        if _may_write(path) or file_exists(path.with_name(f"{path.name}-wal")):
            raise
    return _open(path, "mode=ro&immutable=1")


def _open(path: Path, how: str, *first: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{how}",
        uri=True,
        isolation_level=None,
        timeout=_BUSY_SECONDS,
        check_same_thread=False,
        cached_statements=256,
        factory=_Connection,
    )
    try:
        for pragma in (*first, *_PRAGMAS):
            _set_pragma(connection, pragma)
        # The unit is pages; each file has its own page size.
        connection.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_BYTES // _page_bytes(connection)}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _may_write(path: Path) -> bool:
    return all(os.access(place, os.W_OK, effective_ids=True) for place in (path, path.parent))


def _set_pragma(connection: sqlite3.Connection, pragma: str) -> None:
    """Execute *pragma*, and wait for another process that is making the same file: SQLite itself does not."""
    ends = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute(pragma).fetchall()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= ends:
                raise
            time.sleep(0.005)
        else:
            return


def _page_bytes(connection: sqlite3.Connection) -> int:
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    return int(size)


def _create(path: Path) -> bool:
    """Create the file if it does not exist, and return whether it did; sqlite3 would let others read it.

    An existing file is not opened. Closing any descriptor of a file releases every POSIX lock that the
    process holds on it, also SQLite's. Another process could then delete the log that we use
    (SQLite's "How To Corrupt An SQLite Database File", 2.2).
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return False
    return True


class ServerLock:
    """Holds `FILE.lock` while a server uses FILE, at most until its process ends. Commands need no lock."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + ".lock")
        self._file: int | None = None

    def acquire(self) -> None:
        """Take the lock; raises ConfigurationError that names the process that holds it."""
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise ConfigurationError(f"{self._path}: cannot create the lock file: {reason(error)}") from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(file, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(file)
            raise ConfigurationError(
                f"{self._path}: another server uses this file, process id {holder}"
            ) from None
        os.ftruncate(file, 0)
        os.write(file, f"{os.getpid()}\n".encode())
        self._file = file

    def note(self, fault: str) -> None:
        """Write after the process id when settings were reloaded, and *fault* if they were not."""
        if self._file is not None:
            text = f"{os.getpid()}\n{time.time_ns()} {' '.join(fault.split())}\n".encode()
            os.pwrite(self._file, text, 0)
            os.ftruncate(self._file, len(text))

    def told(self) -> tuple[int, str] | None:
        """Return the process id of the server that holds the lock, and its last note; None if none does."""
        try:
            file = os.open(self._path, os.O_RDONLY)
        except OSError:
            return None
        with os.fdopen(file, errors="replace") as opened:
            try:
                fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                process, _, note = opened.read().partition("\n")
                return (int(process), note) if process.isdigit() else None
        return None

    def release(self) -> None:
        """Release the lock. The file stays, empty: deleting it could race with another server."""
        if self._file is not None:
            # No process id stays that another process may have later.
            os.ftruncate(self._file, 0)
            os.close(self._file)
            self._file = None


class SqliteDatabase:
    """One file, used by one server at a time and by commands. Tests of bad disks replace *opening*."""

    errors: tuple[type[Exception], ...] = (sqlite3.Error,)
    is_local = True
    as_bytes = "CAST({} AS BLOB)"

    def __init__(self, path: Path, opening: Callable[..., sqlite3.Connection] = connect) -> None:
        self.path = path
        self._opening = opening
        self._lock = ServerLock(path)
        self._watch: FileWatch | None = None

    def __str__(self) -> str:
        return str(self.path)

    def connect(self, *, read_only: bool = False, for_intake: bool = False) -> sqlite3.Connection:  # noqa: ARG002
        # Otherwise a server would make an empty file in place of one that was deleted.
        if self._watch is not None and (moved := self._watch.moved()):
            raise StoreUnavailable(moved)
        return self._opening(self.path, read_only=read_only)

    def begin(self, session: Any, scope: Scope = EVERYTHING) -> None:  # noqa: ARG002  there is one lock
        session.execute("BEGIN IMMEDIATE")

    def commit(self, session: Any) -> None:
        session.execute("COMMIT")

    def rollback(self, session: Any) -> None:
        if session.in_transaction:
            session.execute("ROLLBACK")

    def begin_reading(self, session: Any) -> None:
        # Every transaction of SQLite reads one snapshot.
        session.execute("BEGIN")

    def end_reading(self, session: Any) -> None:
        session.execute("ROLLBACK")

    def error_scope(self, error: Exception) -> ErrorScope:
        of_sqlite = isinstance(error, sqlite3.Error) and not isinstance(error, _ITEM_ERRORS)
        return ErrorScope.STORE if of_sqlite else ErrorScope.ITEM

    def lock(self) -> None:
        self._lock.acquire()

    def unlock(self) -> None:
        self._lock.release()
        self._watch = None

    def note_reload(self, fault: str = "") -> None:
        self._lock.note(fault)

    def watch(self) -> FileWatch | None:
        self._watch = FileWatch(self.path)
        return self._watch

    def has_table(self, session: Any, table: str) -> bool:
        return session.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone() is not None

    def size(self, session: Any) -> Size:
        page = _page_bytes(session)
        (pages,) = session.execute("PRAGMA page_count").fetchone()
        (free,) = session.execute("PRAGMA freelist_count").fetchone()
        return Size(pages * page, free * page)

    def shrink(self, session: Any, most_bytes: int) -> None:
        # One page at a time: the driver of Python 3.11 ends the statement after the first page. A file
        # that was created without auto_vacuum needs a VACUUM first.
        for _ in range(most_bytes // _page_bytes(session)):
            session.execute("PRAGMA incremental_vacuum(1)").fetchall()

    def scrub(self) -> str:
        if ServerLock(self.path).told() and self.path.stat().st_size > _LARGEST_IN_USE:
            return (
                f"{self}: free space may still hold the text; the file is large, and rewriting it would make "
                "the server wait: stop the server, and run this again"
            )
        try:
            with closing(self.connect()) as session:
                # Space that was freed by servers is not overwritten. A new file has none.
                session.execute("PRAGMA temp_store=FILE").fetchall()
                session.execute("VACUUM").fetchall()
                return self._empty_log(session)
        except self.errors as error:
            return f"{self}: free space of the file may still hold the text, {error}; run this again"

    def _empty_log(self, session: sqlite3.Connection) -> str:
        ends = time.monotonic() + 2 * _BUSY_SECONDS
        while session.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            if time.monotonic() > ends:
                return f"{self}-wal: another process reads the log, which may hold the text; run this again"
            time.sleep(0.05)
        return ""

    @contextmanager
    def engine(self, session: Any) -> "Iterator[Engine]":
        from sqlalchemy import create_engine, event
        from sqlalchemy.pool import StaticPool

        engine = create_engine("sqlite://", creator=lambda: session, poolclass=StaticPool)

        @event.listens_for(engine, "begin")
        def begin(bound: "Connection") -> None:
            # The driver begins no transactions of its own, so DDL is part of ours.
            bound.exec_driver_sql("BEGIN IMMEDIATE")

        yield engine
