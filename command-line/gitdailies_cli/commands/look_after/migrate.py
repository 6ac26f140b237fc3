"""`gitdailies migrate`: bring stores to the schema of this version, before servers of it start."""

from pathlib import Path

import click

from gitdailies_cli.commands import stores
from gitdailies_cli.common_options import CONFIG, configure_log

_KINDS = {"relay": stores.RELAY, "dora": stores.RECEIVER}


@click.command()
@stores.STORE
@click.option("--only", type=click.Choice(list(_KINDS)), help="one server's store; default: both")
@CONFIG
def migrate(store: str | None, only: str | None, config: Path | None) -> None:
    """Bring both servers' stores to this version's schema.

    Servers do so at their start. For a large store, do it before: servers of the previous release may run
    on. It waits while another process migrates.

    \b
    gitdailies migrate --store postgresql://db.example/gitdailies
    """
    configure_log(None)
    from gitdailies_server.storage.sqlite import file_exists

    for one in stores.places(_KINDS.get(only or ""), store, config):
        if one.setting.path is not None and not file_exists(one.setting.path):
            click.echo(f"{one}: no store yet; its server creates it")
            continue
        before, after = one.migrate()
        if before == after:
            click.echo(f"{one}: its schema is up to date, {after}")
        else:
            click.echo(f"{one}: its schema was {before or 'missing'}, and is now {after}")
