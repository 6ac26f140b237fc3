"""`gitdailies conformance`: check that a receiver answers events correctly."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from gitdailies_core.errors import DeliveryError, UnreadableBody, UsageError
from gitdailies_core.values.secret import Secret

from gitdailies_cli import output
from gitdailies_cli.commands.conformance_probes import ENVIRONMENT, REPO, Probe, Reply, probes, stored_ids
from gitdailies_cli.find_config import KEY_VARIABLE

if TYPE_CHECKING:
    from gitdailies_connection.http.sender import Sender

_FAULTS_FOUND = 1


@click.command()
@click.argument("url")
@click.option("--key-env", default=KEY_VARIABLE, show_default=True, help="the variable with the key")
@click.option(
    "--receiver",
    type=click.Choice(["ours", "documented"]),
    help="the kind of receiver; default: what its /openapi.json says",
)
@click.option(
    "--ca-file",
    type=click.Path(path_type=Path),
    help="a PEM file of certificates to trust, instead of the system's",
)
@click.option(
    "--timeout", type=click.FloatRange(0.1, 300), default=10.0, help="seconds to wait for each answer"
)
@click.option("--json", "as_json", is_flag=True, help="print JSON")
def conformance(
    url: str, key_env: str, receiver: str | None, ca_file: Path | None, timeout: float, as_json: bool
) -> None:
    """Send valid and invalid events to a receiver, and check its answers.

    The receiver stores some of these events, all of the repository gitdailies-conformance/probe and the
    environment conformance, so that they count in no figure of production. With a key that may delete, they
    are deleted at the end.
    Exit code 0: every answer is correct. Exit code 1: at least one is not.

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
        chosen = [probe for probe in probes(f"probe-{secrets.token_hex(6)}") if ours or not probe.ours]
        replies = [(probe, _send_probe(sender, probe, key)) for probe in chosen]
        answers = [reply for _, reply in replies if isinstance(reply, Reply)]
        ids = [id_ for answer in answers for id_ in stored_ids(answer)]
        # Another receiver does not say what it stored.
        left = _delete(sender, ids, key) if ours else sum(200 <= answer.status < 300 for answer in answers)
    results = [(probe, probe.fault(reply) if isinstance(reply, Reply) else reply) for probe, reply in replies]
    _print_results(results, ours=ours, left=left, as_json=as_json)
    if any(fault for _, fault in results):
        raise click.exceptions.Exit(_FAULTS_FOUND)


def _send_probe(sender: Sender, probe: Probe, key: Secret) -> Reply | str:
    """Send one probe; return the reply, or why there is none."""
    used = key if probe.key is None else Secret(probe.key, "probe")
    try:
        answer = sender.post(probe.body, key=used, event_id=probe.event_id or None, suffix=probe.suffix)
    except DeliveryError as error:
        return f"no answer: {error}"
    try:
        value = answer.json()
    except UnreadableBody:
        value = None
    return Reply(answer.status, answer.content_type, value)


def _delete(sender: Sender, ids: Sequence[str], key: Secret) -> int:
    """Delete the stored events; return how many are left, which are all with a key that may not delete."""
    for done, id_ in enumerate(ids):
        try:
            if sender.delete(id_, key=key).status not in (200, 404):
                return len(ids) - done
        except DeliveryError:
            return len(ids) - done
    return 0


def _print_results(results: list[tuple[Probe, str]], *, ours: bool, left: int, as_json: bool) -> None:
    faults = [fault for _, fault in results if fault]
    if as_json:
        shown = [{"probe": probe.name, "why": probe.why, "fault": fault or None} for probe, fault in results]
        output.as_json({"receiver": "ours" if ours else "documented", "probes": shown, "left": left})
        return
    for probe, fault in results:
        mark = "FAULT" if fault else "ok   "
        click.echo(output.printable(f"{mark}  {probe.name}: {fault or probe.why}"))
    total = f"{len(results)} probes" + ("" if ours else " without those for lists, ids and ping")
    click.echo(f"{total}: {len(faults)} faults" if faults else f"{total}: no fault")
    if left:
        remedy = "; a key that may delete removes them" if ours else ""
        stay = f"of the repository {REPO} stay there, in the environment {ENVIRONMENT}"
        click.echo(f"{output.counted(left, 'event')} {stay}{remedy}")
