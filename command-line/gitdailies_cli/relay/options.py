"""What the subcommands of `gitdailies relay` share: options, the store, the server, and who runs them."""

from collections.abc import Iterable, Sequence
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

SOURCE = click.option("--source", help="a source of gitdailies.yml")
SINCE = click.option("--since", help="received at or after, such as 2026-03-04T09:00:00Z")
UNTIL = click.option("--until", help="received before this time")
# A pasted id may have spaces around it. No vendor's id has any.
ID = str.strip


def opened(
    config: Path | None, source: str | None = None, where: str = "--source"
) -> "tuple[Configuration, Database]":
    """Return gitdailies.yml and the relay's database; raises as `known_source` and `store`."""
    settings = find_config.load_configuration(config)
    known_source(source, settings, where)
    return settings, store(settings)


def store(settings: Configuration) -> "Database":
    """Return the relay's database; raises UsageError where no relay has used it yet."""
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


def _never_started(database: "Database", reason: str) -> UsageError:
    return UsageError(f"{database}: no relay has used this store yet, {reason}; start the relay first")


def server_of(settings: Configuration) -> "tuple[ServerState | None, str]":
    """Return what the server of this relay says about itself, None where none runs here or answers in time.

    The text says that it did not answer in time.
    """
    from gitdailies_relay.operations.status import store_location

    try:
        found = status_text.answer(settings.relay, status_text.Served)
    except status_text.Silent as silent:
        return None, str(silent)
    uses_it = found is not None and found.server.store == store_location(settings.relay.store)
    return (found.server if found is not None and uses_it else None), ""


def show(value: object, texts: Iterable[str] = (), *, as_json: bool = True) -> None:
    """Print an answer of a relay, or several: as JSON, or as *texts*, one a line."""
    from gitdailies_connection.relay.answers import for_json

    if as_json:
        output.as_json(value, for_json)
    else:
        output.lines(texts)


def known_source(name: str | None, settings: Configuration, where: str = "--source") -> None:
    """Check the name of a source; raises UsageError, which names *where* it was given."""
    if name is not None and name not in settings.sources:
        known = ", ".join(settings.sources) or "none"
        near = did_you_mean(name, settings.sources)
        raise UsageError(f"{where}: expected one of {known}, got {got(name)}{near}")


def span(since: str | None, until: str | None) -> tuple[datetime | None, datetime | None]:
    """Read `--since` and `--until`; raises UsageError."""
    begin = None if since is None else common_options.parsed_time(since, "--since")
    end = None if until is None else common_options.parsed_time(until, "--until")
    if begin is not None and end is not None and begin >= end:
        raise UsageError(f"--since: expected a time before that of --until, {until}, got {since}")
    return begin, end


def person() -> str:
    """Return who runs the command, for the audit log."""
    return common_options.person() or "unknown"


def listed(ids: Sequence[str]) -> str:
    """Name ids in a message."""
    return ", ".join(map(got, ids))
