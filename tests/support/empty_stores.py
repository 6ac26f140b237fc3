"""Stores with their tables and no rows. An SQLite one is made once a run: it takes a tenth of a second.

Tests of the stores themselves, and of `gitdailies up`, begin without a file.
"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from gitdailies_dora.sql import database as dora
from gitdailies_relay.store import store as relay
from gitdailies_server.storage.database import Database
from gitdailies_server.storage.sqlite import SqliteDatabase

from tests.support.once import made_once


@dataclass(frozen=True)
class Tables:
    """The tables of a server's store: their schema in PostgreSQL, and the function that makes them."""

    schema: str
    migrate: Callable[[Database], object]

    def put(self, path: Path) -> None:
        """Write an empty SQLite store to *path*, unless that file exists."""
        if not path.exists():
            path.touch(mode=0o600)
            path.write_bytes(_made(self.migrate))


RELAY = Tables("gitdailies_relay", relay.migrate)
DORA = Tables("gitdailies_webhooks", dora.migrate)


@cache
def _made(migrate: Callable[[Database], object]) -> bytes:
    def make(folder: Path) -> None:
        database = SqliteDatabase(folder / "store.db")
        migrate(database)
        with closing(database.connect()) as session:
            session.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    return (made_once(f"empty store {migrate.__module__}", make) / "store.db").read_bytes()
