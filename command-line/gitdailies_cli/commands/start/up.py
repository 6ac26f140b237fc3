"""`gitdailies up`: run the DORA server and a relay on this machine, in one process."""

import asyncio
import contextlib
import os
import re
import secrets
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
from gitdailies_connection.addresses import Listen
from gitdailies_connection.config.document import yaml_document
from gitdailies_connection.config.load import load
from gitdailies_connection.config.secret_source import SecretSource
from gitdailies_connection.config.sections.settings import Configuration, RelayAddress
from gitdailies_connection.config.template import first_file
from gitdailies_core.errors import ConfigurationError, GitDailiesError

from gitdailies_cli import find_config
from gitdailies_cli.commands.private_files import write, write_once
from gitdailies_cli.commands.run.dora import print_first_owner_link, public_origin
from gitdailies_cli.commands.start import demo
from gitdailies_cli.common_options import LOG_FORMAT, configure_log

DORA_PORT, RELAY_PORT = 8700, 8701
# The address at which this machine, or this container, reaches itself.
HOST = "127.0.0.1"
EVERYWHERE = "0.0.0.0"  # noqa: S104  for a container, which publishes what it wants
STATUS_KEY = "relay-status-key"
SECRETS = {"pagerduty": "pagerduty-secret", "datadog": "datadog-token", "squadcast": "squadcast-token"}
# With port 0 the system chooses a port, a different one at each start.
_ANY_PORT = re.compile(r":0\b")


@dataclass(frozen=True)
class Flags:
    """Where the servers of this start listen. None means the address in gitdailies.yml."""

    host: str | None
    dora_port: int | None
    relay_port: int | None
    status_port: int | None


@click.command()
@demo.DATA
@click.option(
    "--dora-port",
    type=click.IntRange(1, 65535),
    help=f"the DORA server's port, with the pages; default: {DORA_PORT}",
)
@click.option("--relay-port", type=click.IntRange(0, 65535), help=f"the relay's port; default: {RELAY_PORT}")
@click.option(
    "--status-port",
    type=click.IntRange(0, 65535),
    help="port of its status and metrics; default: one more",
)
@click.option(
    "--host",
    type=click.Choice([HOST, EVERYWHERE]),
    envvar=find_config.HOST_VARIABLE,
    show_envvar=True,
    help=f"{EVERYWHERE}: listen for other machines, as a container must; default: {HOST}",
)
@click.option(
    "--public-url",
    default="",
    help="the pages' address in a browser, such as http://localhost:9700",
)
@click.option(
    "--public-relay-url",
    default="",
    help="the relay's address for vendors, such as https://relay.example.com",
)
@click.option("--demo", "with_demo", is_flag=True, help="send an example deploy and incident")
@LOG_FORMAT
def up(
    data: Path,
    dora_port: int | None,
    relay_port: int | None,
    status_port: int | None,
    host: str | None,
    public_url: str,
    public_relay_url: str,
    with_demo: bool,
    log_format: str | None,
) -> None:
    """Run the DORA server and a relay on this machine, with keys and secrets of their own.

    Everything is in one folder, which the next start uses again, ports included. Ctrl-C stops.

    \b
    gitdailies up
    """
    configure_log(log_format)
    flags = Flags(host, dora_port, relay_port, status_port)
    public = public_origin(public_url, "--public-url")
    public_relay = public_origin(public_relay_url, "--public-relay-url")
    file = _prepare(data, flags)

    def configuration() -> Configuration:
        return _connected(_with_flags(load(file), flags), data, status_port=chosen_port)

    settings = _with_flags(load(file), flags)
    listen = Listen(host or HOST, urlsplit(settings.gitdailies.url).port or 80)
    chosen_port = _check_ports(listen, settings)
    served = configuration()

    # The log is set up before anything of a server is imported.
    from gitdailies_cli import process

    async def serve(signals: process.Signals) -> None:
        from gitdailies_dora import server as dora
        from gitdailies_relay import server as relay

        addresses: dict[str, str] = {}
        demos: list[asyncio.Task[None]] = []

        def ready(name: str, address: str) -> None:
            addresses[name] = _here(address)
            if len(addresses) == 2:
                _store_ports(file, settings)
                hooks = f"{public_relay or addresses['relay']}/hooks/"
                _print_guide(data, public or addresses["dora"], [hooks + name for name in settings.sources])
                if with_demo:
                    demos.append(asyncio.create_task(_send_demo(data, addresses, public)))

        at_relay = relay.RelayProcess(
            served, os.environ, configuration, flag="--relay-port", writes_services=True
        )
        # When one server ends, by a fault or on demand, the other ends too.
        servers = [
            dora.serve(
                listen=listen,
                store=find_config.dora_store(data),
                strict_order=False,
                ready=lambda address: ready("dora", address),
                stop=signals.stop,
                flag="--dora-port",
                public=public,
                first_owner=lambda link: print_first_owner_link(_here(link)),
                settings=served.dora,
                reload=lambda: configuration().dora,
                reloading=signals.reloading(),
            ),
            at_relay.run(
                ready=lambda address: ready("relay", address),
                stop=signals.stop,
                reloading=signals.reloading(),
            ),
        ]
        await _run_all(servers, signals.stop)

    process.run(serve)
    click.echo(f"stopped; everything is stored in {demo.shown(data)}")


def _connected(settings: Configuration, data: Path, *, status_port: int) -> Configuration:
    """Connect the pages to the relay with a key of this folder, unless the file connects relays itself."""
    relay, dora = settings.relay, settings.dora
    status = Listen(relay.status.host, status_port)
    key = relay.status_key or SecretSource.make(file=data / STATUS_KEY)
    found = dora.relay or (RelayAddress("relay", f"http://{status.local()}", key),)
    return replace(
        settings,
        relay=replace(relay, status=status, status_key=key),
        dora=replace(dora, relay=found),
    )


