"""Sends an example of a source to the relay's own socket, proved as the tool would, and marked."""

from __future__ import annotations

import secrets as random
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from urllib.parse import quote, urlencode

from gitdailies_connection.config.settings import Source
from gitdailies_connection.config.sources import adapter_of
from gitdailies_connection.http.bounded_client import ask
from gitdailies_core.errors import ConfigurationError, DeliveryError, UnreadableBody, UsageError
from gitdailies_core.sources.signatures import sign
from gitdailies_core.values.secret import Secret

from gitdailies_relay.api.examples import fresh_example
from gitdailies_relay.intake.marked_examples import HEADER

_SECONDS = 10.0


class SentExample(NamedTuple):
    """The delivery that an example became, and whether it started an incident."""

    delivery: str
    starts_incident: bool


def new_token() -> Secret:
    """Return the token by which a relay knows its own examples, a new one for each process."""
    return Secret(random.token_hex(32), "the token of examples")


def send_example(
    address: str, source: Source, secrets: Sequence[Secret], token: Secret, now: datetime
) -> SentExample:
    """Send an example of *source* to the relay at *address*, and return the delivery that it became.

    Raises UsageError with the reason if no example can be made, or if the relay does not take it. It waits
    for the answer, so it is for a thread.
    """
    if not secrets:
        raise UsageError(f"{source.name}: it has no secret; have the tool send a test")
    example = fresh_example(source, random.choice)
    request = example.request
    try:
        proof = sign(adapter_of(source), request.body, secrets[0], source.proof, now)
    except ConfigurationError as error:
        raise UsageError(str(error)) from None
    headers = {**request.headers, **proof.headers, HEADER: token.reveal()}
    query = urlencode({**request.query, **proof.query})
    path = f"/hooks/{quote(source.name, safe='')}" + (f"?{query}" if query else "")
    try:
        answer = ask("POST", address + path, headers, request.body, seconds=_SECONDS)
        said = answer.json()
    except (DeliveryError, UnreadableBody) as error:
        raise UsageError(f"{source.name}: the relay did not take its own example: {error}") from None
    delivery = said.get("delivery") if isinstance(said, dict) else None
    if answer.status == 401:
        raise UsageError(f"{source.name}: the relay refuses its own example: the proof is wrong")
    if not isinstance(delivery, str):
        raise UsageError(f"{source.name}: the relay answered its own example with {answer.status}")
    return SentExample(delivery, example.starts_incident)
