"""A database of either kind for one test: an SQLite file, or one on a real PostgreSQL, dropped after."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from gitdailies_core.values.secret import Secret
from gitdailies_server.storage.database import Database
from gitdailies_server.storage.postgresql import PostgresqlDatabase
from gitdailies_server.storage.sqlite import SqliteDatabase

from tests.support.postgresql import server

KINDS = ("sqlite", "postgresql")

Connection = psycopg.Connection[tuple[Any, ...]]
# Settings of a database outlive what is in it.
_SETTINGS = """
    SELECT count(*) FROM pg_db_role_setting
    JOIN pg_database ON pg_database.oid = setdatabase WHERE datname = %s
"""
_END_CONNECTIONS = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s"
_SCHEMAS = "SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema$)'"


# Empty databases that this process made and that no test uses now. To make one and drop it costs a second of
# disk, and to empty it a few milliseconds.
_FREE: list[str] = []


@contextmanager
def postgresql_url() -> Iterator[str]:
    """Yield the address of an empty database on the server that tests use."""
    url = server()
    with psycopg.connect(url, autocommit=True) as connection:
        name = _FREE.pop() if _FREE else _made(connection)
        address = _address(url, name)
        try:
            yield address
        finally:
            if _emptied(connection, address, name):
                _FREE.append(name)
            else:
                _drop(connection, name)


@contextmanager
def loaded_url(dump: bytes) -> Iterator[str]:
    """Yield the address of a database with what `dumped` returned for another."""
    with postgresql_url() as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(dump)
        yield url


def dumped(url: str) -> bytes:
    """Return the SQL that makes the tables and rows of a database, without psql's own commands."""
    command = ["pg_dump", "--inserts", "--no-owner", "--dbname", url]
    written = subprocess.run(command, check=True, capture_output=True).stdout
    # A new database has this schema.
    lines = (line for line in written.splitlines() if line != b"CREATE SCHEMA public;")
    return b"\n".join(line for line in lines if not line.startswith(b"\\"))


def drop_free_databases() -> None:
    """Drop the databases that wait for another test: at the end of a process."""
    if _FREE:
        with psycopg.connect(server(), autocommit=True) as connection:
            while _FREE:
                _drop(connection, _FREE.pop())


def _made(connection: Connection) -> str:
    name = f"gitdailies_{secrets.token_hex(6)}"
    connection.execute(f"CREATE DATABASE {name}")
    return name


def _drop(connection: Connection, name: str) -> None:
    connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _address(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def _emptied(connection: Connection, address: str, name: str) -> bool:
    """Make a database as new, and say whether it is."""
    if connection.execute(_SETTINGS, (name,)).fetchone() != (0,):
        return False
    connection.execute(_END_CONNECTIONS, (name,))
    with psycopg.connect(address, autocommit=True) as inside:
        for (schema,) in inside.execute(_SCHEMAS).fetchall():
            inside.execute(f'DROP SCHEMA "{schema}" CASCADE')
        inside.execute("CREATE SCHEMA public")
    return True


@contextmanager
def setting(kind: str) -> Iterator[str]:
    """Yield the `relay.store` setting of a new database; an SQLite file is in the folder."""
    if kind == "sqlite":
        yield "sqlite:relay.db"
    else:
        with postgresql_url() as url:
            yield url


@contextmanager
def opened(kind: str, folder: Path, schema: str = "room") -> Iterator[Callable[[], Database]]:
    """Yield a function that opens the same database each time, as another process would."""
    if kind == "sqlite":
        yield lambda: SqliteDatabase(folder / "room.db")
    else:
        with postgresql_url() as url:
            yield lambda: PostgresqlDatabase(Secret(url, "postgresql://of-a-test"), schema)
