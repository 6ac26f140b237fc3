"""Schemas: made once, brought up to date, and refused where they are of a later version."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import gitdailies_relay.store
import gitdailies_relay.tables
import gitdailies_webhooks.keyring
import gitdailies_webhooks.tables
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from gitdailies_core.errors import ConfigurationError, StoreUnavailable
from gitdailies_server import migrations
from gitdailies_server.sqlite import connect
from sqlalchemy import create_engine

STORES = {
    "relay": (gitdailies_relay.store.MIGRATIONS, gitdailies_relay.tables.METADATA),
    "incoming webhooks": (gitdailies_webhooks.keyring.MIGRATIONS, gitdailies_webhooks.tables.METADATA),
}
STEP = """
from alembic import op

revision = "{revision}"
down_revision = {down!r}


def upgrade() -> None:
    op.execute("CREATE TABLE made_{revision} (n)")
    op.execute("{then}")
"""


def versions(folder: Path, *steps: str) -> Path:
    """Write revisions 0001, 0002, … each with a last statement of its own."""
    (folder / "versions").mkdir(parents=True)
    for number, then in enumerate(steps, 1):
        down = f"{number - 1:04}" if number > 1 else None
        text = STEP.format(revision=f"{number:04}", down=down, then=then)
        (folder / "versions" / f"{number:04}_step.py").write_text(text)
    return folder


def tables(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


@pytest.mark.parametrize("name", STORES)
def test_migrations_make_the_tables_that_the_code_knows(tmp_path: Path, name: str) -> None:
    """A store made by the revisions has exactly the tables, columns and indexes of `tables`."""
    folder, metadata = STORES[name]
    with contextlib.closing(connect(tmp_path / "x.db")) as connection:
        migrations.upgrade(connection, folder, "x.db")
    engine = create_engine(f"sqlite:///{tmp_path / 'x.db'}")
    try:
        with engine.connect() as bound:
            assert compare_metadata(MigrationContext.configure(bound), metadata) == []
    finally:
        engine.dispose()


@pytest.mark.parametrize("name", STORES)
def test_a_second_start_changes_nothing(tmp_path: Path, name: str) -> None:
    """Upgrading what is up to date writes nothing at all."""
    with contextlib.closing(connect(tmp_path / "x.db")) as connection:
        migrations.upgrade(connection, STORES[name][0], "x.db")
        before = connection.execute("PRAGMA schema_version").fetchone(), connection.total_changes
        migrations.upgrade(connection, STORES[name][0], "x.db")
        assert (connection.execute("PRAGMA schema_version").fetchone(), connection.total_changes) == before
        assert not connection.in_transaction


def test_a_newer_store_is_refused_with_both_versions_named(tmp_path: Path) -> None:
    """A schema that this version does not know is left alone, and the message says what to do."""
    newer = versions(tmp_path / "newer", "SELECT 1", "SELECT 1")
    older = versions(tmp_path / "older", "SELECT 1")
    with contextlib.closing(connect(tmp_path / "x.db")) as connection:
        migrations.upgrade(connection, newer, "x.db")
        with pytest.raises(ConfigurationError) as caught:
            migrations.upgrade(connection, older, "x.db")
        assert not connection.in_transaction

    assert str(caught.value) == (
        "x.db: expected a schema up to 0001, got 0002; it was written by a newer version of "
        "gitdailies-integrations: install that one"
    )


def test_an_older_store_is_brought_up_to_date(tmp_path: Path) -> None:
    """Only the missing revision runs, and what stood in the store stays."""
    with contextlib.closing(connect(tmp_path / "x.db")) as connection:
        migrations.upgrade(connection, versions(tmp_path / "one", "INSERT INTO made_0001 VALUES (7)"), "x.db")
        two = versions(tmp_path / "two", "SELECT missing FROM made_0001", "SELECT 1")
        migrations.upgrade(connection, two, "x.db")

        assert {"made_0001", "made_0002"} <= tables(connection)
        assert connection.execute("SELECT n FROM made_0001").fetchall() == [(7,)]


def test_a_step_that_fails_leaves_the_one_before(tmp_path: Path) -> None:
    """A revision that breaks in the middle is undone whole; the next start goes on from the one before."""
    broken = versions(tmp_path / "broken", "SELECT 1", "SELECT missing FROM made_0002", "SELECT 1")
    failing = pytest.raises(StoreUnavailable, match=r"x\.db: expected to bring .* no such column: missing")
    with failing, contextlib.closing(connect(tmp_path / "x.db")) as connection:
        migrations.upgrade(connection, broken, "x.db")
    with contextlib.closing(connect(tmp_path / "x.db")) as connection:
        assert tables(connection) == {"alembic_version", "made_0001"}
        mended = versions(tmp_path / "mended", "SELECT 1", "SELECT 1", "SELECT 1")
        migrations.upgrade(connection, mended, "x.db")
        assert tables(connection) == {"alembic_version", "made_0001", "made_0002", "made_0003"}
