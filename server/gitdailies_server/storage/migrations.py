"""Upgrade a store to the schema of this version, with Alembic; refuse a store of a newer version.

Alembic is imported only for stores that need an upgrade: importing it takes longer than everything
else that a command needs.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from gitdailies_core.errors import ConfigurationError

from gitdailies_server.storage.database import Database, Session, unavailable

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext, RevisionStep


def revisions(folder: Path) -> list[str]:
    """Return the names of the revisions in *folder*, first to last.

    The name is the start of the file's name, as in `0001_first.py`. Names sort in order of the revisions.
    """
    return sorted(file.name.partition("_")[0] for file in (folder / "versions").glob("[0-9]*.py"))


def upgrade(database: Database, folder: Path, *, table: str = "") -> None:
    """Run the missing revisions of *folder*. *table* is a table that each of its schemas has.

    Raises ConfigurationError if the store belongs to another kind of server, or if it is newer than this
    version, and StoreUnavailable if it cannot be read or written.
    """
    known = revisions(folder)
    with contextlib.closing(database.connect()) as session:
        current, fits = _current(database, session, table)
        if not fits:
            raise ConfigurationError(
                f"{database}: this store belongs to another kind of server, since it has no table {table}; "
                "give the relay and incoming webhooks a store each"
            )
        if current == known[-1]:
            return
        if current is not None and current not in known:
            raise ConfigurationError(
                f"{database}: expected a schema up to {known[-1]}, got {current}; "
                "it was written by a newer version of gitdailies-integrations: install that one"
            )
        _run(database, session, folder)


def _current(database: Database, session: Session, table: str) -> tuple[str | None, bool]:
    try:
        current = database.schema_version(session)
        return current, current is None or not table or database.has_table(session, table)
    except database.errors as error:
        raise unavailable(database, "read its schema", error) from error


def _run(database: Database, session: Session, folder: Path) -> None:
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.runtime.migration import MigrationStep
    from alembic.script import ScriptDirectory
    from sqlalchemy.exc import DBAPIError

    script = ScriptDirectory(str(folder))

    def steps(revision: str | tuple[str, ...], _: MigrationContext) -> Iterable[RevisionStep]:
        missing = reversed(list(script.iterate_revisions("head", revision or "base")))
        return [MigrationStep.upgrade_from_script(script.revision_map, one) for one in missing]

    try:
        with (
            database.engine(session).connect() as bound,
            EnvironmentContext(Config(), script, fn=steps) as environment,
        ):
            # Each revision is one transaction, so a crash between two leaves a known schema.
            environment.configure(connection=bound, transaction_per_migration=True)
            with environment.begin_transaction():
                environment.run_migrations()
            bound.commit()
    except DBAPIError as error:
        raise unavailable(database, "bring its schema up to date", _of_driver(error)) from error


def _of_driver(error: Exception) -> Exception:
    driver = getattr(error, "orig", None)
    return driver if isinstance(driver, Exception) else error
