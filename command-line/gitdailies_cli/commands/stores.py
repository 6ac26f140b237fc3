"""Find the stores that a command is about: the one of `--store`, or those that are here."""

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
    help="sqlite:PATH or postgresql://…; default: relay.store of gitdailies.yml; DORA server: "
    f"{RECEIVER_STORE}",
)


@dataclass(frozen=True)
class Store:
    """The store of one of the two servers that is, or is to be, at the address *setting*."""

    kind: str
    setting: "StoreSetting"

    def __str__(self) -> str:
        return f"{self.setting} ({self.kind})"

    @property
    def database(self) -> "Database":
        database: Database = self._server.database_of(self.setting)
        return database

    @property
    def _server(self) -> Any:
        """The module of its server's store. One server may be installed without the other."""
        if self.kind == RELAY:
            from gitdailies_relay.store import store

            return store
        from gitdailies_dora.sql import database

        return database

    def migrate(self) -> tuple[str, str]:
        """Bring it to this version's schema; return its revision before, "" for an empty one, and after."""
        done: tuple[str, str] = self._server.migrate(self.database)
        return done

    def refuse_newer(self) -> None:
        """Raise ConfigurationError if its schema is newer than this version's."""
        from gitdailies_server.storage import migrations

        migrations.refuse_newer(self.database, self._server.MIGRATIONS)

    def begin_epoch(self) -> bool:
        """Make cursors of readers invalid, since the store is another one now; return whether it has any."""
        if self.kind == RELAY:  # no list of a relay has a cursor that outlives a restore
            return False
        from gitdailies_dora.sql import additions
        from gitdailies_dora.sql.database import transaction

        with transaction(self.database) as session:
            additions.begin_epoch(session)
        return True


def named_by(store: str) -> "StoreSetting":
    """Return the database that `--store` names; raises UsageError for an address of another form."""
    from gitdailies_connection.config.sections.settings import StoreSetting

    with naming("--store"):
        return StoreSetting.parse(store, Path.cwd())


def find(store: str | None, config: Path | None) -> list[Store]:
    """Return the stores; raises UsageError where there is none."""
    from gitdailies_connection.config.sections.settings import StoreSetting

    if store is not None:
        named = named_by(store)
        found = at(named)
        if not found:
            raise UsageError(
                f"--store: {named} is not a store of a relay or of the DORA server; "
                "name the one that a server was started with"
            )
        return found
    settings = [StoreSetting.parse(RECEIVER_STORE, Path.cwd())]
    if config is not None or find_config.find(None) is not None:
        settings.append(find_config.load_configuration(config).relay.store)
    found = [one for setting in settings for one in at(setting)]
    if not found:
        places = " and ".join(map(str, settings))
        raise UsageError(f"store: none found at {places}; name one with --store")
    # On PostgreSQL both servers may use one database.
    return list({str(one): one for one in found}.values())


def places(only: str | None, store: str | None, config: Path | None) -> list[Store]:
    """Return the stores of the servers that are or are to be; raises UsageError."""
    kinds = [only] if only else [RELAY, RECEIVER]
    if only is None and store is not None and (file := named_by(store)).path is not None:
        kinds = [one.kind for one in at(file)]
        if not kinds:
            raise UsageError(f"--store: {file} is not a store; name its server with --only")
    if only is None and store is None and config is None and find_config.find(None) is None:
        kinds = [RECEIVER]
    return [place_of(kind, store, config) for kind in kinds]


def place_of(kind: str, store: str | None, config: Path | None) -> Store:
    """Return the store of a kind of server that is, or is to be; raises UsageError."""
    if store is None and kind == RELAY:
        return Store(kind, find_config.load_configuration(config).relay.store)
    setting = named_by(store or RECEIVER_STORE)
    if setting.path is not None and (other := [one for one in at(setting) if one.kind != kind]):
        raise UsageError(f"--store: expected a store of {kind}, as the file is, got {other[0]}")
    return Store(kind, setting)


def ask(question: str, command: str) -> None:
    """Ask a person; raises UsageError for any answer but yes."""
    try:
        if click.confirm(question):
            return
    except click.Abort:
        raise UsageError(f"{command}: nothing was done, because there was no answer; add --yes") from None
    raise UsageError(f"{command}: nothing was done")


def at(setting: "StoreSetting") -> list[Store]:
    """Return the stores at an address, by the tables that exist."""
    from contextlib import closing

    from gitdailies_server.storage.sqlite import file_exists

    if setting.path is not None and not file_exists(setting.path):
        return []
    found = []
    for kind, table in ((RELAY, "deliveries"), (RECEIVER, "keys")):
        database = (one := Store(kind, setting)).database
        with closing(database.connect(read_only=True)) as session:
            if database.has_table(session, table):
                found.append(one)
    return found
