"""`gitdailies webhooks`: run the incoming-webhooks system."""

from __future__ import annotations

from pathlib import Path

import click
from gitdailies_connection.addresses import listen as read_listen
from gitdailies_connection.settings import Store
from gitdailies_core.errors import UsageError


def store_path(text: str) -> Path:
    """Return the file of a `--store` address, relative to the current folder."""
    try:
        store = Store.parse(text, Path.cwd())
    except ValueError as error:
        raise UsageError(f"--store: {error}") from None
    if store.path is None:
        raise UsageError(f"--store: expected sqlite:PATH, got {store}")
    return store.path


@click.command()
@click.option("--listen", default="127.0.0.1:8700", show_default=True, help="HOST:PORT")
@click.option("--store", default="sqlite:gitdailies-data/webhooks.db", show_default=True, help="sqlite:PATH")
@click.option("--strict-order", is_flag=True, help="refuse a history that is not sent oldest first")
def webhooks(listen: str, store: str, strict_order: bool) -> None:
    """Run the incoming-webhooks system: keys, the event API, what stands in it.

    \b
    gitdailies webhooks --listen 127.0.0.1:8700 --store sqlite:webhooks.db
    """
    from gitdailies_server import logs
    from gitdailies_webhooks import server

    from gitdailies_cli import process

    try:
        address = read_listen(listen)
    except ValueError as error:
        raise UsageError(f"--listen: {error}") from None
    path = store_path(store)
    logs.configure()

    async def serve(signals: process.Signals) -> None:
        await server.serve(
            listen=address,
            store=path,
            strict_order=strict_order,
            ready=lambda text: click.echo(f"incoming webhooks listen on {text}/webhooks"),
            stop=signals.stop,
        )

    process.run(serve)
