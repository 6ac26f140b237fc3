"""A process that reads the store for questions, so that none of them holds the interpreter of intake.

`readers` starts it: `python -m gitdailies_webhooks.events.reader_process SECONDS`. Both sides write frames:
a length in four bytes, then a pickle. The first frame to the process says how to open the store, each
other one is a function of a session. It answers each with a pair: `DONE` and the result, or another word
and the reason. It ends when its input does. Only the two processes of one server write to the pipes, so the
pickles are trusted.
"""

from __future__ import annotations

import os
import pickle
import struct
import sys
from contextlib import closing, suppress
from pathlib import Path
from select import select
from typing import Any, BinaryIO

from gitdailies_core.errors import GitDailiesError, StoreUnavailable
from gitdailies_core.values.secret import Secret
from gitdailies_server.gc_tuning import freeze_startup_objects
from gitdailies_server.logging.setup import describe_error
from gitdailies_server.storage.database import Database
from gitdailies_server.storage.sqlite import SqliteDatabase

from gitdailies_webhooks.events.free_memory import FreeMemory
from gitdailies_webhooks.sql.database import ReadPool

# What became of a question.
DONE, REFUSED, UNAVAILABLE, FAILED = "done", "refused", "unavailable", "failed"

# Intake goes first where cores are scarce.
_NICE = 10
LENGTH = struct.Struct("!I")


def address_of(database: Database) -> tuple[str, ...]:
    """Return what another process of this server needs to open *database*; it holds the password."""
    if isinstance(database, SqliteDatabase):
        return ("sqlite", str(database.path.absolute()))
    from gitdailies_server.storage.postgresql import PostgresqlDatabase

    assert isinstance(database, PostgresqlDatabase)
    return ("postgresql", database.url.reveal(), database.url.origin, database.schema)


def frame(value: Any) -> bytes:
    """Return a value that can be pickled as a frame."""
    data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    return LENGTH.pack(len(data)) + data


def value_of(data: bytes) -> Any:
    """Return the value of a frame without its length."""
    return pickle.loads(data)  # noqa: S301  from the other process of this server


def _read(stream: BinaryIO) -> Any:
    """Read the next value; raises EOFError at the end of the stream."""
    head = stream.read(LENGTH.size)
    data = stream.read(*LENGTH.unpack(head)) if len(head) == LENGTH.size else b""
    if not data:
        raise EOFError
    return value_of(data)


def main() -> None:
    """Answer until the input ends. The argument is how long free memory is kept without a question."""
    kept_seconds = float(sys.argv[1])
    with suppress(OSError):  # a supervisor may forbid it
        os.nice(_NICE)
    incoming, outgoing = sys.stdin.buffer, sys.stdout.buffer
    # A stray print must not end up between two frames.
    sys.stdout = sys.stderr
    with closing(ReadPool(_database(_read(incoming)))) as pool:
        freeze_startup_objects()
        memory = FreeMemory()
        while True:
            try:
                work = _read(incoming)
            except EOFError:
                return
            outgoing.write(frame(_answer(pool, work)))
            outgoing.flush()
            # The next question comes after this answer, so it is not in the buffer already.
            if not select([incoming], [], [], kept_seconds)[0]:
                memory.give_back()


def _answer(pool: ReadPool, work: Any) -> tuple[str, Any]:
    try:
        return (DONE, pool.read(work))
    except Exception as error:  # noqa: BLE001  one question that fails must not end the process
        if isinstance(error, GitDailiesError) and hasattr(error, "problem"):
            return (REFUSED, error.problem)
        return (UNAVAILABLE if isinstance(error, StoreUnavailable) else FAILED, describe_error(error))


def _database(address: tuple[str, ...]) -> Database:
    kind, place, *rest = address
    if kind == "sqlite":
        return SqliteDatabase(Path(place))
    from gitdailies_webhooks.sql.postgresql import ReceiverDatabase

    origin, schema = rest
    return ReceiverDatabase(Secret(place, origin), schema)


if __name__ == "__main__":
    main()
