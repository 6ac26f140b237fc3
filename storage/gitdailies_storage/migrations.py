"""Bring a store to the schema of this version, with Alembic; refuse one of a newer version."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import ScriptDirectory
from gitdailies_core.errors import ConfigurationError
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.pool import StaticPool


def upgrade(connection: sqlite3.Connection, folder: Path, what: str) -> None:
    """Run what is missing of *folder*'s revisions; *what* names the store in messages.

    Raises ConfigurationError where the store is newer than this version, with both named.
    """
    engine = create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool)

    @event.listens_for(engine, "begin")
    def begin(bound: Connection) -> None:
        # The driver is left without its own transactions, so that DDL is inside ours.
        bound.exec_driver_sql("BEGIN IMMEDIATE")

    with engine.connect() as bound:
        script = ScriptDirectory(str(folder))
        known = [revision.revision for revision in script.walk_revisions()]
        current = MigrationContext.configure(bound).get_current_revision()
        if current is not None and current not in known:
            raise ConfigurationError(
                f"{what}: expected a schema up to {known[0]}, got {current}; "
                "it was written by a newer version of gitdailies-integrations: install that one"
            )
        if current == known[0]:
            return

        def steps(revision: str | tuple[str, ...], _: MigrationContext) -> Iterable[RevisionStep]:
            return script._upgrade_revs("head", revision)  # type: ignore[arg-type]  # noqa: SLF001  as alembic's own commands do

        with EnvironmentContext(Config(), script, fn=steps) as environment:
            # Each revision is one transaction: a crash between two leaves a schema that has a name.
            environment.configure(connection=bound, transaction_per_migration=True)
            with environment.begin_transaction():
                environment.run_migrations()
        bound.commit()
