"""`gitdailies webhooks`: run the incoming-webhooks system."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from gitdailies_connection.addresses import listen as read_listen
from gitdailies_connection.settings import Store
from gitdailies_core.errors import UsageError

if TYPE_CHECKING:
    from gitdailies_server.database import Database


STORE = "sqlite:gitdailies-data/webhooks.db"


def database(text: str) -> Database:
    """Return the database of a `--store` address; a file's is relative to the current folder."""
    from gitdailies_webhooks.opening import database_of

    try:
        return database_of(Store.parse(text, Path.cwd()))
    except ValueError as error:
        raise UsageError(f"--store: {error}") from None


def say_first_owner(link: str) -> None:
    """Print the link by which the first owner gets in: to who started the server, and into no log."""
    click.echo(f"first owner: open {link}")


def _public(text: str) -> str:
    """Check `--public-url`; raises UsageError."""
    from gitdailies_connection.addresses import origin, receiver

    if not text:
        return ""
    try:
        address = receiver(text, allow_http=True)
    except ValueError as error:
        raise UsageError(f"--public-url: {error}") from None
    if address.rstrip("/") != origin(address):
        raise UsageError("--public-url: expected an address without a path, got one with a path")
    return origin(address)


@click.command()
@click.option("--listen", default="127.0.0.1:8700", show_default=True, help="HOST:PORT")
@click.option("--store", default=STORE, show_default=True, help="sqlite:PATH or postgresql://…")
@click.option("--strict-order", is_flag=True, help="refuse a history that is not sent oldest first")
@click.option(
    "--keep-days",
    type=click.FloatRange(1, 36_500),
    help="take events away that happened longer ago; default: keep them all",
)
@click.option(
    "--public-url", default="", help="the address in front of this one, as https://dora.example.com"
)
@click.option(
    "--invite-owner",
    is_flag=True,
    help="print a one-time link for another owner and end; works beside a server",
)
def webhooks(
    listen: str,
    store: str,
    strict_order: bool,
    keep_days: float | None,
    public_url: str,
    invite_owner: bool,
) -> None:
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
    where, public = database(store), _public(public_url)
    if invite_owner:
        from gitdailies_webhooks.first_owner import invite_owner as invite

        click.echo(f"{public or f'http://{address}'}{invite(where)}")
        return
    logs.configure()

    async def serve(signals: process.Signals) -> None:
        await server.serve(
            listen=address,
            store=where,
            strict_order=strict_order,
            ready=lambda text: click.echo(f"incoming webhooks listen on {text}/webhooks"),
            stop=signals.stop,
            public=public,
            keep_days=keep_days,
            first_owner=say_first_owner,
        )

    process.run(serve)
