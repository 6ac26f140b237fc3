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

import select
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import cache, partial
from itertools import chain
from threading import Semaphore
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import psycopg
import structlog
from gitdailies_core.errors import ConfigurationError, StoreBusy
from gitdailies_core.values.secret import Secret

from gitdailies_server.round_trips import Query, RoundTrips
from gitdailies_server.storage.database import Database, ErrorScope, Size, reason, unavailable
from gitdailies_server.storage.write_scope import EVERYTHING, Scope

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

LOG = structlog.get_logger("gitdailies.store")

_Cursor: TypeAlias = "psycopg.Cursor[tuple[Any, ...]]"
_Query: TypeAlias = "tuple[str, Sequence[Any]]"

_MOST_STATEMENTS_PER_TRIP = 1_000
# How long a reader waits for a connection. Both servers answer 503 after as long.
_WAIT_SECONDS = 4.0
_UNBOUNDED = 10**6
# Checksums have no sign, and PostgreSQL's integers begin at minus this.
_LEAST = 2**31

_CONNECT_SECONDS = 5
# What an address does not say itself.
_ADDRESS = {
    "application_name": "gitdailies",
    "client_encoding": "UTF8",
    "connect_timeout": _CONNECT_SECONDS,
    # Both sides notice when the other machine is gone.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
# Each transaction begins with these, in its first round trip. Nothing is set for a session, because a pooler
# may give the next transaction another one, and ours to another program.
_EACH_TRANSACTION = (
    # Overrides the server's setting: when a commit returns, it is on disk.
    "SET LOCAL synchronous_commit = on",
    # A server that hangs inside a transaction, or lost its network, must not block the others.
    "SET LOCAL idle_in_transaction_session_timeout = '10s'",
    "SET LOCAL lock_timeout = '10s'",
    "SET LOCAL statement_timeout = '60s'",
    # A plan made for a table that was empty when statistics were made would scan the whole table.
    "SET LOCAL enable_seqscan = off",
    # With that setting a necessary scan gets a high cost, so PostgreSQL would compile the statement each
    # time: a tenth of a second the first time in a session, and milliseconds after that.
    "SET LOCAL jit = off",
)
# A revision takes as long as it takes. For a lock it waits as any other, and `migrations` tries again.
_MIGRATION = "SET LOCAL statement_timeout = 0;SET LOCAL idle_in_transaction_session_timeout = 0"
_SIZE = (
    "SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class"
    " WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'"
)
_STATE = "SELECT current_setting('fsync'), current_setting('transaction_read_only')"
_NO_LOCKS = (
    "{}: the servers count each event once by the advisory locks of PostgreSQL, and this database {}; use "
    "PostgreSQL itself, or a service that runs it"
)
_NO_TRANSACTIONS = "{}: {}; set the mode of the pooler to transaction, or name the database without a pooler"
_READ_ONLY = (
    "{}: expected a server that can be written, got a standby; name all hosts, and add "
    "?target_session_attrs=read-write"
)
_NOT_DURABLE = (
    "{}: expected fsync = on, got {}; the servers promise that accepted events are durable: where the "
    "service keeps them by other means, as Neon does, set store_is_durable: true under relay or dora in "
    "gitdailies.yml"
)
_CONFLICT_ERRORS = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)
# A server that became a standby says that writing is not supported. Another connection may find the primary.
_ITEM_ERRORS = (psycopg.DataError, psycopg.IntegrityError, psycopg.ProgrammingError)


