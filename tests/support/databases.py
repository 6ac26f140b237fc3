"""A database of either kind for one test: an SQLite file, or one on a real PostgreSQL.

A process keeps its PostgreSQL databases for its next tests. To make one with its tables costs a third of a
second of the server, and to empty one a few milliseconds.
"""

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from gitdailies_core.values.secret import Secret
from gitdailies_server.storage.database import Database
from gitdailies_server.storage.postgresql import PostgresqlDatabase
from gitdailies_server.storage.sqlite import SqliteDatabase
from psycopg import sql

from tests.support.empty_stores import RELAY, Tables
from tests.support.postgresql import server

KINDS = ("sqlite", "postgresql")
# The contract of stores says that both answer alike, so the short form asks for pages on one.
PAGE_KINDS = (KINDS[0], pytest.param(KINDS[1], marks=pytest.mark.long))

Connection = psycopg.Connection[tuple[Any, ...]]
# A schema and a name.
Table = tuple[str, str]

_SYSTEM = "^(pg_|information_schema$)"
# Settings of a database outlive what is in it.
_SETTINGS = """
    SELECT count(*) FROM pg_db_role_setting
    JOIN pg_database ON pg_database.oid = setdatabase WHERE datname = %s
"""
_END_CONNECTIONS = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s"
_SCHEMAS = f"SELECT nspname FROM pg_namespace WHERE nspname !~ '{_SYSTEM}'"
_DEFINITIONS = Path(__file__).with_name("definitions.sql").read_text()
# A table that ever had a row since it was made or truncated has a size. One is small if few rows were ever in
# it, and if the planner has no statistics of it, which would outlive its rows.
_WRITTEN = f"""
    SELECT nspname, relname, reltuples < 0 AND pg_relation_size(pg_class.oid) <= 65536 AS small
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE relkind = 'r' AND nspname !~ '{_SYSTEM}' AND pg_relation_size(pg_class.oid) > 0
"""
_IS_SUPERUSER = "SELECT current_setting('is_superuser') = 'on'"
_RESTART_NUMBERS = f"""
    SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
    FROM pg_sequences WHERE schemaname !~ '{_SYSTEM}' AND last_value IS NOT NULL
"""


@dataclass(frozen=True)
class _Free:
    """A database that no test uses now: what it is called, and how its tables and first rows look."""

    name: str
    definitions: str = ""
    first_rows: Mapping[Table, str] = field(default_factory=dict)


# The databases that this process made, by their tables.
_FREE: dict[Tables | None, list[_Free]] = {}


@contextmanager
def postgresql_url(tables: Tables | None = None) -> Iterator[str]:
    """Yield the address of an empty database on the server that tests use, or of one with empty tables."""
    url = server()
    with psycopg.connect(url, autocommit=True) as connection:
        free = _taken(connection, url, tables)
        address = _address(url, free.name)
        try:
            yield address
        finally:
            _put_back(connection, address, free, tables)


def drop_free_databases() -> None:
    """Drop the databases that wait for another test: at the end of a process."""
    names = [free.name for kept in _FREE.values() for free in kept]
    _FREE.clear()
    if names:
        with psycopg.connect(server(), autocommit=True) as connection:
            for name in names:
                _drop(connection, name)


def _taken(connection: Connection, url: str, tables: Tables | None) -> _Free:
    if kept := _FREE.get(tables):
        return kept.pop()
    free = _taken(connection, url, None) if tables is not None else _Free(_made(connection))
    if tables is None:
        return free
    address = _address(url, free.name)
    tables.migrate(_database(address, tables.schema))
    with psycopg.connect(address, autocommit=True) as inside:
        first_rows = {table: _rows(inside, table) for table in _written(inside)}
        return _Free(free.name, _definitions(inside), first_rows)


def _put_back(connection: Connection, address: str, free: _Free, tables: Tables | None) -> None:
    if connection.execute(_SETTINGS, (free.name,)).fetchone() != (0,):
        _drop(connection, free.name)
        return
    connection.execute(_END_CONNECTIONS, (free.name,))
    with psycopg.connect(address, autocommit=True) as inside:
        if tables is not None and _emptied(inside, free):
            _FREE.setdefault(tables, []).append(free)
            return
        for (schema,) in inside.execute(_SCHEMAS).fetchall():
            inside.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))
        inside.execute("CREATE SCHEMA public")
    _FREE.setdefault(None, []).append(_Free(free.name))


def _emptied(inside: Connection, free: _Free) -> bool:
    """Make the rows as they were; if the tables are not, say no."""
    if _definitions(inside) != free.definitions:
        return False
    written = _written(inside)
    changed = [table for table in written if _rows(inside, table) != free.first_rows.get(table)]
    if changed:
        _delete(inside, changed, few=all(written[table] for table in changed))
    for table, rows in free.first_rows.items():
        if _rows(inside, table) != rows:
            put = sql.SQL("INSERT INTO {0} SELECT * FROM json_populate_recordset(NULL::{0}, %s)")
            inside.execute(put.format(sql.Identifier(*table)), (rows,))
    return True


def _delete(inside: Connection, tables: Iterable[Table], *, few: bool) -> None:
    """Delete all rows. To truncate makes new files and syncs them, which takes a hundred times as long."""
    names = [sql.Identifier(*table) for table in tables]
    if not few or inside.execute(_IS_SUPERUSER).fetchone() != (True,):
        named = sql.SQL(", ").join(names)
        inside.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY CASCADE").format(named))
        return
    with inside.transaction():
        # Rows that refer to each other go in any order.
        inside.execute("SET LOCAL session_replication_role = replica")
        for name in names:
            inside.execute(sql.SQL("DELETE FROM {}").format(name))
        inside.execute(_RESTART_NUMBERS)


def _definitions(inside: Connection) -> str:
    found = inside.execute(_DEFINITIONS).fetchone()
    assert found is not None
    return str(found[0])


def _written(inside: Connection) -> dict[Table, bool]:
    """Return the tables that have or had rows, and whether each is small."""
    return {(schema, table): small for schema, table, small in inside.execute(_WRITTEN).fetchall()}


def _rows(inside: Connection, table: Table) -> str:
    """Return the rows as JSON, in stored order."""
    query = sql.SQL("SELECT json_agg(one)::text FROM {} AS one").format(sql.Identifier(*table))
    found = inside.execute(query).fetchone()
    assert found is not None
    return str(found[0] or "[]")


def _made(connection: Connection) -> str:
    name = f"gitdailies_{secrets.token_hex(6)}"
    connection.execute(f"CREATE DATABASE {name}")
    return name


def _drop(connection: Connection, name: str) -> None:
    connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _address(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


@contextmanager
def setting(kind: str, tables: Tables | None = RELAY) -> Iterator[str]:
    """Yield the `relay.store` setting of a new database; an SQLite file is in the folder."""
    if kind == "sqlite":
        yield "sqlite:relay.db"
    else:
        with postgresql_url(tables) as url:
            yield url


@contextmanager
def opened(
    kind: str, folder: Path, schema: str = "room", *, tables: Tables | None = None
) -> Iterator[Callable[[], Database]]:
    """Yield a function that opens the same database each time, as another process would."""
    if kind == "sqlite":
        if tables is not None:
            tables.put(folder / "room.db")
        yield lambda: SqliteDatabase(folder / "room.db")
    else:
        with postgresql_url(tables) as url:
            yield lambda: _database(url, tables.schema if tables else schema)


def _database(url: str, schema: str) -> Database:
    return PostgresqlDatabase(Secret(url, "postgresql://of-a-test"), schema)
