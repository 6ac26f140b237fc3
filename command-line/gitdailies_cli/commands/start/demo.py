"""`gitdailies demo`: example events for `gitdailies up`, in the form of each vendor.

The deliveries are examples of the adapters, with new ids and times. Keys and secrets are read from where
gitdailies.yml says.
"""

import json
import os
import re
import secrets
import shutil
import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import click
from gitdailies_core.errors import ConfigurationError, DeliveryError, Refused
from gitdailies_core.sources import registry
from gitdailies_core.sources.signatures import hmac_sha256

from gitdailies_cli import find_config, output

if TYPE_CHECKING:
    from gitdailies_connection.config.sections.settings import Configuration

SEND_KEY, READ_KEY = find_config.SEND_KEY, find_config.READ_KEY
REPO = find_config.DEMO
# How the ids of its deploys and incidents begin. By this it knows its own again.
MARK = "gitdailies-demo-"
_TIMEOUT_SECONDS = 10
# How long an incident lasts.
_LASTS_SECONDS = 3
# Files that the engines make in each container.
_PODMAN, _DOCKER = Path("/run/.containerenv"), Path("/.dockerenv")


class Sample(NamedTuple):
    """A delivery to the relay: the header that proves it, and the adapter's examples of start and end.

    *incident* is what names the incident in them.
    """

    about: str
    header: str
    start: str
    end: str
    incident: str
    signed: bool = False


class Moment(NamedTuple):
    """A second, as text and in milliseconds."""

    text: str
    ms: str


_TOKEN = "x-relay-token"  # noqa: S105  the name of a header
DEPLOY = "deploy"
SAMPLES: Mapping[str, Sample] = {
    "pagerduty": Sample(
        "an incident in PagerDuty",
        "x-pagerduty-signature",
        "incident.triggered",
        "incident.resolved",
        "Q1LARK7XW2M4CD",
        signed=True,
    ),
    "datadog": Sample(
        "an alert in Datadog", _TOKEN, "monitor-triggered", "monitor-recovered", "1147720091135562001"
    ),
    "squadcast": Sample(
        "an incident in Squadcast",
        _TOKEN,
        "v2.incident.triggered",
        "v2.incident.resolved",
        "69a7f2c4b1d0e8001f5c3a70",
    ),
}
ABOUT = {DEPLOY: "a deploy", **{name: sample.about for name, sample in SAMPLES.items()}}
# What is sent where nothing is named.
FIRST = (DEPLOY, "pagerduty")


DATA = click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=find_config.data_folder(),
    show_default=True,
    help="folder for stores, keys, secrets and gitdailies.yml",
)


@click.command()
@click.argument("names", nargs=-1, metavar="[" + "|".join(ABOUT) + "]...", type=click.Choice(list(ABOUT)))
@DATA
@click.option("--undo", is_flag=True, help="erase what it sent from the folder's stores")
def demo(names: Sequence[str], data: Path, undo: bool) -> None:
    """Send example events to a running `gitdailies up`: a deploy and a PagerDuty incident, or those named.

    An incident ends after some seconds.

    \b
    gitdailies demo
    gitdailies demo datadog
    """
    settings = _settings(data)
    if undo:
        from gitdailies_core.values.renames import folded
        from gitdailies_server.storage.erasing import Erasure

        from gitdailies_cli.commands import stores
        from gitdailies_cli.commands.look_after.erase import carry_out, count_events

        dora_store = f"sqlite:{find_config.dora_store(data)}"
        found = [one for at in (dora_store, str(settings.relay.store)) for one in stores.find(at, None)]
        carry_out(found, Erasure(mark=MARK))
        left = max(count_events(one, Erasure(repo=folded(REPO))) for one in found)
        if left:
            click.echo(f"kept, because the demo did not send it: {output.counted(left, 'event')} of {REPO}")
        return
    dora, relay = _servers(data, settings)
    output.lines(send(data, dora, relay, names or FIRST))
    click.echo(where_to_look(dora, data))


def _second() -> Moment:
    """Return the next second; it is after a deploy that was sent just before."""
    second = int(datetime.now(UTC).timestamp()) + 1
    return Moment(f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%SZ}", f"{second}000")


def send(data: Path, dora: str, relay: str, names: Sequence[str]) -> Iterator[str]:
    """Send the samples *names* to servers like `http://127.0.0.1:8700`, and yield a line for each.

    Some seconds later, it sends the ends of the incidents. Raises DeliveryError if there is no answer, and
    Refused for an answer other than 2xx.
    """
    settings, incidents = _settings(data), []
    for name in names:
        url = f"{dora}/webhooks" if name == DEPLOY else f"{relay}/hooks/{name}"
        id_, moment = f"{MARK}{secrets.token_hex(10)}", _second()
        if name == DEPLOY:
            _send(data, settings, url, name, _deploy(id_))
        else:
            _send(data, settings, url, name, _delivery(name, SAMPLES[name].start, id_, moment, moment))
            incidents.append((name, url, id_, moment))
        yield f"{name}: accepted by {url}"
    time.sleep(_LASTS_SECONDS if incidents else 0)
    for name, url, id_, began in incidents:
        _send(data, settings, url, name, _delivery(name, SAMPLES[name].end, id_, began, _second()))
        yield f"{name}, its end: accepted by {url}"


