"""A database of either kind for one test: an SQLite file, or one on a real PostgreSQL, dropped after."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from gitdailies_core.values.secret import Secret
from gitdailies_server.storage.database import Database
from gitdailies_server.storage.postgresql import PostgresqlDatabase
from gitdailies_server.storage.sqlite import SqliteDatabase

from tests.support.postgresql import server

KINDS = ("sqlite", "postgresql")


@contextmanager
def postgresql_url() -> Iterator[str]:
    """Make an empty database on the server that tests use."""
    url, name = server(), f"gitdailies_{secrets.token_hex(6)}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


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
