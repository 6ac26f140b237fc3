"""PostgreSQL: one turn of a session after another, the connections of a server, and databases it refuses."""

import os
import resource
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import structlog
from gitdailies_connection.config.sections.settings import StoreSetting
from gitdailies_core.errors import ConfigurationError, StoreBusy, StoreUnavailable
from gitdailies_core.values.secret import Secret
from gitdailies_dora.events.problem import of_error
from gitdailies_dora.sql.database import database_of
from gitdailies_server.storage import postgresql
from gitdailies_server.storage.database import Database
from gitdailies_server.storage.postgresql import PostgresqlDatabase

from tests.support import databases
from tests.support.pgbouncer import pooled

OPEN = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"

ASKED = "SELECT ?::bigint + 1"
FAULTS: dict[str, tuple[str, Any]] = {
    "refused by the server": ("SELECT 1 / ?::bigint", 0),
    "refused by the driver": (ASKED, object()),
}


class Turns:
    """A session, and what it does in turns."""

    def __init__(self, database: Database, session: Any) -> None:
        self.database = database
        self.session = session

    def begin(self) -> None:
        self.database.begin(self.session)

    def ask(self) -> None:
        self.begin()
        assert self.session.execute(ASKED, (1,)).fetchone() == (2,)

    def whole(self) -> None:
        self.ask()
        self.database.commit(self.session)

    def rollback(self) -> None:
        self.database.rollback(self.session)


@pytest.fixture
def turns(tmp_path: Path) -> Iterator[Turns]:
    with databases.opened("postgresql", tmp_path) as opened, closing(opened().connect()) as session:
        yield Turns(opened(), session)


def test_a_statement_sees_what_was_committed_before_it(turns: Turns) -> None:
    """A transaction relies on what it reads after it has its locks, whatever the database's default is."""
    turns.session.connection.execute("SET default_transaction_isolation = 'repeatable read'")
    turns.begin()
    assert turns.session.execute("SHOW transaction_isolation").fetchone() == ("read committed",)
    turns.rollback()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_turn_that_failed_leaves_the_next_one_as_it_would_be(turns: Turns, fault: str) -> None:
    """After an error of a trip and a rollback, the same session reads and commits as before."""
    statement, value = FAULTS[fault]
    turns.begin()
    turns.session.executemany("SELECT ?::text", [("the first of the trip",)])
    with pytest.raises(Exception, match=r"division by zero|cannot adapt"):
        turns.session.execute(statement, (value,))
    turns.rollback()
    turns.begin()
    assert turns.session.execute("SELECT ?::text", ("the first of the next",)).fetchone() is not None
    turns.rollback()
    turns.whole()


def test_a_turn_depends_on_no_session(turns: Turns) -> None:
    """What another program left in the connection of a pooler changes nothing, and nothing is left there."""
    raw = turns.session.connection
    left = {"search_path": "elsewhere", "default_transaction_read_only": "on", "synchronous_commit": "off"}
    for name, value in left.items():
        raw.execute(f"SET {name} = {value}")
    shown = "SELECT current_setting('search_path'), current_setting('synchronous_commit')"
    turns.session.execute("SELECT 1")
    turns.begin()
    turns.session.execute("CREATE SCHEMA room")
    turns.session.execute("CREATE TABLE things (a INT)")
    assert turns.session.execute(shown).fetchone() == ("room", "on")
    turns.database.commit(turns.session)
    for _ in range(7):  # a driver may prepare what it has run five times
        assert turns.session.execute("SELECT count(*) FROM things WHERE a = ?", (1,)).fetchone() == (0,)
    assert raw.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)
    for name, value in left.items():
        assert raw.execute(f"SHOW {name}").fetchone() == (value,)


@pytest.fixture
def bounded(tmp_path: Path) -> Iterator[PostgresqlDatabase]:
    """The database of a server with three connections, one of them for intake."""
    with databases.postgresql_url() as url:
        database = PostgresqlDatabase(Secret(url, "postgresql://h/d"), "room", connections=3, for_intake=1)
        yield database
        database.unlock()


