"""PostgreSQL: one schema for each kind of server, shared by any number of servers.

Writers exclude each other by advisory locks, which end with the transaction. A writer about everything
has the lock of the schema alone, so the code above meets no other one, as with the file lock of SQLite.
Others share it, and each has a lock of its own for every name of its scope.

* All locks are taken by the first statements of a transaction. Under READ COMMITTED a later statement sees
  whatever was committed before it began, so it sees all that earlier holders of these locks wrote.
* The lock of the schema comes first, then the others in the order of their numbers. So no two writers wait
  for each other. The server hands out a lock to those who wait in their order. So a writer about
  everything is not passed by those that come after it.
* Two names with the same number only wait for each other without need.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import psycopg
from gitdailies_core.errors import ConfigurationError
from gitdailies_core.values.secret import Secret

from gitdailies_server.storage.database import ErrorScope, Size, unavailable
from gitdailies_server.storage.write_scope import EVERYTHING, Scope

if TYPE_CHECKING:
    from sqlalchemy import Engine

_Cursor: TypeAlias = "psycopg.Cursor[tuple[Any, ...]]"
_Query: TypeAlias = "tuple[str, Sequence[Any]]"

_MOST_STATEMENTS_PER_TRIP = 1_000
# Checksums have no sign, and PostgreSQL's integers begin at minus this.
_LEAST = 2**31

_CONNECT_SECONDS = 5
_SETTINGS = {
    "application_name": "gitdailies",
    "client_encoding": "UTF8",
    "connect_timeout": _CONNECT_SECONDS,
    # Both sides notice when the other machine is gone.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
_SESSION = (
    # Overrides the server's setting: when a commit returns, it is on disk.
    "SET synchronous_commit = on",
    # A server that hangs inside a transaction, or lost its network, must not block the others.
    "SET idle_in_transaction_session_timeout = '10s'",
    "SET lock_timeout = '10s'",
    "SET statement_timeout = '60s'",
    "SET timezone = 'UTC'",
    # Plans are cached. A plan made for an empty table would scan the whole table once it is large.
    "SET enable_seqscan = off",
    # With that setting a necessary scan gets a high cost, so PostgreSQL would compile the statement each
    # time: a tenth of a second the first time in a session, and milliseconds after that.
    "SET jit = off",
)
_SIZE = (
    "SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class"
    " WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'"
)
_CONFLICT_ERRORS = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)
_ITEM_ERRORS = (
    psycopg.DataError,
    psycopg.IntegrityError,
    psycopg.ProgrammingError,
    psycopg.NotSupportedError,
)


class PostgresqlSession:
    """A psycopg connection that takes statements with `?` for a parameter, which may be a list.

    In a transaction, statements whose result is not needed wait for the next statement that returns
    rows, or for the commit, and are sent in the same round trip. Their errors are raised there. A trip
    is one text with all statements and their values. The pipeline of the extended protocol would work
    too, but PostgreSQL does not end a session that hangs after one: psycopg asks for a flush last, which
    stops the timeout.
    """

    takes_lists = True

    def __init__(self, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        self.connection = connection
        self._in_transaction = False
        self._pending: list[_Query] = []
        # What the transaction is about.
        self.scope = EVERYTHING

    def begin(self, scope: Scope, *first: _Query) -> None:
        """Begin a transaction about *scope* that starts with the statements *first*."""
        self._in_transaction = True
        self.scope = scope
        # Whatever the administrator's default is, a statement has to see what was committed before it.
        self._pending = [("BEGIN ISOLATION LEVEL READ COMMITTED", ()), *first]

    def commit(self) -> str:
        """Commit; returns the server's status, which is ROLLBACK after an error."""
        status = self.execute("COMMIT").statusmessage
        self._in_transaction = False
        return str(status)

    def rollback(self) -> None:
        """Undo and end the transaction, if one is open."""
        self._in_transaction = False
        self._pending = []
        if not self.connection.closed:
            self.connection.rollback()

    def execute(self, statement: str, parameters: Sequence[Any] = (), /) -> _Cursor:
        if self._in_transaction:
            self._pending.append((statement, parameters))
            cursor = self._send()
            while cursor.nextset():
                pass
            return cursor
        # A cached plan may have been made while tables were empty. For a list, a new plan costs little.
        prepare = False if any(type(value) is list for value in parameters) else None
        return self.connection.execute(_with(statement), parameters, prepare=prepare)

    def stream_binary(self, statement: str, parameters: Sequence[Any] = (), /) -> Iterable[tuple[Any, ...]]:
        """Yield the rows of a statement whose result is large and has bytes, while the server sends others.

        As text the bytes would take twice the room. Until the last row, no other statement can run.
        """
        if self._in_transaction:
            return self.execute(statement, parameters)
        return self.connection.cursor().stream(_with(statement), parameters, binary=True)

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]], /) -> None:
        if not self._in_transaction:
            self.connection.cursor().executemany(_with(statement), rows)
            return
        for row in rows:
            self.execute_later(statement, row)

    def execute_later(self, statement: str, parameters: Sequence[Any] = (), /) -> None:
        """Run a statement without reading its result."""
        if not self._in_transaction:
            self.execute(statement, parameters)
            return
        self._pending.append((statement, parameters))
        if len(self._pending) >= _MOST_STATEMENTS_PER_TRIP:
            self._send()

    def query_together(self, *queries: _Query) -> list[list[tuple[Any, ...]]]:
        """Return the rows of each query; they are sent in one round trip, in a transaction."""
        self._pending += queries
        cursor = self._send()
        rows = []
        while True:
            if cursor.description is not None:
                rows.append(cursor.fetchall())
            if not cursor.nextset():
                return rows[-len(queries) :]

    def close(self) -> None:
        self.connection.close()

    def _send(self) -> _Cursor:
        pending, self._pending = self._pending, []
        values: list[Any] = []
        for _, parameters in pending:
            values += [_array(value) if type(value) is list else value for value in parameters]
        text = ";".join(_with(statement) for statement, _ in pending)
        return psycopg.ClientCursor(self.connection).execute(cast("Any", text), values)