class PostgresqlSession:
    """A psycopg connection that takes statements with `?` for a parameter, which may be a list.

    In a transaction, statements whose result is not needed wait for the next statement that returns
    rows, or for the commit, and are sent in the same round trip. Their errors are raised there. A trip
    is one text with all statements and their values. The pipeline of the extended protocol would work
    too, but PostgreSQL does not end a session that hangs after one: psycopg asks for a flush last, which
    stops the timeout.
    """

    takes_lists = True

    def __init__(
        self,
        connection: psycopg.Connection[tuple[Any, ...]],
        settings: str = "",
        on_close: "Callable[[PostgresqlSession], None] | None" = None,
        *,
        read_only: bool = False,
    ) -> None:
        self.connection = connection
        # The statements that each transaction begins with.
        self._settings = settings
        self.on_close = on_close or (lambda _: connection.close())
        self.read_only = read_only
        self._in_transaction = False
        self._pending: list[_Query] = []
        # What the transaction is about.
        self.scope = EVERYTHING
        # How the statements of a snapshot are sent, while one is read.
        self.trips: RoundTrips | None = None
        self._is_ending = False

    def begin(self, scope: Scope, *first: _Query, isolation: str = "READ COMMITTED, READ WRITE") -> None:
        """Begin a transaction about *scope* that starts with the statements *first*."""
        self._finish()
        self._in_transaction = True
        self.scope = scope
        # Whatever the administrator's default is, a statement has to see what was committed before it.
        self._pending = [(f"BEGIN ISOLATION LEVEL {isolation};{self._settings}", ()), *first]

    def begin_reading(self) -> None:
        """Begin to read a snapshot."""
        self.begin(EVERYTHING, isolation="REPEATABLE READ, READ ONLY")
        self.trips = RoundTrips(self._read_together)

    def end_reading(self) -> None:
        """End the snapshot, and do not wait for it."""
        self.trips = None
        if self._in_transaction and not self._pending:
            self.connection.pgconn.send_query(b"ROLLBACK")
            self.connection.pgconn.flush()
            self._is_ending = True
        self._in_transaction, self._pending = False, []

    def _finish(self) -> None:
        server = self.connection.pgconn
        while self._is_ending:
            while server.is_busy():
                self._has_input()
                server.consume_input()
            self._is_ending = server.get_result() is not None

    def _read_together(self, queries: Sequence[Query]) -> None:
        text = [one for one in queries if not one.binary]
        if text or self._pending:
            found = _all_rows(self._send(*((one.statement, one.parameters) for one in text)))
            for query, rows in zip(text, found, strict=True):
                query.rows = rows
        for query in queries:
            if query.binary:
                cursor, values = self.connection.cursor(), query.parameters
                query.rows = list(cursor.stream(_with(query.statement), values, binary=True))

    def commit(self) -> str | None:
        """Commit; return the server's status, which is ROLLBACK, without an error, after one before."""
        status = self.execute("COMMIT").statusmessage
        self._in_transaction = False
        return status

    def rollback(self) -> None:
        """Undo and end the transaction, if one is open."""
        self._in_transaction = False
        self._pending = []
        if not self.connection.closed:
            self.connection.rollback()

    def execute(self, statement: str, parameters: Sequence[Any] = (), /) -> _Cursor:
        if self.trips is not None:
            return cast("_Cursor", self.trips.ask(Query(statement, parameters))[0])
        cursor = self._send((statement, parameters))
        while cursor.nextset():
            pass
        return cursor

    def read_bytes(self, statement: str, parameters: Sequence[Any] = (), /) -> Iterable[tuple[Any, ...]]:
        """Run a statement whose result is large and has bytes. As text, they would need twice the memory."""
        if self.trips is None:
            return self.execute(statement, parameters)
        return self.trips.ask(Query(statement, parameters, binary=True))[0]

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]], /) -> None:
        for row in rows:
            self._pending.append((statement, row))
            if len(self._pending) >= _MOST_STATEMENTS_PER_TRIP:
                self._send()
        if self._pending and not self._in_transaction:
            self._send()

    def query_together(self, *queries: _Query) -> list[list[tuple[Any, ...]]]:
        """Return the rows of each query; they are sent in one round trip."""
        return _all_rows(self._send(*queries))[-len(queries) :]

    @property
    def is_at_rest(self) -> bool:
        """Whether the connection can be used for something else."""
        return self._is_ending or self.connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE

    @property
    def is_alive(self) -> bool:
        """Whether the server has said nothing: what it says to an idle connection is that it ends."""
        try:
            self._finish()
        except psycopg.Error:
            return False
        return not self._has_input(0)

    def _has_input(self, milliseconds: int | None = None) -> bool:
        """Wait until the server says something, and return whether it did."""
        # select.select takes no file beyond the first 1024, and connections of clients are files, too.
        poll = select.poll()
        poll.register(self.connection.fileno(), select.POLLIN)
        return bool(poll.poll(milliseconds))

    def close(self) -> None:
        """Close the connection, or give it back to the server's others."""
        self.on_close(self)

    def _send(self, *queries: _Query) -> _Cursor:
        pending, self._pending = [*self._pending, *queries], []
        if not self._in_transaction:  # the statements of one text are a transaction by themselves
            pending.insert(0, (self._settings, ()))
        given = chain.from_iterable(parameters for _, parameters in pending)
        values = [_array(value) if type(value) is list else value for value in given]
        text = ";".join(_with(statement) for statement, _ in pending)
        return psycopg.ClientCursor(self.connection).execute(cast("Any", text), values)