def test_readers_wait_for_a_connection_and_intake_does_not(
    bounded: PostgresqlDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No more are opened than set. A reader waits for one, and is refused after a time."""
    monkeypatch.setattr(postgresql, "_WAIT_SECONDS", 0.3)
    readers = [bounded.connect(read_only=True) for _ in range(2)]
    with pytest.raises(StoreBusy, match="every connection to the database is in use"):
        bounded.connect(read_only=True)
    writer = bounded.connect(for_intake=True)
    bounded.begin(writer)
    assert writer.execute(OPEN).fetchone() == (3,)
    connection = readers[0].connection
    threading.Timer(0.1, readers[0].close).start()
    reader = bounded.connect(read_only=True)
    assert reader.connection is connection
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        reader.execute("CREATE TABLE a (a INT)")
    reader.close()
    with closing(bounded.connect()):  # one that writes takes the place of an idle one
        assert connection.closed
    for session in (writer, readers[1]):
        session.close()


def test_a_connection_that_the_server_ended_is_not_used_again(bounded: PostgresqlDatabase) -> None:
    with closing(bounded.connect(read_only=True)) as reader:
        before = reader.connection
    with closing(bounded.connect()) as other, closing(bounded.connect(for_intake=True)) as writer:
        assert other.connection is not before
        other.close()
        writer.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid != pg_backend_pid()"
            " AND datname = current_database()"
        )
        with closing(bounded.connect(read_only=True)) as reader:
            assert reader.execute("SELECT 1").fetchone() == (1,)


def test_a_snapshot_ends_also_where_many_clients_are_connected(bounded: PostgresqlDatabase) -> None:
    """Each client is an open file of the server, and so is the connection to its database."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 2048)), hard))
    with ExitStack() as clients:
        for _ in range(1024):
            clients.enter_context(Path(os.devnull).open())
        with closing(bounded.connect(read_only=True)) as reader:
            for _ in range(30):
                bounded.begin_reading(reader)
                assert reader.execute("SELECT 1").fetchone() == (1,)
                bounded.end_reading(reader)


# A database whose own functions are found before those of PostgreSQL.
WITHOUT_LOCKS = {
    "one that gives each lock to all": "RETURNS boolean LANGUAGE sql AS 'SELECT true'",
    "one that refuses locks": "RETURNS boolean LANGUAGE plpgsql AS"
    " $$BEGIN RAISE feature_not_supported USING MESSAGE = 'advisory locks are not yet implemented'; END$$",
}


@pytest.mark.parametrize("name", WITHOUT_LOCKS)
def test_a_database_without_advisory_locks_is_refused(name: str) -> None:
    """It is found by trying: the second of two transactions must not get the lock."""
    with databases.postgresql_url() as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE SCHEMA room")
            for lock in ("pg_advisory_xact_lock", "pg_try_advisory_xact_lock"):
                connection.execute(f"CREATE FUNCTION room.{lock}(bigint) {WITHOUT_LOCKS[name]}")
        path = ("SET LOCAL search_path = room, pg_catalog",)
        database = PostgresqlDatabase(Secret(url, "postgresql://h/d"), "room", path)
        with pytest.raises(ConfigurationError, match="count each event once by the advisory locks"):
            database.lock()


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("'off', 'off'", "expected fsync = on, got off.*set store_is_durable: true"),
        ("'on', 'on'", "got a standby.*target_session_attrs=read-write"),
    ],
)
def test_a_database_that_cannot_keep_promises_is_refused(
    state: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the administrator says that it is durable, fsync may be off."""
    monkeypatch.setattr(postgresql, "_STATE", f"SELECT {state}")
    with databases.postgresql_url() as url:
        address = Secret(url, "postgresql://h/d")
        with pytest.raises(ConfigurationError, match=said):
            PostgresqlDatabase(address, "room").lock()
        if "fsync" in said:
            with structlog.testing.capture_logs() as log:
                PostgresqlDatabase(address, "room", is_durable=True).lock()
            assert [(one["event"], one["fsync"]) for one in log] == [("store without fsync", "off")]


def test_a_pooler_of_statements_is_refused() -> None:
    with databases.postgresql_url() as url, pooled(url, "statement") as address:
        database = PostgresqlDatabase(Secret(address, "postgresql://h/d"), "room")
        with pytest.raises(ConfigurationError, match="set the mode of the pooler to transaction"):
            database.lock()


def test_the_host_that_can_be_written_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several hosts, and by a service of libpq, whose names errors show."""
    with databases.postgresql_url() as url:
        found = urlsplit(url)
        here = f"{found.hostname}:{found.port or 5432}"
        hosts = (
            f"postgresql://{found.username}@127.0.0.1:1,{here}{found.path}?target_session_attrs=read-write"
        )
        lines = [f"host={found.hostname}", f"port={found.port or 5432}", f"user={found.username}"]
        (tmp_path / "services").write_text("\n".join(["[ours]", *lines, f"dbname={found.path[1:]}", ""]))
        monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
        for address in (hosts, "postgresql:///?service=ours"):
            database = database_of(StoreSetting.parse(address, tmp_path), 4)
            database.lock()
            database.unlock()
        missing = database_of(StoreSetting.parse("postgresql:///?service=other", tmp_path))
        with pytest.raises(
            StoreUnavailable, match=r"^postgresql:///\?service=other: cannot connect: .*not found"
        ):
            missing.connect()


def test_a_reader_without_a_connection_is_asked_to_come_again() -> None:
    problem = of_error(StoreBusy("every connection to the database is in use; ask again later"))
    assert (problem.status, problem.word, dict(problem.headers).keys()) == (503, "busy", {"Retry-After"})
    assert "every connection" in problem.detail
