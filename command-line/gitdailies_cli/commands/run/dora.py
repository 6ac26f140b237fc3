"""`gitdailies dora`: run the DORA server."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from gitdailies_connection.addresses import parse_listen
from gitdailies_connection.config.sections.settings import DoraSettings
from gitdailies_core.errors import UsageError

from gitdailies_cli import find_config
from gitdailies_cli.commands import stores
from gitdailies_cli.common_options import CONFIG, LOG_FORMAT, configure_log, naming

if TYPE_CHECKING:
    from gitdailies_connection.config.document.errors import Place
    from gitdailies_server.storage.database import Database


LISTEN = f"{find_config.defaults().host}:8700"
STORE = stores.RECEIVER_STORE


def database(text: str) -> "Database":
    """Return the database of a `--store` address; the path of a file is relative to the current folder."""
    return stores.Store(stores.RECEIVER, stores.named_by(text)).database


def print_first_owner_link(link: str) -> None:
    """Print the sign-up link of the first owner for the person who started the server; it is never logged."""
    click.echo(f"first owner: open {link}")


def public_origin(text: str, flag: str = "--public-url") -> str:
    """Check the address given with *flag*, and return it without a slash at its end; raises UsageError."""
    from gitdailies_connection.addresses import check_receiver, origin

    if not text:
        return ""
    with naming(flag):
        address = check_receiver(text, allow_http=True)
    if address.rstrip("/") != origin(address):
        raise UsageError(
            f"{flag}: expected an address without a path, got one with a path; "
            "give the server a host name of its own, such as https://dora.example.com"
        )
    return origin(address)


def _settings(
    path: Path | None, window_hours: float | None, timezone: str | None, production: tuple[str, ...]
) -> DoraSettings:
    """Return the settings of the file, if there is one, overridden by flags; raises UsageError."""
    from gitdailies_connection.config.load import load_dora
    from gitdailies_connection.config.timezones import zone

    settings = DoraSettings() if path is None else load_dora(path)
    if timezone is not None:
        with naming("--timezone"):
            zone(timezone)
    if not all(name.strip() for name in production):
        raise UsageError("--production: expected a name, got an empty one")
    flags = {"window_hours": window_hours, "timezone": timezone, "production": production}
    given: dict[str, Any] = {name: value for name, value in flags.items() if value}
    where: dict[Place, str] = {("dora", name): f"--{name.replace('_', '-')}" for name in given}
    return replace(settings, where={**settings.where, **where}, **given)


@click.command()
@CONFIG
@click.option("--listen", default=LISTEN, show_default=True, help="address of the server")
@click.option(
    "--status",
    metavar="HOST:PORT",
    help="private address of /metrics, /healthz and /readyz, without a key",
)
@click.option(
    "--status-host",
    "status_hosts",
    multiple=True,
    metavar="NAME",
    help="name by which Prometheus asks for /metrics; repeatable",
)
@click.option("--store", default=STORE, show_default=True, help="sqlite:PATH or postgresql://…")
@click.option("--strict-order", is_flag=True, help="refuse past events unless sent oldest first")
@click.option(
    "--keep-days",
    type=click.FloatRange(1, 36_500),
    help="delete older events; default: keep all",
)
@click.option(
    "--public-url",
    default="",
    envvar="GITDAILIES_PUBLIC_URL",
    show_envvar=True,
    help="this server's address for people, such as https://dora.example.com",
)
@click.option(
    "--window-hours",
    type=click.FloatRange(0.01, 8784),
    help="how long after a deploy incidents belong to it; default: the file's, else 24",
)
@click.option("--timezone", help="of days, such as Europe/Berlin; default: the file's, else UTC")
@click.option(
    "--production",
    multiple=True,
    metavar="NAME",
    help=("a name or glob of production; repeatable; default: the file's, else production, prod, prd, live"),
)
@click.option(
    "--invite-owner",
    is_flag=True,
    help="print a one-time link for another owner; the server may run",
)
@LOG_FORMAT
def dora(
    config: Path | None,
    listen: str,
    status: str | None,
    status_hosts: tuple[str, ...],
    store: str,
    strict_order: bool,
    keep_days: float | None,
    public_url: str,
    window_hours: float | None,
    timezone: str | None,
    production: tuple[str, ...],
    invite_owner: bool,
    log_format: str | None,
) -> None:
    """Run the DORA server: a receiver of events with keys, an API and pages with figures.

    \b
    gitdailies dora --store sqlite:dora.db
    """
    if not invite_owner:
        # The log first: what else a server imports finds it ready.
        configure_log(log_format)
    from gitdailies_dora import server
    from gitdailies_dora.sql.database import database_of

    from gitdailies_cli import process

    with naming("--listen"):
        address = parse_listen(listen)
    with naming("--status"):
        second = parse_listen(status) if status is not None else None
    setting, public = stores.named_by(store), public_origin(public_url)
    # The path is fixed at the start. If the file disappears, a reload fails and does not use defaults.
    path = find_config.find(config)

    def reload() -> DoraSettings:
        return _settings(path or find_config.find(None), window_hours, timezone, production)

    settings = reload()
    if invite_owner:
        from gitdailies_dora.accounts.people_store import invite_owner as invite

        click.echo(f"{public or f'http://{address}'}{invite(database_of(setting))}")
        return
    where = database_of(setting, settings.store_connections, is_durable=settings.store_is_durable)

    async def serve(signals: process.Signals) -> None:
        await server.serve(
            listen=address,
            store=where,
            strict_order=strict_order,
            ready=lambda text: click.echo(f"the DORA server listens on {text}/webhooks"),
            stop=signals.stop,
            public=public,
            status=second,
            status_hosts=status_hosts,
            keep_days=keep_days,
            settings=settings,
            reload=reload,
            reloading=signals.reloading(),
            first_owner=print_first_owner_link,
        )

    process.run(serve)
