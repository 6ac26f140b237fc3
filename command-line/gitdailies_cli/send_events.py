"""Handing events over from the command line: where to, with which key, and what it came to."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from gitdailies_connection.addresses import check_receiver
from gitdailies_connection.config.secret_source import SecretSource
from gitdailies_connection.config.settings import Destination
from gitdailies_connection.http.sender import Sender
from gitdailies_core import retry
from gitdailies_core.error_text import called
from gitdailies_core.errors import ConfigurationError, DeliveryError, InvalidEvent, UsageError
from gitdailies_core.events.dialect import Dialect
from gitdailies_core.events.events import Event
from gitdailies_core.values.secret import Secret

from gitdailies_cli import find_config, output

URL_VARIABLE = "GITDAILIES_WEBHOOK_URL"
KEY_VARIABLE = "GITDAILIES_WEBHOOK_KEY"
DONE, NOT_DELIVERED, REFUSED, PARTLY = 0, 1, 3, 4


def delivery_options(
    function: Callable[..., Any], *, timeout: float = 10.0, retries: int = 3
) -> Callable[..., Any]:
    """Add the options that every reporting command has, with these defaults."""
    for option in reversed(
        (
            click.option("--url", help=f"where events go; else {URL_VARIABLE}, else gitdailies.yml"),
            click.option(
                "--key-env",
                help=f"the variable that holds the key; default {KEY_VARIABLE}, else gitdailies.yml",
            ),
            click.option("--config", type=click.Path(path_type=Path), help="gitdailies.yml"),
            click.option(
                "--timeout", type=click.FloatRange(0.1, 300), default=timeout, help="seconds an attempt"
            ),
            click.option(
                "--retries", type=click.IntRange(0, 20), default=retries, help="attempts after the first"
            ),
            click.option("--dry-run", is_flag=True, help="print what would be sent; needs no address or key"),
            click.option("--json", "as_json", is_flag=True, help="print JSON"),
        )
    ):
        function = option(function)
    return function


@contextmanager
def option_names_in_errors(options: Mapping[str, str]) -> Iterator[None]:
    """Tell what is wrong with a value by the option that it was given with, whatever core calls it."""
    try:
        yield
    except (UsageError, InvalidEvent) as error:
        raise UsageError(called(str(error), options)) from None


@dataclass(frozen=True)
class SendResult:
    """What one event came to."""

    event: Event
    status: str
    reason: str = ""
    code: int = DONE


def report(
    events: Sequence[Event],
    notes: Sequence[str],
    *,
    url: str | None,
    key_env: str | None,
    config: Path | None,
    timeout: float,
    retries: int,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Send *events* in order, print what came of it, and end with the exit code for it."""
    for note in notes:
        click.echo(f"note: {output.printable(note)}", err=True)
    if dry_run:
        written = [event.to_wire() for event in events]
        output.as_json({"event": written[0]} if len(written) == 1 else {"events": written})
        return
    destination, key = find_destination(url, key_env, config, timeout)
    with Sender.to(destination) as sender:
        results = _send_all(sender, destination, key, events, retries)
    _tell(results, as_json=as_json)
    raise click.exceptions.Exit(_exit_code(results))


def find_destination(
    url: str | None, key_env: str | None, config: Path | None, timeout: float
) -> tuple[Destination, Secret]:
    """Find address and key: what is given, then the environment, then gitdailies.yml."""
    address = url or os.environ.get(URL_VARIABLE, "").strip()
    path = find_config.find(config)
    if address:
        try:
            # An address given by hand may be of this network; configuration is stricter.
            check_receiver(address, allow_http=True)
        except ValueError as error:
            where = "--url" if url else URL_VARIABLE
            raise UsageError(f"{where}: {error}") from None
        source = SecretSource.make(env=key_env or KEY_VARIABLE)
        return Destination(url=address, key=source, timeout_seconds=timeout), source.read(os.environ)
    if path is None:
        raise ConfigurationError(
            f"address: expected --url, {URL_VARIABLE} or a gitdailies.yml, got none; "
            "try --dry-run to see what would be sent"
        )
    destination = find_config.load_configuration(path).gitdailies
    if key_env or KEY_VARIABLE in os.environ:
        return destination, SecretSource.make(env=key_env or KEY_VARIABLE).read(os.environ)
    return destination, destination.key.read(os.environ)


def _send_all(
    sender: Sender, destination: Destination, key: Secret, events: Sequence[Event], retries: int
) -> list[SendResult]:
    results: list[SendResult] = []
    dialect: Dialect | None = None
    for event in events:
        started_at = datetime.now(UTC)
        for attempt in range(1, retries + 2):
            outcome, dialect = _attempt(sender, destination, dialect, key, event)
            verdict = retry.decide(
                outcome,
                attempt=attempt,
                first_attempt_at=started_at,
                now=datetime.now(UTC),
                jitter=random.random,
            )
            if not isinstance(verdict, retry.Again) or attempt > retries:
                break
            time.sleep(max(0.0, (verdict.at - datetime.now(UTC)).total_seconds()))
        results.append(_sent(event, verdict))
    return results


def _attempt(
    sender: Sender, destination: Destination, dialect: Dialect | None, key: Secret, event: Event
) -> tuple[retry.Outcome, Dialect | None]:
    if dialect is None:
        try:
            dialect = destination.dialect(destination.receiver or sender.receiver())
        except DeliveryError as error:
            return retry.Outcome(None, str(error)), None
    return sender.send(dialect.dump(event), key=key, event_id=event.id), dialect


def _sent(event: Event, verdict: retry.Verdict) -> SendResult:
    if isinstance(verdict, retry.Done):
        return SendResult(event, "sent")
    if isinstance(verdict, retry.Again) or (isinstance(verdict, retry.Pause) and verdict.what == "address"):
        return SendResult(event, "not delivered", verdict.reason, NOT_DELIVERED)
    return SendResult(event, "refused", verdict.reason, REFUSED)


def _exit_code(results: Sequence[SendResult]) -> int:
    codes = {result.code for result in results}
    if DONE in codes and len(codes) > 1:
        return PARTLY
    return max(codes, default=DONE)


def _tell(results: Sequence[SendResult], *, as_json: bool) -> None:
    if as_json:
        output.as_json(
            {
                "results": [
                    {"id": r.event.id, "status": r.status, **({"reason": r.reason} if r.reason else {})}
                    for r in results
                ]
            }
        )
        return
    for result in results:
        body = result.event.to_wire()
        what = " ".join(
            str(body[name])
            for name in ("kind", "incidentId", "repo", "commitSHA", "environment")
            if name in body
        )
        line = f"{result.status}: {what} ({result.event.id})"
        click.echo(
            output.printable(f"{line}: {result.reason}" if result.reason else line), err=result.code != DONE
        )
