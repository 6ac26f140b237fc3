"""SQLite stores with their tables and no rows, made once a run: it takes a tenth of a second and more.

Tests of the stores themselves, and of `gitdailies up`, begin without a file.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path

from gitdailies_relay.store import store as relay
from gitdailies_server.storage.database import Database
from gitdailies_server.storage.sqlite import SqliteDatabase
from gitdailies_webhooks.sql import database as webhooks

from tests.support.once import made_once


def put_relay_store(path: Path) -> None:
    """Write a relay's empty store to *path*, unless a file is there."""
    _put(path, relay.migrate)


def put_webhooks_store(path: Path) -> None:
    """Write an empty store of incoming webhooks to *path*, unless a file is there."""
    _put(path, webhooks.migrate)


def _put(path: Path, migrate: Callable[[Database], None]) -> None:
    if not path.exists():
        path.touch(mode=0o600)
        path.write_bytes(_made(migrate))


@cache
def _made(migrate: Callable[[Database], None]) -> bytes:
    def make(folder: Path) -> None:
        database = SqliteDatabase(folder / "store.db")
        migrate(database)
        with closing(database.connect()) as session:
            session.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    return (made_once(f"empty store {migrate.__module__}", make) / "store.db").read_bytes()
