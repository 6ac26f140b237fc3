"""What `relay status` and the gauges read: counters and indexes, never every row of a large table."""

import contextlib
import re
import sqlite3
from pathlib import Path

import pytest
from gitdailies_relay.operations.status import status
from gitdailies_relay.store import store
from gitdailies_server.storage.database import Size
from gitdailies_server.storage.sqlite import SqliteDatabase

LARGE = "deliveries", "quarantine", "occurrences", "events", "attempts", "outbox"


@pytest.fixture
def database(tmp_path: Path) -> SqliteDatabase:
    database = SqliteDatabase(tmp_path / "relay.db")
    store.migrate(database)
    return database


def test_no_statement_passes_over_a_large_table(database: SqliteDatabase) -> None:
    """The plan of each statement names an index, or a table that is small however many deliveries came.

    But for one: a bare count of the narrowest table is answered from its pages, without looking at a row.
    Occurrences are counted, and the oldest is found, in the index alone.
    """
    statements: list[str] = []
    with contextlib.closing(database.connect()) as session:
        assert isinstance(session, sqlite3.Connection)
        session.set_trace_callback(statements.append)
        status(session, ["pagerduty"], Size(0, 0), None)
        session.set_trace_callback(None)
        asked = [one for one in statements if one.startswith("SELECT")]
        assert asked
        lines = [row[3] for one in asked for row in session.execute(f"EXPLAIN QUERY PLAN {one}").fetchall()]
    assert [one for one in lines if re.match(rf"SCAN ({'|'.join(LARGE)})\b(?!.*INDEX)", one)] in (
        [],
        ["SCAN outbox"],
    )
    of_occurrences = [one for one in lines if "occurrences" in one]
    assert len(of_occurrences) == 2
    assert all("USING COVERING INDEX occurrences_open" in one for one in of_occurrences)
