"""`gitdailies up`: run incoming webhooks and a relay on this machine, in one process."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
from gitdailies_connection.addresses import Listen
from gitdailies_connection.config import yaml_document
from gitdailies_connection.config.load import load
from gitdailies_connection.config.settings import Configuration
from gitdailies_connection.config.template import first_file
from gitdailies_core.errors import ConfigurationError

from gitdailies_cli import find_config, process
from gitdailies_cli.commands import samples
from gitdailies_cli.commands.webhooks import print_first_owner_link

WEBHOOKS_PORT, RELAY_PORT = 8700, 8701
HOST = "127.0.0.1"
SEND_KEY, READ_KEY = "webhook-key", "read-key"
SECRETS = {"pagerduty": "pagerduty-secret", "datadog": "datadog-token", "squadcast": "squadcast-token"}
FALLBACK = "larkspur/{service}"
# With port 0 the system chooses a port, a different one at each start.
_ANY_PORT = re.compile(r":0\b")


@click.command()
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=Path(find_config.DATA),
    show_default=True,
    help="the folder for stores, keys, secrets and gitdailies.yml",
)
@click.option(
    "--webhooks-port",
    type=click.IntRange(0, 65535),
    help=f"the port of incoming webhooks; default: {WEBHOOKS_PORT}",
)
@click.option(
    "--relay-port",
    type=click.IntRange(0, 65535),
    help=f"the port of the relay; default: {RELAY_PORT}; the next port is for its status",
)
def up(data: Path, webhooks_port: int | None, relay_port: int | None) -> None:
    """Run incoming webhooks and a relay on this machine, with their own keys and secrets.

    Everything is stored in one folder. The next start uses it again, with the same ports. Ctrl-C stops.

    \b
    gitdailies up
    """
    from gitdailies_server.logging import setup

    setup.configure()
    file = _prepare(data, webhooks_port, relay_port)

    def configuration() -> Configuration:
        return _with_ports(load(file), webhooks_port, relay_port)

    settings = configuration()
    port = urlsplit(settings.gitdailies.url).port or 80

    async def serve(signals: process.Signals) -> None:
        from gitdailies_relay import server as relay
        from gitdailies_webhooks import server as webhooks

        addresses: dict[str, str] = {}

        def ready(name: str, address: str) -> None:
            addresses[name] = address
            if len(addresses) == 2:
                _store_ports(file, settings)
                _print_examples(data, addresses["webhooks"], addresses["relay"])

        # When one server ends, by a fault or on demand, the other ends too.
        servers = [
            webhooks.serve(
                listen=Listen(HOST, port),
                store=data / "webhooks.db",
                strict_order=False,
                ready=lambda address: ready("webhooks", address),
                stop=signals.stop,
                flag="--webhooks-port",
                first_owner=print_first_owner_link,
                settings=settings.webhooks,
                reload=lambda: configuration().webhooks,
                reloading=signals.reloading(),
            ),
            relay.serve(
                settings,
                os.environ,
                ready=lambda address: ready("relay", address),
                stop=signals.stop,
                reload=configuration,
                reloading=signals.reloading(),
                flag="--relay-port, or relay.listen in gitdailies.yml",
            ),
        ]
        await _run_all(servers, signals.stop)

    process.run(serve)
    click.echo(f"stopped; everything is stored in {os.path.relpath(data)}")


async def _run_all(servers: Sequence[Coroutine[Any, Any, None]], stop: asyncio.Event) -> None:
    tasks = [asyncio.create_task(server) for server in servers]
    for task in tasks:
        task.add_done_callback(lambda _: stop.set())
    results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result


def _prepare(data: Path, webhooks_port: int | None, relay_port: int | None) -> Path:
    """Create the missing files of the data folder; return its gitdailies.yml."""
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in SECRETS.values():
            _write_once(data / name, lambda: secrets.token_urlsafe(32))
        _write_once(data / SEND_KEY, lambda: _new_key(data, "up", ()))
        _write_once(data / READ_KEY, lambda: _new_key(data, "up-read", ("read",)))
    except OSError as error:
        raise ConfigurationError(
            f"{data}: cannot write to this folder: {(error.strerror or '').lower()}; "
            "choose another one with --data"
        ) from None
    file = data / find_config.FILE
    relay = RELAY_PORT if relay_port is None else relay_port
    webhooks = WEBHOOKS_PORT if webhooks_port is None else webhooks_port
    text = first_file(
        url=f"http://{HOST}:{webhooks}/webhooks",
        key={"file": SEND_KEY},
        receiver="ours",
        listen=f"{HOST}:{relay}",
        status=f"{HOST}:{_status_port(relay, webhooks)}",
        store="sqlite:relay.db",
        secrets={name: {"file": secret} for name, secret in SECRETS.items()},
        fallback=FALLBACK,
    )
    _write_once(file, lambda: text)
    return file


def _new_key(data: Path, name: str, allow: Sequence[str]) -> str:
    """Create a key with a free name; the file of an earlier key may be lost, so its name may be taken."""
    from gitdailies_webhooks.accounts.key_store import create_key, list_keys

    store = data / "webhooks.db"
    taken = {key.name for key in list_keys(store)} if store.is_file() else set()
    free = next(n for n in (name, *(f"{name}-{i}" for i in range(2, 10_000))) if n not in taken)
    return create_key(store, free, allow, created_by="gitdailies up")[0].reveal()


def _write_once(path: Path, text: Callable[[], str]) -> None:
    """Write a file of mode 0600 unless it exists. It is written completely or not at all."""
    if path.exists():
        return
    _write(path, text().rstrip("\n") + "\n")


def _write(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(file, "w", encoding="utf-8") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())
    part.rename(path)


def _status_port(relay: int, webhooks: int) -> int:
    if relay == 0:
        return 0
    return next(port for port in range(relay + 1, relay + 3) if port != webhooks)


def _with_ports(settings: Configuration, webhooks_port: int | None, relay_port: int | None) -> Configuration:
    """Apply the flags of this start, which override the ports in the file."""
    destination, relay = settings.gitdailies, settings.relay
    if webhooks_port is not None:
        path = urlsplit(destination.url).path
        destination = replace(destination, url=f"http://{HOST}:{webhooks_port}{path}")
    if relay_port is not None:
        port = urlsplit(destination.url).port or 0
        status = Listen(relay.status.host, _status_port(relay_port, port))
        relay = replace(relay, listen=Listen(HOST, relay_port), status=status)
    return replace(settings, gitdailies=destination, relay=relay)


def _store_ports(file: Path, settings: Configuration) -> None:
    """Write the ports of this start to the file, where other commands look for the servers."""
    stored, text = load(file), yaml_document.read_text(file)
    document, lines = yaml_document.parse(text, str(file)), text.splitlines(keepends=True)
    for place, old, new in (
        (("gitdailies", "url"), stored.gitdailies.url, settings.gitdailies.url),
        (("relay", "listen"), str(stored.relay.listen), str(settings.relay.listen)),
        (("relay", "status"), str(stored.relay.status), str(settings.relay.status)),
    ):
        if old == new or _ANY_PORT.search(new):
            continue
        line = document.line(place) - 1
        if lines[line].count(old) == 1:
            lines[line] = lines[line].replace(old, new)
        else:
            click.echo(
                f"note: {file}: set {'.'.join(place)} to {new}, so that other commands find it", err=True
            )
    try:
        if (written := "".join(lines)) != text:
            _write(file, written)
    except OSError as error:
        # The servers run; a full disk is no reason to end them.
        click.echo(f"note: {file}: cannot write the ports: {(error.strerror or '').lower()}", err=True)


def _print_examples(data: Path, webhooks: str, relay: str) -> None:
    folder = os.path.relpath(data)
    click.echo(f"""
incoming webhooks  {webhooks}/webhooks
relay              {relay}/hooks/pagerduty, datadog, squadcast
data folder        {folder}, kept for the next start; Ctrl-C stops

Paste any of these commands into a second terminal, in this folder. Each run sends a new event.

# a deploy
{samples.deploy(folder, webhooks)}

# an incident in PagerDuty
{samples.pagerduty(folder, relay)}

# an alert in Datadog
{samples.datadog(folder, relay)}

# an incident in Squadcast
{samples.squadcast(folder, relay)}

# all events that have arrived
{samples.events(folder, webhooks)}
""")
