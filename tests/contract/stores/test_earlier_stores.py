"""Stores of an earlier version: opened, brought up to date, and nothing of them lost."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from gitdailies_core.errors import ConfigurationError
from gitdailies_dora.accounts.keys import webhook_key as keys
from gitdailies_dora.accounts.keys.key_store import list_keys
from gitdailies_dora.sql.database import MIGRATIONS, existing_database, transaction
from gitdailies_server.storage import migrations
from gitdailies_server.storage.database import Database

from tests.support.databases import KINDS
from tests.support.dora.running import in_thread

RAW = keys.generate(lambda _: "a")
EVENT = (
    '{"kind":"deployed","repo":"larkspur/checkout-api","commitSHA":"4f0c2d6b8e1a",'
    '"time":"2026-03-04T08:55:12Z","id":"old"}'
)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def first_version(database: Database, folder: Path) -> None:
    """Make a store as the first version left it: a key that may read, an event, an audit line."""
    only = folder / "first"
    (only / "versions").mkdir(parents=True)
    shutil.copy(MIGRATIONS / "versions" / "0012_first.py", only / "versions")
    migrations.upgrade(database, only)
    with closing(database.connect()) as session:
        database.begin(session)
        session.execute(
            "INSERT INTO keys (name, prefix, last4, hash, allow, created_at, created_by)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            ("ci", *keys.shown_parts(RAW), keys.hash_of(RAW), "read send", 1_772_614_512_000_000, "kim"),
        )
        session.execute(
            "INSERT INTO events (id, kind, time, time_given, repo, received_at, key_id, digest, body)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                "old",
                "deployed",
                1_772_614_512_000_000,
                1,
                "larkspur/checkout-api",
                1_772_614_513_000_000,
                1,
                b"d",
                EVENT,
            ),
        )
        session.execute(
            "INSERT INTO audit (at, actor, action, subject, detail) VALUES (?, ?, ?, ?, ?)",
            (1_772_614_512_000_000, "kim", "key.created", "gdk_", "{}"),
        )
        database.commit(session)


def test_a_store_of_the_first_version_is_brought_up_to_date(
    database: Callable[[], Database], tmp_path: Path
) -> None:
    """Keys work, events are listed and audit lines are there after the schema moved on under them."""
    first_version(database(), tmp_path)
    with in_thread(database()) as receiver:
        (event,) = receiver.events(RAW)
        assert (event["id"], event["receivedAt"]) == ("old", "2026-03-04T08:55:13Z")
        assert [key.name for key in list_keys(database())] == ["ci"]
        with transaction(database()) as session:
            assert session.execute("SELECT actor, action FROM audit").fetchall() == [("kim", "key.created")]
            newest = session.execute("SELECT version_num FROM alembic_version").fetchone()
    assert newest == (migrations.revisions(MIGRATIONS)[-1],)


def test_a_store_of_a_newer_version_is_refused(database: Callable[[], Database]) -> None:
    """A server refuses a store that it does not understand, names both versions, and leaves it as it is."""
    with transaction(database()) as session:
        session.execute("UPDATE alembic_version SET version_num = '9999'")
    last = migrations.revisions(MIGRATIONS)[-1]
    with (
        pytest.raises(
            ConfigurationError, match=f"expected a schema up to {last}, which release .* knows, got 9999"
        ),
        in_thread(database()),
    ):
        pass
    with closing(existing_database(database()).connect(read_only=True)) as session:
        assert session.execute("SELECT version_num FROM alembic_version").fetchone() == ("9999",)
