"""Back up an SQLite store while its server runs, and restore a copy."""

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from gitdailies_core.errors import StoreUnavailable, UsageError

from gitdailies_server.storage.database import reason
from gitdailies_server.storage.sqlite import ServerLock, SqliteDatabase

# The files that SQLite keeps next to a database.
_BESIDE = ("", "-wal", "-shm")
REPLACED = ".before-restore"


def back_up(database: SqliteDatabase, file: Path) -> int:
    """Write a whole, checked copy of the store to *file*, for the user alone; return its bytes.

    A server may run. The copy has every commit until now, and no free space. Raises UsageError where the
    file exists, StoreUnavailable where the copy cannot be made.
    """
    part = file.with_name(f"{file.name}.part")
    try:
        if file.exists():
            raise UsageError(f"{file}: this file exists; name another one")
        _copy(database, part)
        check(part)
        part.rename(file)
        _sync(file.parent)
    except (sqlite3.Error, OSError) as error:
        raise StoreUnavailable(f"{file}: cannot back up {database}: {reason(error)}") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return file.stat().st_size


def restore(file: Path, database: SqliteDatabase) -> Path | None:
    """Put a checked copy of *file* in place of the store. Its server must not run.

    Return the path of the earlier store, which is kept next to it, or None if there was none.
    Raises ConfigurationError while a server runs, StoreUnavailable where the copy cannot be made.
    """
    check(file)
    lock, path = ServerLock(database.path), database.path
    lock.acquire()
    part = path.with_name(f"{path.name}.part")
    try:
        _copy(SqliteDatabase(file), part)
        check(part)
        kept = _set_aside(path)
        part.rename(path)
        _sync(path.parent)
    except (sqlite3.Error, OSError) as error:
        raise StoreUnavailable(f"{path}: cannot restore {file}: {reason(error)}") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        lock.release()
    return kept


def check(file: Path) -> None:
    """Check that *file* is a whole SQLite file; raises UsageError."""
    try:
        with closing(SqliteDatabase(file).connect(read_only=True)) as session:
            (found,) = session.execute("PRAGMA integrity_check").fetchone()
    except (sqlite3.Error, StoreUnavailable) as error:
        fault = str(error).rpartition(": ")[2]  # it names the file once more
        raise UsageError(f"{file}: not a readable SQLite database: {fault}") from None
    if found != "ok":
        raise UsageError(f"{file}: this SQLite file is damaged: {reason(sqlite3.Error(found))}")


def is_postgresql_dump(file: Path) -> bool:
    """Whether pg_dump wrote *file*, in its own format. Source: PostgreSQL, pg_backup_archiver.h."""
    with file.open("rb") as opened:
        return opened.read(5) == b"PGDMP"


def _copy(source: SqliteDatabase, target: Path) -> None:
    """Copy with SQLite, which also reads the log of *source* if there is one."""
    target.unlink(missing_ok=True)
    os.close(os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    with closing(source.connect(read_only=True)) as session:
        session.execute("VACUUM INTO ?", (str(target),))
    _sync(target)


def _set_aside(path: Path) -> Path | None:
    if not path.exists():
        return None
    for suffix in _BESIDE:
        beside = path.with_name(path.name + suffix)
        kept = path.with_name(path.name + REPLACED + suffix)
        if beside.exists():
            beside.rename(kept)
        else:
            kept.unlink(missing_ok=True)
    return path.with_name(path.name + REPLACED)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
