"""PostgreSQL's planner knows the tables of a growing receiver, also where nothing else refreshes that."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from gitdailies_dora.sql import statistics
from gitdailies_dora.sql.database import MIGRATIONS
from gitdailies_server.storage.database import Database
from gitdailies_server.storage.migrations import upgrade
from gitdailies_server.storage.postgresql import PostgresqlDatabase
from gitdailies_server.storage.sqlite import SqliteDatabase

from tests.contract.stores.test_plans import history
from tests.support.dora.running import Receiver
from tests.support.processes import eventually


@pytest.fixture
def kind() -> str:
    return "postgresql"


def analyzed(database: Database) -> set[str]:
    """Return the tables with statistics. A table without any has -1 rows."""
    assert isinstance(database, PostgresqlDatabase)
    with psycopg.connect(database.url.reveal()) as connection:
        named = "relnamespace = %s::regnamespace AND relkind = 'r' AND reltuples >= 0"
        rows = connection.execute(f"SELECT relname FROM pg_class WHERE {named}", (database.schema,))
        return {name for (name,) in rows}


def test_an_import_is_derived_with_statistics(receiver: Receiver, database: Callable[[], Database]) -> None:
    """After the first thousand events, every table that deriving reads has statistics."""
    events = history()[: statistics.FIRST_EVENTS + 100]
    assert receiver.post(receiver.key("ci"), events).status_code == 202
    eventually(lambda: {table.split()[0] for table in statistics.TABLES} <= analyzed(database()))


def test_they_are_due_each_time_the_events_have_doubled() -> None:
    """A server that runs for years refreshes them seldom."""
    growth = statistics.Growth()
    due = [number for number in range(1, 20_000) if growth.add(1)]
    assert due == [1000, 2000, 4000, 8000, 16000]


def test_each_column_that_has_an_index_has_statistics(tmp_path: Path) -> None:
    """The planner knows how few rows each index leaves, although some columns have no statistics."""
    database = SqliteDatabase(tmp_path / "new.db")
    upgrade(database, MIGRATIONS)
    with closing(database.connect()) as schema:
        for table in statistics.TABLES:
            name, _, columns = table.partition(" (")
            found = {row[1] for row in schema.execute(f"PRAGMA table_info({name})") if row[5]}
            for _, index, *_ in schema.execute(f"PRAGMA index_list({name})").fetchall():
                found |= {column for *_, column in schema.execute(f"PRAGMA index_info({index})")}
            assert found
            assert not columns or found <= set(columns.rstrip(")").split(", ")), name
