"""Upgrade a store to the schema of this version, with Alembic; refuse a store of a newer version.

The table `alembic_version` holds the revision, and in a column of ours the release that brought the store
there. An earlier release that meets the store names both.

Alembic is imported only for stores that need an upgrade: importing it takes longer than everything
else that a command needs.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from gitdailies_connection.published import release
from gitdailies_core.errors import ConfigurationError

from gitdailies_server.storage.database import Database, Session, unavailable

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext, RevisionStep

# Of alembic_version. Alembic reads and writes its own column alone.
_COLUMN = "release"
# A process has one `alembic.op`, which every revision imports.
_ONE_AT_A_TIME = threading.Lock()


def revisions(folder: Path) -> list[str]:
    """Return the names of the revisions in *folder*, first to last.

    The name is the start of the file's name, as in `0012_first.py`. Names sort in order of the revisions.
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
                "give the relay and the DORA server a store each"
            )
        if current == known[-1]:
            return
        if current is not None and current not in known:
            raise _newer(database, session, known[-1], current)
        run_revisions(database, session, folder)


def refuse_newer(database: Database, folder: Path) -> None:
    """Raise ConfigurationError for a store that is newer than this version, and change nothing."""
    known = revisions(folder)
    with contextlib.closing(database.connect(read_only=True)) as session:
        current, _ = _current(database, session, "")
        if current is not None and current not in known:
            raise _newer(database, session, known[-1], current)


def _newer(database: Database, session: Session, known: str, current: str) -> ConfigurationError:
    wrote = database.release(session)
    by = f"release {wrote}" if wrote else "a newer release"
    return ConfigurationError(
        f"{database}: expected a schema up to {known}, which release {release()} knows, got {current}; {by} "
        f"of gitdailies-integrations wrote it: install that one, or restore a backup that {release()} wrote"
    )


def _current(database: Database, session: Session, table: str) -> tuple[str | None, bool]:
    try:
        current = database.schema_version(session)
        return current, current is None or not table or database.has_table(session, table)
    except database.errors as error:
        raise unavailable(database, "read its schema", error) from error


def run_revisions(database: Database, session: Session, folder: Path) -> None:
    """Run the missing revisions of *folder*, each in a transaction. Raises StoreUnavailable."""
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
            _ONE_AT_A_TIME,
            database.engine(session).connect() as bound,
            EnvironmentContext(Config(), script, fn=steps) as environment,
        ):
            # Each revision is one transaction, so a crash between two leaves a known schema.
            environment.configure(
                connection=bound,
                transaction_per_migration=True,
                on_version_apply=lambda ctx, **_: _note_release(ctx),
            )
            with environment.begin_transaction():
                environment.run_migrations()
            bound.commit()
    except DBAPIError as error:
        of_driver = error.orig if isinstance(error.orig, Exception) else error
        raise unavailable(database, "bring its schema up to date", of_driver) from error


def _note_release(context: MigrationContext) -> None:
    """Store this release next to the revision, in the transaction of the step."""
    from sqlalchemy import inspect, text

    bound = context.connection
    assert bound is not None
    if _COLUMN not in {column["name"] for column in inspect(bound).get_columns("alembic_version")}:
        bound.execute(text(f"ALTER TABLE alembic_version ADD COLUMN {_COLUMN} TEXT"))
    bound.execute(text(f"UPDATE alembic_version SET {_COLUMN} = :release"), {"release": release()})  # noqa: S608
