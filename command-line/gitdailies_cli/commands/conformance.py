"""`gitdailies conformance`: whether a receiver answers as a receiver of these events has to."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import click
from gitdailies_core.errors import DeliveryError, UnreadableBody, UsageError
from gitdailies_core.values.secret import Secret

from gitdailies_cli import output
from gitdailies_cli.commands.conformance_probes import Probe, Reply, probes
from gitdailies_cli.send_events import KEY_VARIABLE

if TYPE_CHECKING:
    from gitdailies_connection.http.sender import Sender

_FAULTY = 1


@click.command()
@click.argument("url")
@click.option("--key-env", default=KEY_VARIABLE, show_default=True, help="the variable that holds the key")
@click.option(
    "--receiver", type=click.Choice(["ours", "documented"]), help="default: as its /openapi.json says"
)
@click.option(
    "--ca-file", type=click.Path(path_type=Path), help="certificates to trust, in place of the system's"
)
@click.option("--timeout", type=click.FloatRange(0.1, 300), default=10.0, help="seconds an answer")
@click.option("--json", "as_json", is_flag=True, help="print JSON")
def conformance(
    url: str, key_env: str, receiver: str | None, ca_file: Path | None, timeout: float, as_json: bool
) -> None:
    """Check a receiver of events: send it right and wrong ones and look at its answers.

    It stores some events there, all of the repository gitdailies-conformance/probe. Ends with 0
    where every answer is right, with 1 where one is not.

    \b
    gitdailies conformance http://127.0.0.1:8700/webhooks
    """
    from gitdailies_connection.addresses import check_receiver
    from gitdailies_connection.config.secret_source import SecretSource
    from gitdailies_connection.http.sender import Sender
    from gitdailies_core.events.dialect import OURS

    try:
        address = check_receiver(url, allow_http=True)
    except ValueError as error:
        raise UsageError(f"URL: {error}") from None
    key = SecretSource.make(env=key_env).read(os.environ)
    with Sender(address, timeout_seconds=timeout, ca_file=ca_file) as sender:
        ours = (receiver or sender.receiver()) == OURS
        asked = [probe for probe in probes(f"probe-{secrets.token_hex(6)}") if ours or not probe.ours]
        found = [(probe, _asked(sender, probe, key)) for probe in asked]
    _tell(found, ours=ours, as_json=as_json)
    if any(fault for _, fault in found):
        raise click.exceptions.Exit(_FAULTY)


def _asked(sender: Sender, probe: Probe, key: Secret) -> str:
    """Send one probe; return what is wrong with the answer, or ""."""
    used = key if probe.key is None else Secret(probe.key, "probe")
    try:
        answer = sender.post(probe.body, key=used, event_id=probe.event_id or None, suffix=probe.suffix)
    except DeliveryError as error:
        return f"expected an answer, got none: {error}"
    try:
        value = answer.json()
    except UnreadableBody:
        value = None
    return probe.fault(Reply(answer.status, answer.content_type, value))


def _tell(found: list[tuple[Probe, str]], *, ours: bool, as_json: bool) -> None:
    faults = [fault for _, fault in found if fault]
    if as_json:
        told = [{"probe": probe.name, "why": probe.why, "fault": fault or None} for probe, fault in found]
        output.as_json({"receiver": "ours" if ours else "documented", "probes": told})
        return
    for probe, fault in found:
        mark = "FAULT" if fault else "ok   "
        click.echo(output.printable(f"{mark}  {probe.name}: {fault or probe.why}"))
    asked = f"{len(found)} probes" + ("" if ours else "; those for lists, ids and ping were left out")
    click.echo(f"{asked}: {len(faults)} faults" if faults else f"{asked}: no fault")
