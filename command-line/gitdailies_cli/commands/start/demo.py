"""`gitdailies demo`: example events for `gitdailies up`, in the form of each vendor.

Keys and secrets are read from where gitdailies.yml says. Each run makes new ids and times.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click
from gitdailies_core.errors import ConfigurationError, DeliveryError, Refused
from gitdailies_core.sources.signatures import hmac_sha256

from gitdailies_cli import find_config, output

if TYPE_CHECKING:
    from gitdailies_connection.config.secret_source import SecretSource
    from gitdailies_connection.config.sections.settings import Configuration

SEND_KEY, READ_KEY = find_config.SEND_KEY, find_config.READ_KEY
DORA, RELAY = "dora", "relay"
REPO = find_config.DEMO
# How the ids of its deploys and incidents begin. By this it knows its own again.
MARK = "gitdailies-demo-"
_TIMEOUT_SECONDS = 10
# How long an incident lasts.
_LASTS_SECONDS = 3
# Files that the engines make in each container.
_PODMAN, _DOCKER = Path("/run/.containerenv"), Path("/.dockerenv")


@dataclass(frozen=True)
class Values:
    """What is new in each event. *incident* and *began* are the same in the start and the end of one."""

    now: str
    now_ms: str
    incident: str
    began: str
    ended: bool = False


@dataclass(frozen=True)
class Sample:
    """An example: its server and path, the header that proves it, and its body."""

    about: str
    server: str
    path: str
    header: str
    body: Callable[[Values], Mapping[str, Any]]
    signed: bool = False


def _deploy(_: Values) -> Mapping[str, Any]:
    at = {"repo": REPO, "branch": "main", "environment": "production", "id": f"{MARK}{secrets.token_hex(10)}"}
    return {"kind": "deployed", **at, "commitSHA": secrets.token_hex(20)}


def _pagerduty(values: Values) -> Mapping[str, Any]:
    about = {
        "id": f"{MARK}{values.incident}",
        "type": "incident",
        "status": "resolved" if values.ended else "triggered",
        "created_at": values.began,
        "title": "Checkout returns 502 for card payments",
        "service": {"id": "PCHKAPI", "type": "service_reference", "summary": "checkout-api"},
        "urgency": "high",
    }
    event = {
        "id": secrets.token_hex(10),
        "event_type": f"incident.{about['status']}",
        "resource_type": "incident",
        "occurred_at": values.now,
        "data": about,
    }
    return {"event": event}


def _datadog(values: Values) -> Mapping[str, Any]:
    transition, alert = ("Recovered", "success") if values.ended else ("Triggered", "error")
    return {
        "schema": "datadog-monitor",
        "event_id": secrets.token_hex(10),
        "transition": transition,
        "alert_type": alert,
        "monitor_id": "51840021",
        "cycle_key": f"{MARK}{values.incident}",
        "title": f"[{transition} on {{env:prod,service:checkout-api}}] Checkout error rate is high",
        "date_ms": values.now_ms,
        "service": "checkout-api",
        "env": "production",
        "tags": "env:production,service:checkout-api",
    }


def _squadcast(values: Values) -> Mapping[str, Any]:
    about = {
        "id": f"{MARK}{values.incident}",
        "message": "Checkout error rate is high",
        "service": {"id": "65aa1203d7e3f40019b7c2b4", "name": "Checkout API", "slug": "checkout-api"},
        "status": "resolved" if values.ended else "triggered",
        "created_at": values.began,
    }
    event = {"id": secrets.token_hex(10), "type": f"incident.{about['status']}", "resource": "incident"}
    data = {"resource_type": "incident", "resource_data": about}
    return {"version": "v2", "event": {**event, "timestamp": values.now}, "data": data}


_TOKEN = "x-relay-token"  # noqa: S105  the name of a header
SAMPLES: Mapping[str, Sample] = {
    "deploy": Sample("a deploy", DORA, "/webhooks", "webhook-key", _deploy),
    "pagerduty": Sample(
        "an incident in PagerDuty",
        RELAY,
        "/hooks/pagerduty",
        "x-pagerduty-signature",
        _pagerduty,
        signed=True,
    ),
    "datadog": Sample("an alert in Datadog", RELAY, "/hooks/datadog", _TOKEN, _datadog),
    "squadcast": Sample("an incident in Squadcast", RELAY, "/hooks/squadcast", _TOKEN, _squadcast),
}
# What is sent where nothing is named.
FIRST = ("deploy", "pagerduty")


DATA = click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=find_config.data_folder(),
    show_default=True,
    help="the folder of `gitdailies up`, for stores, keys, secrets and gitdailies.yml",
)


@click.command()
@click.argument("names", nargs=-1, metavar="[" + "|".join(SAMPLES) + "]...", type=click.Choice(list(SAMPLES)))
@DATA
@click.option("--undo", is_flag=True, help="erase what it sent from the stores of the folder")
def demo(names: Sequence[str], data: Path, undo: bool) -> None:
    """Send example events to a running `gitdailies up`: a deploy and a PagerDuty incident, or those named.

    An incident ends after some seconds.

    \b
    gitdailies demo
    gitdailies demo datadog
    gitdailies demo --undo
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
            click.echo(f"left, since the demo did not send it: {output.counted(left, 'event')} of {REPO}")
        return
    dora, relay = _servers(data, settings)
    output.lines(send(data, dora, relay, names or FIRST))
    click.echo(where_to_look(dora, data))


