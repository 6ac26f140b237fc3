"""`gitdailies backup` and `gitdailies restore`: a copy of a store, beside its running server, and back."""

from __future__ import annotations

import shlex
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click
from gitdailies_core.errors import UsageError

from gitdailies_cli import output
from gitdailies_cli.commands import stores
from gitdailies_cli.common_options import CONFIG

if TYPE_CHECKING:
    from gitdailies_connection.config.sections.settings import StoreSetting

_FILE = click.Path(path_type=Path, dir_okay=False)
_ANY_DATABASE = "--dbname=postgresql://HOST/DATABASE"
_SCHEMAS = {stores.RELAY: "gitdailies_relay", stores.RECEIVER: "gitdailies_webhooks"}


@click.command()
@click.argument("file", type=_FILE)
@stores.STORE
@CONFIG
def backup(file: Path, store: str | None, config: Path | None) -> None:
    """Write a whole copy of an SQLite store to FILE. Its server may run.

    For PostgreSQL it prints the line of pg_dump.

    \b
    gitdailies backup dora-backup.db --store sqlite:gitdailies-data/dora.db
    """
    from gitdailies_server.storage.backup import back_up
    from gitdailies_server.storage.sqlite import SqliteDatabase

    found = stores.find(store, config)
    if found[0].setting.path is None and len({str(one.setting) for one in found}) == 1:
        # Both servers may share a database, and one dump holds both.
        schemas = [f"--schema={_SCHEMAS[one.kind]}" for one in found]
        words = ["pg_dump", *_database(found[0].setting), *schemas, "--format=custom", f"--file={file}"]
        raise UsageError(f"backup: {found[0].setting} is PostgreSQL; run\n{shlex.join(words)}")
    one = stores.only(found)
    if not isinstance(one.database, SqliteDatabase):
        raise UsageError(f"backup: {one.setting} is PostgreSQL; name it alone with --store")
    size = back_up(one.database, file)
    click.echo(f"{one}: {output.printable(str(file))}, {size:,} bytes, checked")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@stores.STORE
@CONFIG
@click.option("--yes", is_flag=True, help="replace an existing store without asking")
def restore(file: Path, store: str | None, config: Path | None, yes: bool) -> None:
    """Put the copy FILE in place of an SQLite store. Stop its server first.

    FILE says whether a relay or the DORA server made it. The earlier store is kept next to the new one.
    For a dump of PostgreSQL it prints the line of pg_restore, which needs an empty database.

    \b
    gitdailies restore dora-backup.db --store sqlite:gitdailies-data/dora.db
    """
    from gitdailies_server.storage import backup as copies

    if copies.is_postgresql_dump(file):
        database = stores.named_by(store) if store is not None else None
        named = _database(database) if database is not None and database.path is None else [_ANY_DATABASE]
        raise UsageError(f"restore: {file} is a dump of PostgreSQL; run\n{_pg_restore(named, file)}")
    copies.check(file)
    kind = stores.kind_of(file)
    setting = stores.place_of(kind, store, config)
    if setting.path is None:
        raise UsageError(
            f"restore: {setting} is PostgreSQL; restore what pg_dump wrote, into an empty database, with\n"
            + _pg_restore(_database(setting), Path("FILE"))
        )
    from gitdailies_server.storage.sqlite import SqliteDatabase

    stores.refuse_newer(kind, file)
    target = SqliteDatabase(setting.path)
    if setting.path.exists() and not yes:
        stores.ask(f"Replace {setting} by {file}?", "restore")
    kept = copies.restore(file, target)
    stores.migrate(kind, stores.of_kind(kind, setting))
    with closing(target.connect(read_only=True)) as session:
        (events,) = session.execute("SELECT count(*) FROM events").fetchone()
    click.echo(f"{setting} ({kind}): restored, {output.counted(events, 'event')}")
    if kept is not None:
        click.echo(f"the earlier store is {kept}; delete it when you do not need it any more")


def _database(setting: StoreSetting) -> list[str]:
    """Return the options that name a database, without its password: PGPASSFILE has it."""
    return [f"--dbname={setting}", *([f"--username={setting.user}"] if setting.user else [])]


def _pg_restore(database: list[str], file: Path) -> str:
    return shlex.join(["pg_restore", *database, "--no-owner", "--exit-on-error", str(file)])
