"""Find the destination and the key, send events, and print the results."""

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import click
from gitdailies_connection.addresses import check_receiver
from gitdailies_connection.config.secret_source import SecretSource
from gitdailies_connection.config.sections.settings import Destination
from gitdailies_connection.http import event_lists
from gitdailies_connection.http.attempts import Attempts
from gitdailies_connection.http.sender import Sender
from gitdailies_core import retry
from gitdailies_core.errors import ConfigurationError, DeliveryError, UsageError, VariableNotSet
from gitdailies_core.events.dialect import Dialect
from gitdailies_core.events.events import Event
from gitdailies_core.events.ids import is_self_made
from gitdailies_core.values import http_answers
from gitdailies_core.values.hosts import is_private
from gitdailies_core.values.secret import Secret

from gitdailies_cli import find_config, output
from gitdailies_cli.common_options import naming
from gitdailies_cli.find_config import KEY_VARIABLE, URL_VARIABLE
from gitdailies_cli.output import DONE, NOT_DELIVERED, PARTLY, REFUSED

_CONFLICT = 409
_REPEAT = "the receiver had it already; it counts once"


@dataclass(frozen=True)
class SendResult:
    """The result of sending one event."""

    event: Event
    status: str
    reason: str = ""
    code: int = DONE


def find_destination(
    url: str | None, key_env: str | None, config: Path | None, timeout: float
) -> tuple[Destination, Secret]:
    """Find address and key: from the options, then the environment, then gitdailies.yml."""
    address = url or os.environ.get(URL_VARIABLE, "").strip()
    path = find_config.find(config)
    if address:
        with naming("--url" if url else URL_VARIABLE):
            # An address on the command line may use http to another machine; the configuration is stricter.
            check_receiver(address, allow_http=True)
        source = SecretSource.make(env=key_env or KEY_VARIABLE)
        try:
            key = source.read(os.environ)
        except VariableNotSet as error:
            if path is None:
                raise
            how = "leave out --url" if url else f"unset {URL_VARIABLE}"
            raise UsageError(f"{error}; for the address and the key of {path}, {how}") from None
        return Destination(url=address, key=source, timeout_seconds=timeout), key
    if path is None:
        raise ConfigurationError(
            f"no receiver is set: use --url, {URL_VARIABLE} or a gitdailies.yml; "
            "--dry-run needs none and prints the events"
        )
    destination = find_config.load_configuration(path).gitdailies
    if key_env or KEY_VARIABLE in os.environ:
        return destination, SecretSource.make(env=key_env or KEY_VARIABLE).read(os.environ)
    return destination, destination.key.read(os.environ)


def sender_warning(url: str) -> str:
    """Return a warning if the key goes to *url* readable for everyone on the way, or ""."""
    parts = urlsplit(url)
    if parts.scheme != "http" or is_private(parts.hostname or ""):
        return ""
    return "the address begins with http, which sends the key and the events unencrypted; use https"


def send_all(
    destination: Destination, key: Secret, events: Sequence[Event], retries: int
) -> list[SendResult]:
    """Send *events* in order, each again up to *retries* times, and return the result of each."""
    if warning := sender_warning(destination.url):
        click.echo(f"warning: {warning}", err=True)
    dialect: Dialect | None = None
    with Sender.to(destination) as sender:

        def send(event: Event) -> SendResult:
            def attempt() -> tuple[retry.Outcome, None]:
                nonlocal dialect
                try:
                    dialect = dialect or destination.dialect(destination.receiver or sender.receiver())
                except DeliveryError as error:
                    return retry.Outcome(None, str(error)), None
                return sender.send(dialect.dump(event), key=key, event_id=event.id), None

            verdict, outcome, _ = Attempts(retries=retries).repeated(attempt)
            return _result(event, outcome, verdict)

        return [send(event) for event in events]


def _result(event: Event, outcome: retry.Outcome, verdict: retry.Verdict) -> SendResult:
    if isinstance(verdict, retry.Done):
        return SendResult(event, "sent", _REPEAT if _has_event_already(outcome) else "")
    if outcome.status == _CONFLICT and event.id and is_self_made(event.id):
        # Such an id names one event, even if a later attempt has other content.
        return SendResult(
            event, "sent", "the receiver has it already, with other content, and keeps the first"
        )
    if isinstance(verdict, retry.Again) or (
        isinstance(verdict, retry.Pause) and verdict.what != http_answers.KEY
    ):
        return SendResult(event, "not delivered", verdict.reason, NOT_DELIVERED)
    return SendResult(event, "refused", verdict.reason, REFUSED)


def _has_event_already(outcome: retry.Outcome) -> bool:
    """Whether a receiver of ours says that it had the event before this attempt."""
    with suppress(ValueError):
        answer = json.loads(outcome.answer)
        return isinstance(answer, dict) and answer.get("status") == event_lists.UNCHANGED
    return False


def exit_code(results: Sequence[SendResult]) -> int:
    """Return the exit code that says whether all, some or none of the events were sent."""
    codes = {result.code for result in results}
    if DONE in codes and len(codes) > 1:
        return PARTLY
    return max(codes, default=DONE)


def print_results(results: Sequence[SendResult], *, as_json: bool) -> None:
    """Print a line for each event, or one JSON document."""
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
