"""`gitdailies reload`: have the servers that store in SQLite here read gitdailies.yml again."""

import os
import signal
import time
from pathlib import Path

import click
from gitdailies_core.errors import ConfigurationError, UsageError

from gitdailies_cli import find_config
from gitdailies_cli.commands import stores
from gitdailies_cli.common_options import CONFIG

_SECONDS = 30


@click.command()
@CONFIG
def reload(config: Path | None) -> None:
    """Have the servers here that store in SQLite read gitdailies.yml again, and wait until they have.

    A file with faults changes nothing: the command prints them, with exit code 2.

    \b
    gitdailies reload
    """
    from gitdailies_server.storage.sqlite import ServerLock

    settings = find_config.load_configuration(config)
    file = find_config.find(config) or Path(find_config.FILE)
    places = (find_config.dora_store(file.parent), stores.named_by(stores.RECEIVER_STORE).path)
    paths = {path.absolute() for path in (settings.relay.store.path, *places) if path is not None}
    locks = {path: ServerLock(path) for path in sorted(paths)}
    before = {path: told for path, lock in locks.items() if (told := lock.told()) is not None}
    if not before:
        raise UsageError(
            "reload: no server with an SQLite store runs here; send SIGHUP to the servers, "
            "as `systemctl reload gitdailies-relay gitdailies-dora` does"
        )
    for process in {process for process, _ in before.values()}:
        os.kill(process, signal.SIGHUP)
    until, waiting = time.monotonic() + _SECONDS, dict(before)
    while waiting and time.monotonic() < until:
        time.sleep(0.05)
        for path, told in list(waiting.items()):
            now = locks[path].told()
            if now != told:
                fault = "it has ended" if now is None else now[1].partition(" ")[2].strip()
                if fault:
                    raise ConfigurationError(f"{path}: its server did not reload: {fault}")
                click.echo(f"{path}: its server has reloaded {file}")
                del waiting[path]
    if waiting:
        raise ConfigurationError(f"{', '.join(map(str, waiting))}: no answer in {_SECONDS} s; see the log")
