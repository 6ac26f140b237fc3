"""Find the stores that a command is about: the one of `--store`, or those that are here."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from gitdailies_core.errors import UsageError

from gitdailies_cli import find_config
from gitdailies_cli.common_options import naming

if TYPE_CHECKING:
    from gitdailies_connection.config.sections.settings import StoreSetting
    from gitdailies_server.storage.database import Database

RELAY, RECEIVER = "relay", "the DORA server"
# Where the DORA server stores unless --store says otherwise. A variable, so that the server and all commands
# about its store can share it in a container.
RECEIVER_STORE = (
    os.environ.get("GITDAILIES_STORE") or f"sqlite:{find_config.dora_store(find_config.data_folder())}"
)

STORE = click.option(
    "--store",
    help="sqlite:PATH or postgresql://…; default: relay.store of gitdailies.yml, and of the DORA server"
    f" {RECEIVER_STORE}",
)


@dataclass(frozen=True)
class Store:
    """A store of one of the two servers, at the address *setting*."""

    kind: str
    setting: StoreSetting
    database: Database

    def __str__(self) -> str:
        return f"{self.setting} ({self.kind})"


def named_by(store: str) -> StoreSetting:
    """Return the database that `--store` names; raises UsageError for an address of another form."""
    from gitdailies_connection.config.sections.settings import StoreSetting

    with naming("--store"):
        return StoreSetting.parse(store, Path.cwd())


def find(store: str | None, config: Path | None) -> list[Store]:
    """Return the stores; raises UsageError where there is none."""
    from gitdailies_connection.config.sections.settings import StoreSetting

    if store is not None:
        named = named_by(store)
        found = _at(named)
        if not found:
            raise UsageError(
                f"--store: {named} is no store of a relay or of the DORA server; "
                "name the one that a server was started with"
            )
        return found
    settings = [StoreSetting.parse(RECEIVER_STORE, Path.cwd())]
    if config is not None or find_config.find(None) is not None:
        settings.append(find_config.load_configuration(config).relay.store)
    found = [one for setting in settings for one in _at(setting)]
    if not found:
        places = " and ".join(map(str, settings))
        raise UsageError(f"store: there is none at {places}; name one with --store")
    # On PostgreSQL both servers may use one database.
    return list({(one.kind, str(one.setting)): one for one in found}.values())


def only(found: list[Store]) -> Store:
    """Return the one store of *found*; raises UsageError where there are two."""
    if len(found) > 1:
        raise UsageError(f"--store: name one of {', '.join(map(str, found))}")
    return found[0]


def _of(kind: str) -> Any:
    """Return the module of a kind of server's store. One server may be installed without the other."""
    if kind == RELAY:
        from gitdailies_relay.store import store

        return store
    from gitdailies_dora.sql import database

    return database


def of_kind(kind: str, setting: StoreSetting) -> Database:
    """Return the database of a kind of server at an address."""
    database: Database = _of(kind).database_of(setting)
    return database


def migrate(kind: str, database: Database) -> None:
    """Bring a store to this version's schema."""
    _of(kind).migrate(database)


def kind_of(file: Path) -> str:
    """Return the kind of server that an SQLite file is of; raises UsageError where it is of none."""
    from gitdailies_connection.config.sections.settings import SQLITE, StoreSetting

    found = _at(StoreSetting(SQLITE, path=file))
    if not found:
        raise UsageError(f"{file}: this is no store of a relay or of the DORA server")
    return found[0].kind


def place_of(kind: str, store: str | None, config: Path | None) -> StoreSetting:
    """Return where the store of a kind of server is, or is to be; raises UsageError."""
    if store is None and kind == RELAY:
        return find_config.load_configuration(config).relay.store
    setting = named_by(store or RECEIVER_STORE)
    if setting.path is not None and (other := [one for one in _at(setting) if one.kind != kind]):
        raise UsageError(f"--store: expected a store of {kind}, which the file is of, got {other[0]}")
    return setting


def refuse_newer(kind: str, file: Path) -> None:
    """Raise ConfigurationError for a file with a newer schema than this version's."""
    from gitdailies_server.storage import migrations
    from gitdailies_server.storage.sqlite import SqliteDatabase

    migrations.refuse_newer(SqliteDatabase(file), _of(kind).MIGRATIONS)


def ask(question: str, command: str) -> None:
    """Ask a person; raises UsageError for any answer but yes."""
    try:
        if click.confirm(question):
            return
    except click.Abort:
        raise UsageError(f"{command}: nothing was done, because there was no answer; add --yes") from None
    raise UsageError(f"{command}: nothing was done")


def _at(setting: StoreSetting) -> list[Store]:
    """Return the stores at an address, by the tables that exist."""
    from contextlib import closing

    from gitdailies_server.storage.sqlite import file_exists

    if setting.path is not None and not file_exists(setting.path):
        return []
    found = []
    for kind, table in ((RELAY, "deliveries"), (RECEIVER, "keys")):
        database = of_kind(kind, setting)
        with closing(database.connect(read_only=True)) as session:
            if database.has_table(session, table):
                found.append(Store(kind, setting, database))
    return found
