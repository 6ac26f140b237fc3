"""Each statement of the derived rows can be printed as text that a shell of the database takes."""

import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg

from scripts import show_sql
from tests.support.databases import postgresql_url
from tests.support.empty_stores import DORA


def test_sqlite_takes_each_one(tmp_path: Path) -> None:
    """Each has a plan without values for its parameters, as in the shell."""
    DORA.put(tmp_path / "dora.db")
    faults = {}
    with closing(sqlite3.connect(tmp_path / "dora.db")) as connection:
        for name in show_sql.names():
            text = show_sql.text_of(name, postgresql=False)
            try:
                connection.execute(f"EXPLAIN QUERY PLAN {text}", [None] * text.count("?"))
            except sqlite3.Error as error:
                faults[name] = f"{error}: {text}"
    assert faults == {}


def test_postgresql_prepares_each_one() -> None:
    """Each is prepared, so that EXPLAIN EXECUTE shows its plan."""
    faults = {}
    with postgresql_url(DORA) as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"SET search_path TO {DORA.schema}")
        for name in show_sql.names():
            text = show_sql.text_of(name, postgresql=True)
            try:
                connection.execute(f"PREPARE {name.lower()} AS {text}")
            except psycopg.Error as error:
                faults[name] = f"{error}: {text}"
    assert faults == {}


def test_the_statements_are_found() -> None:
    """A list that is empty would make the other tests say nothing."""
    assert {"DEPLOYS_AROUND", "LATEST_DEPLOY", "COUNT_DEPLOYS", "DELETE_COMMIT"} <= set(show_sql.names())
    assert len(show_sql.names()) > 60
