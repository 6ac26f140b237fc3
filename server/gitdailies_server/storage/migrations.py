"""Upgrade a store to the schema of this version, with Alembic; refuse a store of a newer version.

The table `alembic_version` holds the revision, and in two columns of ours the release that brought the store
there, and the oldest revision whose servers may use it. An earlier release that meets the store names both.

A revision expands the schema or contracts it. One that expands has a constant `oldest`, the revision whose
servers still run on it: no table or column that they use is gone, and rows that they write are complete.

Alembic is imported only for stores that need an upgrade: importing it takes longer than everything
else that a command needs.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import structlog
from gitdailies_connection.published import release
from gitdailies_core.errors import ConfigurationError, StoreUnavailable

from gitdailies_server.storage.database import Database, Session, unavailable

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext, MigrationInfo, RevisionStep

LOG = structlog.get_logger("gitdailies.store")

# For another process that migrates, or for a backup that reads a table.
WAIT_SECONDS = 3600.0
# PostgreSQL's lock_not_available: the timeout of a lock is over.
_LOCKED = "55P03"
# Columns of alembic_version. Alembic reads and writes its own one alone.
_RELEASE, _OLDEST = "release", "oldest"
# A process has one `alembic.op`, which every revision imports.
_ONE_AT_A_TIME = threading.Lock()


class Schema(NamedTuple):
    """The schema of a store: its revision, the release that made it, the oldest revision that may use it."""

    revision: str
    release: str
    oldest: str


@cache
def revisions(folder: Path) -> tuple[str, ...]:
    """Return the names of the revisions in *folder*, first to last.

    The name is the start of the file's name, as in `0012_first.py`. Names sort in order of the revisions.
    """
    files = (folder / "versions").glob("[0-9]*.py")
    return tuple(sorted(file.name.partition("_")[0] for file in files))


def schema_of(session: Session) -> Schema:
    """Return the schema that *session* sees; the database is not empty."""
    cursor = session.execute("SELECT * FROM alembic_version")
    # Columns of ours are missing from a store of an earlier version.
    found = dict(zip((column[0] for column in cursor.description), cursor.fetchone() or (), strict=False))
    revision = str(found.get("version_num") or "")
    return Schema(revision, str(found.get(_RELEASE) or ""), str(found.get(_OLDEST) or revision))


def unfit(session: Session, folder: Path) -> str:
    """Return why this version may not use the schema that *session* sees, or ""."""
    (*_, known), (revision, wrote, oldest) = revisions(folder), schema_of(session)
    # A store whose first revision runs now has none yet.
    if revision in ("", *revisions(folder)) or revision > known >= oldest:
        return ""
    by = f"release {wrote}" if wrote else "a newer release"
    return (
        f"expected a schema up to {known}, which release {release()} knows, got {revision}; {by} "
        f"of gitdailies-integrations wrote it: install that one, or restore a backup that {release()} wrote"
    )


def upgrade(
    database: Database, folder: Path, *, table: str = "", add: Callable[[Database], None] = lambda _: None
) -> tuple[str, str]:
    """Run the missing revisions of *folder*, then *add*. *table* is a table that each of its schemas has.

    Return the revision of the store before, "" for an empty one, and after.
    While another process does so, or holds a table, it waits for WAIT_SECONDS, and logs it.
    Raises ConfigurationError if the store belongs to another kind of server, or if it is newer than this
    version and has no place for it, and StoreUnavailable if it cannot be read or written.
    """
    ends = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            with contextlib.closing(database.connect()) as session:
                before, last = _fitting(database, session, folder, table), revisions(folder)[-1]
                if before < last:
                    run_revisions(database, session, folder)
            add(database)
            return before, max(before, last)
        except StoreUnavailable as error:
            if getattr(error.__cause__, "sqlstate", "") != _LOCKED or time.monotonic() >= ends:
                raise
            LOG.warning("schema waits for another process", store=str(database), reason=str(error))


def refuse_newer(database: Database, folder: Path) -> None:
    """Raise ConfigurationError for a store that this version may not use, and change nothing."""
    with contextlib.closing(database.connect(read_only=True)) as session:
        _fitting(database, session, folder)


def _fitting(database: Database, session: Session, folder: Path, table: str = "") -> str:
    """Return the revision of a store that this version may use, "" if it is empty."""
    try:
        if not database.has_table(session, "alembic_version"):
            return ""
        fault, revision = unfit(session, folder), schema_of(session).revision
        if revision and table and not database.has_table(session, table):
            fault = (
                f"this store belongs to another kind of server, since it has no table {table}; "
                "give the relay and the DORA server a store each"
            )
    except database.errors as error:
        raise unavailable(database, "read its schema", error) from error
    if fault:
        raise ConfigurationError(f"{database}: {fault}")
    return revision


def run_revisions(database: Database, session: Session, folder: Path) -> None:
    """Run the missing revisions of *folder*, each in a transaction. Raises StoreUnavailable."""
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.runtime.migration import MigrationStep
    from alembic.script import ScriptDirectory
    from sqlalchemy.exc import DBAPIError

    script = ScriptDirectory(str(folder))
    errors: tuple[type[Exception], ...] = (DBAPIError, *database.errors)

    def steps(revision: str | tuple[str, ...], _: "MigrationContext") -> "Iterable[RevisionStep]":
        missing = reversed(list(script.iterate_revisions("head", revision or "base")))
        return [MigrationStep.upgrade_from_script(script.revision_map, one) for one in missing]

    try:
        with (
            _ONE_AT_A_TIME,
            database.engine(session) as engine,
            engine.connect() as bound,
            EnvironmentContext(Config(), script, fn=steps) as environment,
        ):
            # Each revision is one transaction, so a crash between two leaves a known schema.
            environment.configure(
                connection=bound,
                transaction_per_migration=True,
                on_version_apply=lambda ctx, step, **_: _note(ctx, step),
            )
            with environment.begin_transaction():
                environment.run_migrations()
            bound.commit()
    except errors as error:
        of_driver = getattr(error, "orig", error)
        raise unavailable(database, "bring its schema up to date", of_driver) from of_driver


def _note(context: "MigrationContext", step: "MigrationInfo") -> None:
    """Store this release and the oldest revision next to the revision, in the transaction of the step."""
    from sqlalchemy import inspect, text

    bound, made = context.connection, step.up_revision
    assert bound is not None
    assert made is not None
    there = {column["name"] for column in inspect(bound).get_columns("alembic_version")}
    oldest = getattr(getattr(made, "module", None), _OLDEST, made.revision)
    for name, value in ((_RELEASE, release()), (_OLDEST, oldest)):
        if name not in there:
            bound.execute(text(f"ALTER TABLE alembic_version ADD COLUMN {name} TEXT"))
        bound.execute(text(f"UPDATE alembic_version SET {name} = :value"), {"value": value})  # noqa: S608
