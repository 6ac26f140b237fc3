"""An empty store of either kind, deleted afterwards."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from gitdailies_connection.config.settings import StoreSetting
from gitdailies_server.storage.database import Database
from gitdailies_webhooks.sql.database import database_of

SERVER = os.environ.get("GITDAILIES_TEST_POSTGRESQL", "postgresql://127.0.0.1:5432/test")


@contextmanager
def made(kind: str, folder: Path) -> Iterator[str]:
    """Yield its address for `--store`; an SQLite file is in *folder*."""
    if kind == "sqlite":
        yield f"sqlite:{folder / 'webhooks.db'}"
        return
    name = f"gitdailies_{secrets.token_hex(6)}"
    with psycopg.connect(SERVER, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield urlunsplit(urlsplit(SERVER)._replace(path=f"/{name}"))
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def at(address: str) -> Database:
    return database_of(StoreSetting.parse(address, Path.cwd()))