def _array(values: list[Any]) -> str | list[Any]:
    """Write a list as PostgreSQL writes arrays, which takes psycopg five times as long."""
    items = []
    for value in values:
        if type(value) is str:
            escaped = value.replace("\\", "\\\\").replace('"', '\\"')
            items.append(f'"{escaped}"')
        elif type(value) is int:
            items.append(str(value))
        elif value is None:
            items.append("NULL")
        elif type(value) is bytes:
            items.append(f'"\\\\x{value.hex()}"')
        else:
            return values
    return f"{{{','.join(items)}}}"


@cache
def _with(statement: str) -> Any:
    """Replace each `?` of a statement by `%s`, as psycopg expects."""
    return statement.replace("%", "%%").replace("?", "%s")


class PostgresqlDatabase:
    """The schema *schema* of the database at *url*; it is created if it does not exist.

    *settings* are statements for each connection.
    """

    errors: tuple[type[Exception], ...] = (psycopg.Error,)
    is_local = False
    as_bytes = "convert_to({}, 'UTF8')"

    def __init__(self, url: Secret, schema: str, settings: Sequence[str] = ()) -> None:
        self.url = url
        self.schema = schema
        self._settings = settings
        # The id of the schema's lock. PostgreSQL wants a number, so it is a checksum of the name.
        self._lock_id = zlib.crc32(schema.encode())
        # Those of names are numbers in a space of their own for each schema.
        lock = f"pg_advisory_xact_lock({self._lock_id - _LEAST}, id)"
        self._lock_names = f"SELECT count({lock}) FROM unnest(?::int[]) AS id"  # noqa: S608  a number

    def __str__(self) -> str:
        return self.url.origin

    def connect(self, *, read_only: bool = False) -> PostgresqlSession:
        try:
            connection = psycopg.connect(self.url.reveal(), autocommit=True, **_SETTINGS)  # type: ignore[arg-type]
            for setting in (*_SESSION, *self._settings):
                connection.execute(cast("Any", setting))
            connection.execute(cast("Any", f"SET search_path = {self.schema}"))
            if read_only:
                connection.execute("SET default_transaction_read_only = on")
        except psycopg.Error as error:
            raise unavailable(self, "connect", error) from None
        return PostgresqlSession(connection)

    def begin(self, session: Any, scope: Scope = EVERYTHING) -> None:
        if scope.is_everything:
            session.begin(scope, (f"SELECT pg_advisory_xact_lock({self._lock_id})", ()))
            return
        first: list[_Query] = [(f"SELECT pg_advisory_xact_lock_shared({self._lock_id})", ())]
        if scope.names:
            names = ["\0".join(name).encode("utf-8", "surrogatepass") for name in scope.names]
            numbers = sorted({zlib.crc32(name) - _LEAST for name in names})
            first.append((self._lock_names, (f"{{{','.join(map(str, numbers))}}}",)))
        session.begin(scope, *first)

    def commit(self, session: Any) -> None:
        status = session.commit()
        if status != "COMMIT":  # for a failed transaction the status is ROLLBACK, without an error
            raise unavailable(self, "commit", psycopg.OperationalError(status))

    def rollback(self, session: Any) -> None:
        session.rollback()

    def error_scope(self, error: Exception) -> ErrorScope:
        if isinstance(error, _CONFLICT_ERRORS):
            return ErrorScope.CONFLICT
        is_driver_error = isinstance(error, psycopg.Error) and not isinstance(error, _ITEM_ERRORS)
        return ErrorScope.STORE if is_driver_error else ErrorScope.ITEM

    def lock(self) -> None:
        """Do nothing: any number of servers share the schema."""

    def unlock(self) -> None:
        """Do nothing."""

    def note_reload(self, fault: str = "") -> None:
        """Do nothing: any number of servers share the schema."""

    def watch(self) -> None:
        """Return None: there is no file."""

    def schema_version(self, session: Any) -> str | None:
        """Return the revision of the schema; other servers wait until *session* is closed."""
        session.execute(f"SELECT pg_advisory_lock({self._lock_id + 1})")
        if session.execute("SHOW fsync").fetchone() != ("on",):
            raise ConfigurationError(
                f"{self}: expected fsync = on, got off; the servers promise that accepted events are durable"
            )
        session.execute(f"CREATE SCHEMA IF NOT EXISTS {self.schema}")
        if not self.has_table(session, "alembic_version"):
            return None
        row = session.execute("SELECT version_num FROM alembic_version").fetchone()
        return str(row[0]) if row else None

    def release(self, session: Any) -> str:
        # The column is missing from a store of an earlier version.
        row = session.execute("SELECT to_jsonb(v) ->> 'release' FROM alembic_version v").fetchone()
        return str(row[0] or "") if row else ""

    def has_table(self, session: Any, table: str) -> bool:
        (found,) = session.execute("SELECT to_regclass(?)", (table,)).fetchone()
        return found is not None

    def size(self, session: Any) -> Size:
        return Size(session.execute(_SIZE).fetchone()[0], 0)

    def shrink(self, session: Any, most_bytes: int) -> None:
        """Do nothing: autovacuum keeps free space for new rows."""

    def scrub(self) -> str:
        """Do nothing: VACUUM, the write-ahead log and backups are the administrator's."""
        return ""

    def engine(self, session: Any) -> Engine:
        from sqlalchemy import create_engine
        from sqlalchemy.pool import StaticPool

        session.connection.autocommit = False
        return create_engine(
            "postgresql+psycopg://", creator=lambda: session.connection, poolclass=StaticPool
        )
