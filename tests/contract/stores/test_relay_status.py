"""What `relay status` and the gauges read: counters and indexes, never every row of a large table."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from pathlib import Path

import pytest
from gitdailies_relay.operations.incidents import open_summary
from gitdailies_relay.operations.status import status
from gitdailies_relay.store import store
from gitdailies_server.storage.database import Size
from gitdailies_server.storage.sqlite import SqliteDatabase

LARGE = "deliveries", "quarantine", "occurrences", "events", "attempts", "outbox"
# A bare count of the narrowest table is answered from its pages, without looking at a row.
COUNTED = "SELECT count(*) FROM outbox"


@pytest.fixture
def database(tmp_path: Path) -> SqliteDatabase:
    database = SqliteDatabase(tmp_path / "relay.db")
    store.migrate(database)
    return database


def test_no_statement_passes_over_a_large_table(database: SqliteDatabase) -> None:
    """The plan of each statement names an index, or a table that is small however many deliveries came."""
    statements: list[str] = []
    with contextlib.closing(database.connect()) as session:
        assert isinstance(session, sqlite3.Connection)
        session.set_trace_callback(statements.append)
        status(session, ["pagerduty"], Size(0, 0), None)
        session.set_trace_callback(None)
        asked = [one for one in statements if one.startswith("SELECT") and one != COUNTED]
        assert asked
        for statement in asked:
            plan = [row[3] for row in session.execute(f"EXPLAIN QUERY PLAN {statement}")]
            scans = [line for line in plan if re.match(rf"SCAN ({'|'.join(LARGE)})\b(?!.*INDEX)", line)]
            assert scans == [], f"{statement}\n{plan}"


def test_open_incidents_are_counted_in_the_index_alone(database: SqliteDatabase) -> None:
    """No row of an occurrence is looked up to count those that are open, nor to find the oldest."""
    statements: list[str] = []
    with contextlib.closing(database.connect()) as session:
        assert isinstance(session, sqlite3.Connection)
        session.set_trace_callback(statements.append)
        open_summary(session)
        session.set_trace_callback(None)
        assert len(statements) == 2
        for statement in statements:
            (plan,) = [row[3] for row in session.execute(f"EXPLAIN QUERY PLAN {statement}")]
            assert "USING COVERING INDEX occurrences_open" in plan