def _all_rows(cursor: _Cursor) -> list[list[tuple[Any, ...]]]:
    """Return the rows of each statement of a text that has any."""
    rows = []
    while True:
        if cursor.description is not None:
            rows.append(cursor.fetchall())
        if not cursor.nextset():
            return rows


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


class PostgresqlDatabase(Database):
    """The schema *schema* of the database at *url*; it is created if it does not exist.

    *settings* are statements for each transaction. A server opens at most *connections*, *for_intake* of them
    for intake alone, and keeps those that it read with; its other processes have *elsewhere* more.
    With *is_durable*, the administrator says that it keeps what is committed although fsync is off.
    """

    errors: tuple[type[Exception], ...] = (psycopg.Error,)
    is_local = False
    as_bytes = "convert_to({}, 'UTF8')"

    def __init__(
        self,
        url: Secret,
        schema: str,
        settings: Sequence[str] = (),
        *,
        connections: int | None = None,
        for_intake: int = 0,
        elsewhere: int = 0,
        is_durable: bool = False,
    ) -> None:
        self.url = url
        self.schema = schema
        self.elsewhere = elsewhere
        self._is_durable = is_durable
        self._settings = ";".join((f"SET LOCAL search_path = {schema}", *_EACH_TRANSACTION, *settings))
        self._keeps_idle = connections is not None
        others = _UNBOUNDED if connections is None else connections - for_intake
        self._room = {True: Semaphore(for_intake or _UNBOUNDED), False: Semaphore(others)}
        # What a question keeps for the next one goes with its session, so none of these ever wrote.
        self._idle: list[PostgresqlSession] = []
        # The id of the schema's lock. PostgreSQL wants a number, so it is a checksum of the name.
        self._lock_id = zlib.crc32(schema.encode())
        # Those of names are numbers in a space of their own for each schema.
        lock = f"pg_advisory_xact_lock({self._lock_id - _LEAST}, id)"
        self._lock_names = f"SELECT count({lock}) FROM unnest(?::int[]) AS id"  # noqa: S608  a number

    def __str__(self) -> str:
        return self.url.origin

    def connect(self, *, read_only: bool = False, for_intake: bool = False) -> PostgresqlSession:
        room = self._room[for_intake]
        if not room.acquire(timeout=_WAIT_SECONDS):
            raise StoreBusy("every connection to the database is in use; ask again later")
        try:
            with suppress(IndexError):
                while True:
                    session = self._idle.pop()
                    if read_only and session.is_alive:
                        session.on_close = partial(self._take_back, room)
                        return session
                    session.connection.close()
                    if not read_only:  # the new connection takes the place of that one
                        break
            return self._opened(room, read_only=read_only)
        except BaseException:
            room.release()
            raise

    def _opened(self, room: Semaphore, *, read_only: bool) -> PostgresqlSession:
        settings = self._settings + (";SET LOCAL transaction_read_only = on" if read_only else "")
        options: dict[str, Any] = {**_ADDRESS, **psycopg.conninfo.conninfo_to_dict(self.url.reveal())}
        try:
            # A pooler need not keep prepared statements.
            connection = psycopg.connect(autocommit=True, prepare_threshold=None, **options)
        except psycopg.Error as error:
            raise unavailable(self, "connect", error) from None
        return PostgresqlSession(connection, settings, partial(self._take_back, room), read_only=read_only)

    def _take_back(self, room: Semaphore, session: PostgresqlSession) -> None:
        if self._keeps_idle and session.read_only and session.is_at_rest:
            self._idle.append(session)
        else:
            session.connection.close()
        room.release()

    def begin(self, session: Any, scope: Scope = EVERYTHING) -> None:
        shared = "" if scope.is_everything else "_shared"
        first: list[_Query] = [(f"SELECT pg_advisory_xact_lock{shared}({self._lock_id})", ())]
        if scope.names:
            names = ("\0".join(name).encode("utf-8", "surrogatepass") for name in scope.names)
            first.append((self._lock_names, (sorted({zlib.crc32(name) - _LEAST for name in names}),)))
        session.begin(scope, *first)

    def commit(self, session: Any) -> None:
        if (status := session.commit()) != "COMMIT":
            raise unavailable(self, "commit", psycopg.OperationalError(status))

    def rollback(self, session: Any) -> None:
        session.rollback()

    def begin_reading(self, session: Any) -> None:
        session.begin_reading()

    def end_reading(self, session: Any) -> None:
        session.end_reading()

    def error_scope(self, error: Exception) -> ErrorScope:
        if isinstance(error, _CONFLICT_ERRORS):
            return ErrorScope.CONFLICT
        is_driver_error = isinstance(error, psycopg.Error) and not isinstance(error, _ITEM_ERRORS)
        return ErrorScope.STORE if is_driver_error else ErrorScope.ITEM

    def lock(self) -> None:
        """Try what the servers rely on, and refuse a database that does not have it; others may share it."""
        lock, try_lock = (f"SELECT pg_{name}advisory_xact_lock({self._lock_id + 2})" for name in ("", "try_"))
        try:
            with closing(self.connect(for_intake=True)) as one, closing(self.connect()) as other:
                one.begin(EVERYTHING, (lock, ()))
                fsync, is_read_only = one.execute(_STATE).fetchone() or ("", "")
                (entered,) = other.execute(try_lock).fetchone() or (True,)
                one.rollback()
        except psycopg.NotSupportedError as error:
            if "recovery" in str(error):
                raise ConfigurationError(_READ_ONLY.format(self)) from None
            raise ConfigurationError(_NO_LOCKS.format(self, f"says: {reason(error)}")) from None
        except psycopg.Error as error:
            if "pooling" in str(error):
                raise ConfigurationError(_NO_TRANSACTIONS.format(self, reason(error))) from None
            if self.error_scope(error) is not ErrorScope.ITEM:
                raise unavailable(self, "begin a transaction", error) from None
            raise ConfigurationError(_NO_LOCKS.format(self, f"says: {reason(error)}")) from None
        if entered:
            raise ConfigurationError(_NO_LOCKS.format(self, "gives one to two transactions at once"))
        if is_read_only == "on":
            raise ConfigurationError(_READ_ONLY.format(self))
        if fsync != "on":
            if not self._is_durable:
                raise ConfigurationError(_NOT_DURABLE.format(self, fsync))
            LOG.warning("store without fsync", store=str(self), fsync=fsync, reason="store_is_durable: true")
        self._keeps_idle = True

    def unlock(self) -> None:
        """Close the connections that are kept."""
        self._keeps_idle = False
        while self._idle:
            self._idle.pop().connection.close()

    def has_table(self, session: Any, table: str) -> bool:
        (found,) = session.execute("SELECT to_regclass(?)", (table,)).fetchone()
        return found is not None

    def size(self, session: Any) -> Size:
        return Size(session.execute(_SIZE).fetchone()[0], 0)

    @contextmanager
    def engine(self, session: Any) -> "Iterator[Engine]":
        from sqlalchemy import create_engine, event
        from sqlalchemy.pool import StaticPool

        # With a pooler, only a transaction can have a lock. Each revision is a transaction of its own, so
        # the lock has another one.
        with closing(self.connect(for_intake=True)) as turn:
            # Who has it for longer than the timeout of a lock: `migrations` waits then, and says so.
            lock = f"SELECT pg_advisory_xact_lock({self._lock_id + 1})"
            turn.begin(EVERYTHING, (lock, ()), (_MIGRATION, ()))
            found = turn.execute("SELECT 1 FROM pg_namespace WHERE nspname = ?", (self.schema,)).fetchone()
            if found is None:
                session.execute(f"CREATE SCHEMA {self.schema}")
            session.connection.autocommit = False
            engine = create_engine(
                "postgresql+psycopg://", creator=lambda: session.connection, poolclass=StaticPool
            )

            @event.listens_for(engine, "begin")
            def begin(bound: "Connection") -> None:
                bound.exec_driver_sql(f"{self._settings};{_MIGRATION}")

            yield engine
