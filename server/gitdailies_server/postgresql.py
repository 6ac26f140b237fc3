"""PostgreSQL: one schema of a database for each room, shared by any number of servers.

Transactions that write take turns by an advisory lock, as they do on an SQLite file by its lock.
So nothing above has to think of two that write at once, and a turn is a whole batch, which makes
waiting for it cheap.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import psycopg
from gitdailies_core.errors import ConfigurationError
from gitdailies_core.secret import Secret

from gitdailies_server.database import Size, Whose, unavailable

if TYPE_CHECKING:
    from sqlalchemy import Engine

_CONNECT_SECONDS = 5
_SETTINGS = {
    "application_name": "gitdailies",
    "connect_timeout": _CONNECT_SECONDS,
    # A machine that is gone is found out about, on either side.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
_SESSION = (
    # Whatever the server's own settings are: a commit that returned is on its disk.
    "SET synchronous_commit = on",
    # A server that hangs amid its turn, or lost its network, must not hold up the others.
    "SET idle_in_transaction_session_timeout = '10s'",
    "SET lock_timeout = '10s'",
    "SET statement_timeout = '60s'",
    "SET timezone = 'UTC'",
    # Plans are kept. One made while a table was empty would go through all of it when it is large.
    "SET enable_seqscan = off",
)
_SIZE = (
    "SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class"
    " WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'"
)
_TURN = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)
_OF_AN_ITEM = (
    psycopg.DataError,
    psycopg.IntegrityError,
    psycopg.ProgrammingError,
    psycopg.NotSupportedError,
)


class PostgresqlSession:
    """A psycopg connection that takes statements with `?` for a parameter, which may be a list."""

    takes_lists = True

    def __init__(self, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        self.connection = connection

    def execute(self, statement: str, parameters: Sequence[Any] = (), /) -> psycopg.Cursor[tuple[Any, ...]]:
        # A plan that is kept may have been made while tables were empty. Where much is asked at once,
        # a new one costs little beside what a wrong one would.
        kept = False if any(type(value) is list for value in parameters) else None
        return self.connection.execute(_translated(statement), parameters or None, prepare=kept)

    def executemany(
        self, statement: str, rows: Iterable[Sequence[Any]], /
    ) -> psycopg.Cursor[tuple[Any, ...]]:
        cursor = self.connection.cursor()
        cursor.executemany(_translated(statement), rows)
        return cursor

    def pipeline(self) -> AbstractContextManager[object]:
        """Send the statements of a block together, and wait once."""
        return self.connection.pipeline()

    def close(self) -> None:
        self.connection.close()


@cache
def _translated(statement: str) -> Any:
    return statement.replace("%", "%%").replace("?", "%s") if "?" in statement else statement


class PostgresqlDatabase:
    """The schema *schema* of the database at *url*; it is made where it is not there."""

    errors: tuple[type[Exception], ...] = (psycopg.Error,)
    here = False
    as_bytes = "convert_to({}, 'UTF8')"

    def __init__(self, url: Secret, schema: str) -> None:
        self._url = url
        self._schema = schema
        # Of one database; a checksum, since the lock's name is a number.
        self._turn = zlib.crc32(schema.encode())

    def __str__(self) -> str:
        return self._url.origin

    def connect(self, *, read_only: bool = False) -> PostgresqlSession:
        try:
            connection = psycopg.connect(self._url.reveal(), autocommit=True, **_SETTINGS)  # type: ignore[arg-type]
            for setting in _SESSION:
                connection.execute(cast("Any", setting))
            connection.execute(cast("Any", f"SET search_path = {self._schema}"))
            if read_only:
                connection.execute("SET default_transaction_read_only = on")
        except psycopg.Error as error:
            raise unavailable(self, "to connect", error) from None
        return PostgresqlSession(connection)

    def begin(self, session: Any) -> None:
        # In one trip; the lock is had before the first snapshot is taken.
        session.execute(f"BEGIN; SELECT pg_advisory_xact_lock({self._turn})")

    def commit(self, session: Any) -> None:
        told = session.execute("COMMIT").statusmessage
        if told != "COMMIT":  # a transaction that failed is answered with ROLLBACK, and no error
            raise unavailable(self, "to commit", psycopg.OperationalError(str(told)))

    def rollback(self, session: Any) -> None:
        if not session.connection.closed:
            session.connection.rollback()

    def whose(self, error: Exception) -> Whose:
        if isinstance(error, _TURN):
            return Whose.TURN
        of_driver = isinstance(error, psycopg.Error) and not isinstance(error, _OF_AN_ITEM)
        return Whose.STORE if of_driver else Whose.ITEM

    def lock(self) -> None:
        """Do nothing: any number of servers share it."""

    def unlock(self) -> None:
        """Do nothing."""

    def version(self, session: Any) -> str | None:
        """Return the schema's name; other servers wait until *session* is closed."""
        session.execute(f"SELECT pg_advisory_lock({self._turn + 1})")
        if session.execute("SHOW fsync").fetchone() != ("on",):
            raise ConfigurationError(
                f"{self}: expected fsync = on, since an answer promises that an event is kept, got off"
            )
        session.execute(f"CREATE SCHEMA IF NOT EXISTS {self._schema}")
        if session.execute("SELECT to_regclass('alembic_version')").fetchone() == (None,):
            return None
        row = session.execute("SELECT version_num FROM alembic_version").fetchone()
        return str(row[0]) if row else None

    def size(self, session: Any) -> Size:
        return Size(session.execute(_SIZE).fetchone()[0], 0)

    def shrink(self, session: Any, most_bytes: int) -> None:
        """Do nothing: autovacuum keeps what is free for what comes."""

    def engine(self, session: Any) -> Engine:
        from sqlalchemy import create_engine
        from sqlalchemy.pool import StaticPool

        session.connection.autocommit = False
        return create_engine(
            "postgresql+psycopg://", creator=lambda: session.connection, poolclass=StaticPool
        )