def _check_ports(listen: Listen, settings: Configuration) -> int:
    """Return the port for the relay's status, a free one where the system may choose.

    Raises ConfigurationError for a port in use, with its flag, before a server writes to the log.
    """
    from gitdailies_server.http.listener import address_of, bind

    with contextlib.ExitStack() as opened:
        for address, flag in (
            (listen, "--dora-port"),
            (settings.relay.listen, "--relay-port"),
            (settings.relay.status, "--status-port"),
        ):
            bound = opened.enter_context(
                contextlib.closing(bind(address, f"{flag}, or stop what runs there"))
            )
        return address_of(bound).port


def _here(address: str) -> str:
    """Return an address at which this machine reaches a server that listens everywhere."""
    return address.replace(f"//{EVERYWHERE}:", f"//{HOST}:", 1)


async def _send_demo(data: Path, addresses: dict[str, str], public: str) -> None:
    # In a thread, since the servers that answer run in this event loop.
    try:
        sent = demo.send(data, addresses["dora"], addresses["relay"], demo.FIRST)
        lines = await asyncio.to_thread(list, sent)
    except GitDailiesError as error:
        lines = [f"note: the examples were not sent: {error}"]
    click.echo("\n".join([*lines, demo.where_to_look(public or addresses["dora"], data)]))


async def _run_all(servers: Sequence[Coroutine[Any, Any, None]], stop: asyncio.Event) -> None:
    tasks = [asyncio.create_task(server) for server in servers]
    for task in tasks:
        task.add_done_callback(lambda _: stop.set())
    results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result


def _prepare(data: Path, flags: Flags) -> Path:
    """Create the missing files of the data folder; return its gitdailies.yml."""
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in (*SECRETS.values(), STATUS_KEY):
            write_once(data / name, lambda: secrets.token_urlsafe(32))
        write_once(data / demo.SEND_KEY, lambda: _new_key(data, "up", ()))
        write_once(data / demo.READ_KEY, lambda: _new_key(data, "up-read", ("read",)))
    except OSError as error:
        raise ConfigurationError(
            f"{data}: cannot write to this folder: {(error.strerror or '').lower()}; "
            "choose another one with --data"
        ) from None
    file = data / find_config.FILE
    relay = RELAY_PORT if flags.relay_port is None else flags.relay_port
    dora = DORA_PORT if flags.dora_port is None else flags.dora_port
    status = _status_port(relay, dora) if flags.status_port is None else flags.status_port
    text = first_file(
        url=f"http://{HOST}:{dora}/webhooks",
        key={"file": demo.SEND_KEY},
        receiver="ours",
        listen=f"{flags.host or HOST}:{relay}",
        status=f"{flags.host or HOST}:{status}",
        store="sqlite:relay.db",
        secrets={name: {"file": secret} for name, secret in SECRETS.items()},
        example=True,
    )
    write_once(file, lambda: text)
    return file


def _new_key(data: Path, name: str, allow: Sequence[str]) -> str:
    """Create a key with a free name; the file of an earlier key may be lost, so its name may be taken."""
    from gitdailies_dora.accounts.keys.key_store import create_key, list_keys

    store = find_config.dora_store(data)
    taken = {key.name for key in list_keys(store)} if store.is_file() else set()
    free = next(n for n in (name, *(f"{name}-{i}" for i in range(2, 10_000))) if n not in taken)
    return create_key(store, free, allow, created_by="gitdailies up")[0].reveal()


def _status_port(relay: int, dora: int) -> int:
    if relay == 0:
        return 0
    near = (relay + 1, relay + 2, relay - 1, relay - 2)
    return next(port for port in near if port <= 65535 and port != dora)


def _with_flags(settings: Configuration, flags: Flags) -> Configuration:
    """Apply the flags of this start, which override the addresses in the file."""
    destination, relay = settings.gitdailies, settings.relay
    listen, status = relay.listen, relay.status
    if flags.dora_port is not None:
        path = urlsplit(destination.url).path
        destination = replace(destination, url=f"http://{HOST}:{flags.dora_port}{path}")
    if flags.relay_port is not None:
        port = urlsplit(destination.url).port or 0
        listen = Listen(flags.host or HOST, flags.relay_port)
        status = Listen(flags.host or status.host, _status_port(flags.relay_port, port))
    if flags.host is not None:
        listen, status = Listen(flags.host, listen.port), Listen(flags.host, status.port)
    if flags.status_port is not None:
        status = Listen(status.host, flags.status_port)
    return replace(settings, gitdailies=destination, relay=replace(relay, listen=listen, status=status))


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
            write(file, written)
    except OSError as error:
        # The servers run; a full disk is no reason to end them.
        click.echo(f"note: {file}: cannot write the ports: {(error.strerror or '').lower()}", err=True)


def _print_guide(data: Path, pages: str, hooks: Sequence[str]) -> None:
    command = demo.command(data)
    width = max(map(len, demo.ABOUT))
    lines = [f"{command} {name.ljust(width)}   # {about}" for name, about in demo.ABOUT.items()]
    addresses = f"\n{' ' * 19}".join(hooks)
    click.echo(
        f"""
pages and figures  {pages}
deploys go to      {pages}/webhooks
tools post to      {addresses}
more tools         {demo.command(data, "sources")}   # `sources show NAME` says how to add one
data folder        {demo.shown(data)}, kept for the next start; Ctrl-C stops

Paste any of these into a second terminal, in this folder. Each run sends a new event.

"""
        + "\n".join(lines)
        + f"""

All events that have arrived:

{demo.command(data, "events")}
"""
    )