def _deploy(id_: str) -> bytes:
    event = {"kind": "deployed", "repo": REPO, "branch": "main", "environment": "production", "id": id_}
    return json.dumps({**event, "commitSHA": secrets.token_hex(20)}).encode()


def _delivery(name: str, example: str, id_: str, began: Moment, now: Moment) -> bytes:
    """Return an example of the adapter *name* about another incident, at another time, with a new id."""
    folder = files(registry.adapter(name).examples) / "examples"
    text = (folder / f"{example}.payload.json").read_text("utf-8").replace(SAMPLES[name].incident, id_)
    text = re.sub(r'id": "[^"]+"', f'id": "{secrets.token_hex(10)}"', text, count=1)
    text = re.sub(r'("created_at": )?"2026-[^"]+Z"', lambda at: _at(at[1] or "", began, now), text)
    return re.sub(r'(?<="date_ms": )"\d+"', f'"{now.ms}"', text).encode()


def _at(name: str, began: Moment, now: Moment) -> str:
    return f'{name}"{(began if name else now).text}"'


def _send(data: Path, settings: "Configuration", url: str, name: str, body: bytes) -> None:
    from gitdailies_connection.http.bounded_client import ask

    sample, source = SAMPLES.get(name), settings.sources.get(name)
    given = (settings.gitdailies.key,) if sample is None else source.secrets if source else ()
    if not given:
        raise ConfigurationError(f"{data / find_config.FILE}: expected a secret of sources.{name}, got none")
    secret = given[0].read(os.environ)
    proof = hmac_sha256(body, secret) if sample and sample.signed else secret.reveal()
    header = sample.header if sample else "webhook-key"
    headers = {"content-type": "application/json", header: proof}
    try:
        answer = ask("POST", url, headers, body, seconds=_TIMEOUT_SECONDS)
    except DeliveryError:
        raise DeliveryError(f"{url}: no answer; start `gitdailies up` in this folder first") from None
    if not 200 <= answer.status < 300:
        raise Refused(f"{url}: expected the {name} event to be accepted, got {answer.status}")


def where_to_look(pages: str, data: Path) -> str:
    """Say where the events that were sent are shown, and what takes them out again."""
    look = f"open {pages}/events to see what arrived, and {pages}/dora for the figures"
    return f"{look}\nthey count as others do, until `{command(data)} --undo` takes them out again"


def command(data: Path, name: str = "demo") -> str:
    """Return how a person types `gitdailies demo`, or `events`, for the folder *data*."""
    line = f"{_typed()} {name}"
    if data == find_config.data_folder():
        return line
    folder = f"--data {quote(shown(data))}"
    return f"{line} {folder if name == 'demo' else f'--config {quote(shown(data / find_config.FILE))}'}"


def _typed() -> str:
    """Return how a person types `gitdailies`, as they did for `gitdailies up`, outside of a container."""
    called = Path(sys.argv[0])
    found = shutil.which(called.name)
    if called.name == "__main__.py":
        name = f"{quote(sys.executable)} -m gitdailies_cli"
    elif found is not None and called.exists() and Path(found).samefile(called):
        name = called.name
    else:
        inside = os.path.relpath(called)
        name = quote(str(called.absolute()) if inside.startswith(os.pardir) else inside)
    engine = "podman" if _PODMAN.exists() else "docker" if _DOCKER.exists() else ""
    if not engine or not os.environ.get(find_config.HOST_VARIABLE):
        return name
    # The engines name a container after its host name, unless it is given one.
    return f"{engine} exec {socket.gethostname()} {name}"


def shown(data: Path) -> str:
    """Return the path of the data folder for a person in the current folder."""
    return str(data) if data.is_absolute() else os.path.relpath(data)


def _settings(data: Path) -> "Configuration":
    """Return what gitdailies.yml of `gitdailies up` says."""
    from gitdailies_connection.config.load import load

    file = data / find_config.FILE
    if not file.is_file():
        raise ConfigurationError(f"{file}: no such file; start `gitdailies up` in this folder first")
    return load(file)


def _servers(data: Path, settings: "Configuration") -> tuple[str, str]:
    """Return the addresses of the two servers, which `gitdailies up` wrote into its gitdailies.yml."""
    dora, relay = urlsplit(settings.gitdailies.url).port or 80, settings.relay.listen.port
    if 0 in (dora, relay):
        raise ConfigurationError(
            f"{data / find_config.FILE}: expected the ports of both servers, got 0, which gives another port "
            "at each start; start `gitdailies up` with --dora-port and --relay-port"
        )
    return f"http://127.0.0.1:{dora}", f"http://127.0.0.1:{relay}"
