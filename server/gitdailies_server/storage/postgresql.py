"""PostgreSQL: one schema of a database for each room, shared by any number of servers.

Transactions that write take turns by an advisory lock, as they do on an SQLite file by its lock.
So nothing above has to think of two that write at once, and a turn is a whole batch, which makes
waiting for it cheap.
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

if TYPE_CHECKING:
    from sqlalchemy import Engine

_Cursor: TypeAlias = "psycopg.Cursor[tuple[Any, ...]]"
_Asked: TypeAlias = "tuple[str, Sequence[Any]]"

_PLACES, _NUMBERED = "%s", "${}"
_PREPARED = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")
_MOST_A_TRIP = 1_000

_CONNECT_SECONDS = 5
_SETTINGS = {
    "application_name": "gitdailies",
    "client_encoding": "UTF8",
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
    # What can only be gone through counts as dear then. PostgreSQL would compile such a statement each
    # time: a tenth of a second the first time in a session, milliseconds for each one after it.
    "SET jit = off",
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
    """A psycopg connection that takes statements with `?` for a parameter, which may be a list.

    In a transaction, what nobody needs an answer to goes in one trip with the next statement that
    is read, or with the commit; an error of it comes up there. A trip is a text of statements, with
    their values in it. The extended protocol's pipeline would do as well, but PostgreSQL does not
    end a session that hangs after one: psycopg asks for a flush last, which stops that clock.
    """

    takes_lists = True

    def __init__(self, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        self.connection = connection
        self._in_turn = False
        self._ahead: list[_Asked] = []
        self._names: dict[str, str] = {}
        self._in_doubt = False
        # Whether psycopg may have prepared some, before the first turn: a rollback of its takes all away.
        self._has_theirs = False

    def begin(self, *statements: str) -> None:
        """Begin a transaction, with *statements* first in it."""
        # What psycopg prepares is its own to take away, and it takes all there is.
        self.connection.prepare_threshold = None
        self._in_turn = True
        self._ahead = [(statement, ()) for statement in ("BEGIN", *statements)]

    def commit(self) -> str:
        """Commit; returns the name of what the server did, which may be another thing."""
        told = self.execute("COMMIT").statusmessage
        self._in_turn = False
        return str(told)

    def rollback(self) -> None:
        """End the transaction, if there is one, and undo it."""
        self._in_turn = False
        self._ahead = []
        if not self.connection.closed:
            self.connection.rollback()
            if self._in_doubt or self._has_theirs:
                self.connection.execute("DEALLOCATE ALL")
                self._names.clear()
                self._in_doubt = False

    def execute(self, statement: str, parameters: Sequence[Any] = (), /) -> _Cursor:
        if self._in_turn:
            self._ahead.append((statement, parameters))
            cursor = self._send()
            while cursor.nextset():
                pass
            return cursor
        kept = None if _may_be_kept(parameters) else False
        self._has_theirs |= kept is None and self.connection.prepare_threshold is not None
        return self.connection.execute(_with(statement, _PLACES), parameters, prepare=kept)

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]], /) -> None:
        if not self._in_turn:
            self.connection.cursor().executemany(_with(statement, _PLACES), rows)
            return
        for row in rows:
            self.execute_later(statement, row)

    def execute_later(self, statement: str, parameters: Sequence[Any] = (), /) -> None:
        """Run a statement of which nobody needs an answer."""
        if not self._in_turn:
            self.execute(statement, parameters)
            return
        self._ahead.append((statement, parameters))
        if len(self._ahead) >= _MOST_A_TRIP:
            self._send()

    def query_together(self, *asked: _Asked) -> list[list[tuple[Any, ...]]]:
        """Return the rows of queries that go in one trip, in a transaction."""
        self._ahead += asked
        cursor = self._send()
        rows = []
        while True:
            if cursor.description is not None:
                rows.append(cursor.fetchall())
            if not cursor.nextset():
                return rows[-len(asked) :]

    def close(self) -> None:
        self.connection.close()

    def _send(self) -> _Cursor:
        ahead, self._ahead = self._ahead, []
        texts: list[str] = []
        values: list[Any] = []
        for statement, parameters in ahead:
            texts += self._texts(statement, parameters)
            values += parameters
        try:
            return psycopg.ClientCursor(self.connection).execute(cast("Any", ";".join(texts)), values)
        except BaseException:
            # Which were prepared before an error is not known, and what is prepared outlasts a rollback.
            self._in_doubt = True
            raise

    def _texts(self, statement: str, parameters: Sequence[Any]) -> list[str]:
        """Write a statement with places for its values: prepared once, and executed by name."""
        if not (statement.startswith(_PREPARED) and _may_be_kept(parameters)):
            return [_with(statement, _PLACES)]
        texts = []
        name = self._names.get(statement)
        if name is None:
            name = self._names[statement] = f"kept_{len(self._names)}"
            texts.append(f"PREPARE {name} AS {_with(statement, _NUMBERED)}")
        places = ",".join(["%s"] * len(parameters))
        return [*texts, f"EXECUTE {name}({places})" if places else f"EXECUTE {name}"]


def _may_be_kept(parameters: Sequence[Any]) -> bool:
    """Say whether a plan may be: one may have been made while tables were empty.

    Where much is asked at once, a new one costs little beside what a wrong one would.
    """
    return not any(type(value) is list for value in parameters)


@cache
def _with(statement: str, place: str) -> Any:
    """Write a statement as psycopg takes it, with *place* for each `?`; `{}` in it is its number."""
    first, *others = statement.replace("%", "%%").split("?")
    return first + "".join(place.format(number) + text for number, text in enumerate(others, 1))


class PostgresqlDatabase:
    """The schema *schema* of the database at *url*; it is made where it is not there."""

    errors: tuple[type[Exception], ...] = (psycopg.Error,)
    is_local = False
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
        # The lock is had before the snapshot is taken of the first statement that reads.
        session.begin(f"SELECT pg_advisory_xact_lock({self._turn})")

    def commit(self, session: Any) -> None:
        told = session.commit()
        if told != "COMMIT":  # a transaction that failed is answered with ROLLBACK, and no error
            raise unavailable(self, "to commit", psycopg.OperationalError(told))

    def rollback(self, session: Any) -> None:
        session.rollback()

    def error_scope(self, error: Exception) -> ErrorScope:
        if isinstance(error, _TURN):
            return ErrorScope.CONFLICT
        of_driver = isinstance(error, psycopg.Error) and not isinstance(error, _OF_AN_ITEM)
        return ErrorScope.STORE if of_driver else ErrorScope.ITEM

    def lock(self) -> None:
        """Do nothing: any number of servers share it."""

    def unlock(self) -> None:
        """Do nothing."""

    def schema_version(self, session: Any) -> str | None:
        """Return the schema's name; other servers wait until *session* is closed."""
        session.execute(f"SELECT pg_advisory_lock({self._turn + 1})")
        if session.execute("SHOW fsync").fetchone() != ("on",):
            raise ConfigurationError(
                f"{self}: expected fsync = on, since an answer promises that an event is kept, got off"
            )
        session.execute(f"CREATE SCHEMA IF NOT EXISTS {self._schema}")
        if not self.has_table(session, "alembic_version"):
            return None
        row = session.execute("SELECT version_num FROM alembic_version").fetchone()
        return str(row[0]) if row else None

    def has_table(self, session: Any, table: str) -> bool:
        (found,) = session.execute("SELECT to_regclass(?)", (table,)).fetchone()
        return found is not None

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
