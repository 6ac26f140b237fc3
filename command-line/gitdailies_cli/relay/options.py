"""What the subcommands of `gitdailies relay` share: options, the store, the server, and who runs them."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from gitdailies_connection.config.settings import Configuration
from gitdailies_core.error_text import got
from gitdailies_core.errors import UsageError
from gitdailies_core.values import times
from gitdailies_core.values.nearest_name import did_you_mean

from gitdailies_cli import find_config
from gitdailies_cli.relay import status_text

if TYPE_CHECKING:
    from gitdailies_server.storage.database import Database

CONFIG = click.option(
    "--config", type=click.Path(path_type=Path), help="gitdailies.yml; default: the one in this folder"
)
JSON = click.option("--json", "as_json", is_flag=True, help="print JSON")
SOURCE = click.option("--source", help="a source of gitdailies.yml")
SINCE = click.option("--since", help="received at or after this time, as 2026-03-04T09:00:00Z")
UNTIL = click.option("--until", help="received before this time")
# A pasted id may have spaces around it. No vendor's id has any.
ID = str.strip
DESTINATION = "default"


def configuration(ctx: click.Context, config: Path | None) -> Configuration:
    """Read gitdailies.yml, as given to the subcommand or to `relay` itself."""
    return find_config.load_configuration(config or ctx.obj)


def store(ctx: click.Context, config: Path | None) -> Database:
    """Return the relay's database; raises UsageError where no relay has used it yet."""
    return store_of(configuration(ctx, config))


def store_of(settings: Configuration) -> Database:
    """Return the database of the relay that *settings* are of, in the same way."""
    from gitdailies_relay.store.store import database_of, reading
    from gitdailies_server.storage.sqlite import file_exists

    database = database_of(setting := settings.relay.store)
    if setting.path is not None and not file_exists(setting.path):
        raise _never_started(database, "the file does not exist")
    with reading(database) as session:
        if not database.has_table(session, "deliveries"):
            raise _never_started(database, "it has none of a relay's tables")
        if not database.has_table(session, "actions"):
            raise UsageError(
                f"{database}: an earlier version wrote this store; start the relay, which upgrades it"
            )
    return database


def _never_started(database: Database, reason: str) -> UsageError:
    return UsageError(f"{database}: no relay has used this store yet, {reason}; start the relay first")


def server(ctx: click.Context, config: Path | None) -> dict[str, Any] | None:
    """Return what the server says of itself, None where none runs here."""
    return server_of(configuration(ctx, config))


def server_of(settings: Configuration) -> dict[str, Any] | None:
    """Return the same for the relay that *settings* are of."""
    from gitdailies_relay.operations import reports

    return status_text.server(settings.relay, reports.store_location(settings.relay.store))


def known_source(name: str | None, settings: Configuration) -> str | None:
    """Check a `--source`; raises UsageError."""
    if name is not None and name not in settings.sources:
        known = ", ".join(settings.sources)
        near = did_you_mean(name, settings.sources)
        raise UsageError(f"--source: expected one of {known}, got {got(name)}{near}")
    return name


def moment(text: str | None, where: str) -> datetime | None:
    """Read a time of an option; raises UsageError."""
    try:
        return None if text is None else times.parse(text, where)
    except ValueError as error:
        raise UsageError(str(error)) from None


def span(since: str | None, until: str | None) -> tuple[datetime | None, datetime | None]:
    """Read `--since` and `--until`; raises UsageError."""
    begin, end = moment(since, "--since"), moment(until, "--until")
    if begin is not None and end is not None and begin >= end:
        raise UsageError(f"--since: expected a time before that of --until, {until}, got {since}")
    return begin, end


def person() -> str:
    """Return who runs the command, for the audit log."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def listed(ids: Sequence[str]) -> str:
    """Name ids in a message."""
    return ", ".join(map(got, ids))
