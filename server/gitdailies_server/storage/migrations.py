"""Bring a store to the schema of this version, with Alembic; refuse one of a newer version.

A store that is up to date is known as such without importing Alembic, which takes longer to
import than everything else a command needs.
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
    """Return the names of the schemas that *folder* leads to, first to last.

    A revision's file begins with its name, `0001_first.py`, and names sort as they follow each other.
    """
    return sorted(file.name.partition("_")[0] for file in (folder / "versions").glob("[0-9]*.py"))


def upgrade(database: Database, folder: Path, *, table: str = "") -> None:
    """Run what is missing of *folder*'s revisions; each of its schemas has *table*.

    Raises ConfigurationError where the store is another room's, or newer than this version, with
    both versions named, and StoreUnavailable where it cannot be read or written.
    """
    known = revisions(folder)
    with contextlib.closing(database.connect()) as session:
        current, fits = _current(database, session, table)
        if not fits:
            raise ConfigurationError(
                f"{database}: expected a store with a table of {table}, got one of another kind of server; "
                "a relay and incoming webhooks have one each"
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
        raise unavailable(database, "to read its schema", error) from error


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
            # Each revision is one transaction: a crash between two leaves a schema that has a name.
            environment.configure(connection=bound, transaction_per_migration=True)
            with environment.begin_transaction():
                environment.run_migrations()
            bound.commit()
    except DBAPIError as error:
        raise unavailable(database, "to bring its schema up to date", _of_driver(error)) from error


def _of_driver(error: Exception) -> Exception:
    driver = getattr(error, "orig", None)
    return driver if isinstance(driver, Exception) else error
