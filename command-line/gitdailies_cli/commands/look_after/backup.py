"""`gitdailies backup` and `gitdailies restore`: copy a store while its server runs, and restore it."""

import shlex
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

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
    """Copy an SQLite store to FILE, while its server runs. For PostgreSQL, print the pg_dump line.

    \b
    gitdailies backup dora-backup.db --store sqlite:gitdailies-data/dora.db
    """
    from gitdailies_server.storage.backup import back_up
    from gitdailies_server.storage.sqlite import SqliteDatabase

    found = stores.find(store, config)
    if found[0].setting.path is None and len({str(one.setting) for one in found}) == 1:
        # Both servers may share a database, and one dump holds both.
        schemas = [f"--schema={_SCHEMAS[one.kind]}" for one in found]
        words = ["pg_dump", _database(found[0].setting), *schemas, "--format=custom", f"--file={file}"]
        raise UsageError(f"backup: {found[0].setting} is PostgreSQL; run\n{shlex.join(words)}")
    if len(found) > 1:
        raise UsageError(f"--store: name one of {', '.join(map(str, found))}")
    assert found[0].setting.path is not None
    size = back_up(SqliteDatabase(found[0].setting.path), file)
    click.echo(f"{found[0]}: {output.printable(str(file))}, {size:,} bytes, checked")


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@stores.STORE
@CONFIG
@click.option("--yes", is_flag=True, help="do not ask before replacing a store")
@click.option("--restored", is_flag=True, help="another program restored it: refuse readers' old cursors")
def restore(file: Path | None, store: str | None, config: Path | None, yes: bool, restored: bool) -> None:
    """Replace an SQLite store with the copy FILE. Stop its server first.

    The copy records which server made it. The earlier store is kept. For a PostgreSQL dump, print
    the pg_restore line, which needs an empty database. After that, or after any other program restored a
    store, run this with --restored.

    \b
    gitdailies restore dora-backup.db --store sqlite:gitdailies-data/dora.db
    """
    if restored:
        for one in stores.find(store, config):
            if one.begin_epoch():
                click.echo(f"{one}: readers with an older cursor begin again")
        return
    if file is None:
        raise UsageError("restore: name the FILE of a copy, or --restored after another program restored it")
    from gitdailies_connection.config.sections.settings import SQLITE, StoreSetting
    from gitdailies_server.storage import backup as copies
    from gitdailies_server.storage.sqlite import SqliteDatabase

    if copies.is_postgresql_dump(file):
        database = stores.named_by(store) if store is not None else None
        named = _database(database) if database is not None and database.path is None else _ANY_DATABASE
        raise UsageError(f"restore: {file} is a dump of PostgreSQL; run\n{_pg_restore(named, file)}")
    copies.check(file)
    made = stores.at(StoreSetting(SQLITE, path=file))
    if not made:
        raise UsageError(f"{file}: this is not a store of a relay or of the DORA server")
    place = stores.place_of(made[0].kind, store, config)
    setting = place.setting
    if setting.path is None:
        raise UsageError(
            f"restore: {setting} is PostgreSQL; restore what pg_dump wrote, into an empty database, with\n"
            + _pg_restore(_database(setting), Path("FILE"))
        )
    made[0].refuse_newer()
    target = SqliteDatabase(setting.path)
    if target.path.exists() and not yes:
        stores.ask(f"Replace {setting} by {file}?", "restore")
    kept = copies.restore(file, target)
    place.migrate()
    place.begin_epoch()
    with closing(target.connect(read_only=True)) as session:
        (events,) = session.execute("SELECT count(*) FROM events").fetchone()
    click.echo(f"{place}: restored, {output.counted(events, 'event')}")
    if kept is not None:
        click.echo(f"the earlier store is {kept}; delete it when you do not need it any more")


def _database(setting: "StoreSetting") -> str:
    """Return the option that names a database, without its password: PGPASSFILE has it."""
    if setting.url is None or not setting.has_password:
        return f"--dbname={setting if setting.url is None else setting.url.reveal()}"
    from gitdailies_connection.config.sections import postgresql_address

    user = quote(postgresql_address.user_of(setting.url.reveal()), safe="")
    return f"--dbname={str(setting).replace('://', f'://{user}@' if user else '://', 1)}"


def _pg_restore(database: str, file: Path) -> str:
    first = ("pg_restore", database, "--no-owner", "--exit-on-error", str(file))
    then = ("gitdailies", "restore", "--restored", database.replace("--dbname", "--store"))
    return f"{shlex.join(first)}\nand then\n{shlex.join(then)}"
