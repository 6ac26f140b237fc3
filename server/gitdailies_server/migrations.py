"""Bring a store to the schema of this version, with Alembic; refuse one of a newer version.

A revision's file begins with its name, `0001_first.py`, and names sort as they follow each other:
so a store that is up to date is known as such without importing Alembic.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from gitdailies_core.errors import ConfigurationError, StoreUnavailable

from gitdailies_server.sqlite import reason

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext, RevisionStep
    from sqlalchemy import Connection

_VERSIONED = "SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'"
_CURRENT = "SELECT version_num FROM alembic_version"


def upgrade(connection: sqlite3.Connection, folder: Path, what: str) -> None:
    """Run what is missing of *folder*'s revisions; *what* names the store in messages.

    Raises ConfigurationError where the store is newer than this version, with both named, and
    StoreUnavailable where it cannot be read or written.
    """
    known = sorted(file.name.partition("_")[0] for file in (folder / "versions").glob("[0-9]*.py"))
    current = _current(connection, what)
    if current == known[-1]:
        return
    if current is not None and current not in known:
        raise ConfigurationError(
            f"{what}: expected a schema up to {known[-1]}, got {current}; "
            "it was written by a newer version of gitdailies-integrations: install that one"
        )
    _run(connection, folder, what)


def _current(connection: sqlite3.Connection, what: str) -> str | None:
    try:
        if (
            connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
            is None
        ):
            return None
        row = connection.execute(_CURRENT).fetchone()
    except sqlite3.Error as error:
        raise StoreUnavailable(f"{what}: expected to read its schema, got {reason(error)}") from error
    return str(row[0]) if row else None


def _run(connection: sqlite3.Connection, folder: Path, what: str) -> None:
    # Alembic takes longer to import than everything else a command needs.
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory
    from sqlalchemy import create_engine, event
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.pool import StaticPool

    engine = create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool)

    @event.listens_for(engine, "begin")
    def begin(bound: Connection) -> None:
        # The driver is left without its own transactions, so that DDL is inside ours.
        bound.exec_driver_sql("BEGIN IMMEDIATE")

    script = ScriptDirectory(str(folder))

    def steps(revision: str | tuple[str, ...], _: MigrationContext) -> Iterable[RevisionStep]:
        return script._upgrade_revs("head", revision)  # type: ignore[arg-type]  # noqa: SLF001  as alembic's own commands do

    try:
        with engine.connect() as bound, EnvironmentContext(Config(), script, fn=steps) as environment:
            # Each revision is one transaction: a crash between two leaves a schema that has a name.
            environment.configure(connection=bound, transaction_per_migration=True)
            with environment.begin_transaction():
                environment.run_migrations()
            bound.commit()
    except DBAPIError as error:
        raise StoreUnavailable(
            f"{what}: expected to bring its schema up to date, got {reason(error.orig or error)}"
        ) from error
