"""What the subcommands of `gitdailies relay` share: options, the store, the server, and who runs them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
from gitdailies_connection.config.sections.settings import Configuration
from gitdailies_core.error_text import got
from gitdailies_core.errors import UsageError
from gitdailies_core.values.nearest_name import did_you_mean

from gitdailies_cli import common_options, find_config, output
from gitdailies_cli.relay import status_text

if TYPE_CHECKING:
    from gitdailies_connection.relay.answers import ServerState
    from gitdailies_server.storage.database import Database

CONFIG = common_options.CONFIG
JSON = click.option("--json", "as_json", is_flag=True, help="print JSON")
SOURCE = click.option("--source", help="a source of gitdailies.yml")
SINCE = click.option("--since", help="received at or after this time, as 2026-03-04T09:00:00Z")
UNTIL = click.option("--until", help="received before this time")
# A pasted id may have spaces around it. No vendor's id has any.
ID = str.strip


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


def server_of(settings: Configuration) -> ServerState | None:
    """Return what the server of this relay says of itself, None where none runs here."""
    from gitdailies_relay.operations.status import store_location

    return status_text.server(settings.relay, store_location(settings.relay.store))


def print_json(value: object) -> None:
    """Print an answer of a relay, or several."""
    from gitdailies_connection.relay.answers import for_json

    output.as_json(value, for_json)


def known_source(name: str | None, settings: Configuration) -> str | None:
    """Check a `--source`; raises UsageError."""
    if name is not None and name not in settings.sources:
        known = ", ".join(settings.sources)
        near = did_you_mean(name, settings.sources)
        raise UsageError(f"--source: expected one of {known}, got {got(name)}{near}")
    return name


def span(since: str | None, until: str | None) -> tuple[datetime | None, datetime | None]:
    """Read `--since` and `--until`; raises UsageError."""
    begin = None if since is None else common_options.moment(since, "--since")
    end = None if until is None else common_options.moment(until, "--until")
    if begin is not None and end is not None and begin >= end:
        raise UsageError(f"--since: expected a time before that of --until, {until}, got {since}")
    return begin, end


def person() -> str:
    """Return who runs the command, for the audit log."""
    return common_options.person() or "unknown"


def listed(ids: Sequence[str]) -> str:
    """Name ids in a message."""
    return ", ".join(map(got, ids))