def _second() -> tuple[str, str]:
    """Return the next second, as text and in milliseconds; it is after a deploy that was sent just before."""
    second = int(datetime.now(UTC).timestamp()) + 1
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%SZ}", f"{second}000"


def send(data: Path, dora: str, relay: str, names: Sequence[str]) -> Iterator[str]:
    """Send the samples *names* to servers like `http://127.0.0.1:8700`, and yield a line for each.

    Some seconds later, it sends the ends of the incidents. Raises DeliveryError if there is no answer, and
    Refused for an answer other than 2xx.
    """
    settings, incidents = _settings(data), []
    for name in names:
        moment, sample = _second(), SAMPLES[name]
        url = f"{dora if sample.server == DORA else relay}{sample.path}"
        values = Values(*moment, secrets.token_hex(10), moment[0])
        _send(data, settings, url, name, values)
        yield f"{name}: accepted by {url}"
        if sample.server == RELAY:
            incidents.append((name, url, values))
    time.sleep(_LASTS_SECONDS if incidents else 0)
    for name, url, values in incidents:
        now, now_ms = _second()
        _send(data, settings, url, name, replace(values, now=now, now_ms=now_ms, ended=True))
        yield f"{name}, its end: accepted by {url}"


def _send(data: Path, settings: Configuration, url: str, name: str, values: Values) -> None:
    from gitdailies_connection.http.bounded_client import ask

    sample = SAMPLES[name]
    body = json.dumps(sample.body(values)).encode()
    secret = _secret(data, settings, name).read(os.environ)
    proof = hmac_sha256(body, secret) if sample.signed else secret.reveal()
    headers = {"content-type": "application/json", sample.header: proof}
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


def _settings(data: Path) -> Configuration:
    """Return what gitdailies.yml of `gitdailies up` says."""
    from gitdailies_connection.config.load import load

    file = data / find_config.FILE
    if not file.is_file():
        raise ConfigurationError(f"{file}: no such file; start `gitdailies up` in this folder first")
    return load(file)


def _servers(data: Path, settings: Configuration) -> tuple[str, str]:
    """Return the addresses of the two servers, which `gitdailies up` wrote into its gitdailies.yml."""
    dora, relay = urlsplit(settings.gitdailies.url).port or 80, settings.relay.listen.port
    if 0 in (dora, relay):
        raise ConfigurationError(
            f"{data / find_config.FILE}: expected the ports of both servers, got 0, which is another port at "
            "each start; start `gitdailies up` with --dora-port and --relay-port"
        )
    return f"http://127.0.0.1:{dora}", f"http://127.0.0.1:{relay}"


def _secret(data: Path, settings: Configuration, name: str) -> SecretSource:
    """Return the key of the sender, or the first secret of the source that the sample *name* is for."""
    if SAMPLES[name].server == DORA:
        return settings.gitdailies.key
    source = settings.sources.get(name)
    if source is None or not source.secrets:
        raise ConfigurationError(f"{data / find_config.FILE}: expected a secret of sources.{name}, got none")
    return source.secrets[0]
