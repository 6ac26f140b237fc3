"""The schema: the revisions make exactly the tables that the code declares."""

from __future__ import annotations

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from gitdailies_webhooks.accounts.key_store import create_key, list_keys
from gitdailies_webhooks.sql.tables import METADATA
from sqlalchemy import create_engine, text
from sqlalchemy.engine import Connection
from sqlalchemy.pool import NullPool


def test_the_revisions_make_the_tables(tmp_path: Path) -> None:
    """A store made by the revisions differs in nothing from the tables of this version."""
    create_key(tmp_path / "w.db", "ci")
    engine = create_engine(f"sqlite:///{tmp_path / 'w.db'}", poolclass=NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []
        migrated = _definitions(connection)
    fresh = create_engine("sqlite://")
    with fresh.begin() as connection:
        METADATA.create_all(connection)
        assert _definitions(connection) == migrated
    fresh.dispose()


def test_a_second_opening_changes_nothing(tmp_path: Path) -> None:
    """Opening a store that is up to date leaves its schema and its rows as they are."""
    create_key(tmp_path / "w.db", "ci")
    assert list_keys(tmp_path / "w.db") == list_keys(tmp_path / "w.db") != []


def _definitions(connection: Connection) -> set[str]:
    """Return the text of every table and index but Alembic's own, spaces aside."""
    query = text("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND tbl_name NOT LIKE 'alembic%'")
    return {"".join(row[0].split()) for row in connection.execute(query)}
