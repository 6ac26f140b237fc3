"""`gitdailies backup` and `gitdailies restore`: a copy of a store, beside its running server, and back."""

from __future__ import annotations

import shlex
from contextlib import closing
from pathlib import Path

import click
from gitdailies_core.errors import UsageError

from gitdailies_cli import output
from gitdailies_cli.commands import stores

_FILE = click.Path(path_type=Path, dir_okay=False)
_SCHEMAS = {stores.RELAY: "gitdailies_relay", stores.RECEIVER: "gitdailies_webhooks"}


@click.command()
@click.argument("file", type=_FILE)
@stores.STORE
@stores.CONFIG
def backup(file: Path, store: str | None, config: Path | None) -> None:
    """Write a whole copy of an SQLite store to FILE. Its server may run.

    For PostgreSQL it prints the line of pg_dump.

    \b
    gitdailies backup webhooks-backup.db --store sqlite:gitdailies-data/webhooks.db
    """
    from gitdailies_server.storage.backup import back_up
    from gitdailies_server.storage.sqlite import SqliteDatabase

    one = stores.find_one(store, config)
    if not isinstance(one.database, SqliteDatabase):
        dump = f"pg_dump --dbname={one.setting} --schema={_SCHEMAS[one.kind]} --format=custom --file={file}"
        raise UsageError(f"backup: {one} is PostgreSQL; run\n{_line(dump)}")
    size = back_up(one.database, file)
    click.echo(f"{one}: {output.printable(str(file))}, {size:,} bytes, checked")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@stores.STORE
@stores.CONFIG
@click.option("--yes", is_flag=True, help="replace an existing store without asking")
def restore(file: Path, store: str | None, config: Path | None, yes: bool) -> None:
    """Put the copy FILE in place of an SQLite store. Stop its server first.

    FILE says whether a relay or incoming webhooks made it. The earlier store is kept next to the new one.
    For PostgreSQL it prints the line of pg_restore.

    \b
    gitdailies restore webhooks-backup.db --store sqlite:gitdailies-data/webhooks.db
    """
    from gitdailies_server.storage import backup as copies

    copies.check(file)
    kind = stores.kind_of(file)
    setting = stores.place_of(kind, store, config)
    if setting.path is None:
        raise UsageError(
            f"restore: {setting} is PostgreSQL; restore what pg_dump wrote, into an empty database, with\n"
            + _line(f"pg_restore --dbname={setting} --no-owner --exit-on-error FILE")
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


def _line(command: str) -> str:
    return " ".join(map(shlex.quote, command.split(" ")))
