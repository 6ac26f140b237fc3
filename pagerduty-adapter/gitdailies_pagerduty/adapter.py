"""Translate PagerDuty's webhooks: all of V3, and the old V2 bodies that some accounts still send.

Sources: PagerDuty's "Webhooks" (overview, signatures, V2 overview), and its REST schema for `resolve_reason`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

from gitdailies_core import (
    STATES,
    Fields,
    Ignored,
    IncidentMessage,
    Message,
    Option,
    PayloadError,
    ProofSettings,
    Request,
    Secret,
    got,
    translate_each,
    verify_hmac_sha256,
    verify_shared_token,
)
from gitdailies_core.sources.protocol import Proven
from gitdailies_core.sources.signatures import hmac_sha256

from gitdailies_pagerduty.changes import change, merge_of
from gitdailies_pagerduty.table import TABLE, code, meaning

SIGNATURE_HEADER = "x-pagerduty-signature"


class PagerDuty:
    """The adapter `pagerduty`."""

    name = "pagerduty"
    table = TABLE
    options: Mapping[str, Option] = MappingProxyType({})
    # Priorities are the account's own.
    values: Mapping[str, Sequence[str]] = {"urgency": ("high", "low")}
    examples = "gitdailies_pagerduty"

    def verify(self, request: Request, secrets: Sequence[Secret], settings: ProofSettings) -> None:
        """Check the signature. A V2 delivery has none and needs a token in a header."""
        if settings.header and not request.header(SIGNATURE_HEADER):
            verify_shared_token(request, secrets, header=settings.header)
        else:
            verify_hmac_sha256(request, secrets, header=SIGNATURE_HEADER)

    def sign(self, body: bytes, secret: Secret, settings: ProofSettings, at: datetime) -> Proven:  # noqa: ARG002
        """Return the signature of *body*, for an example."""
        return Proven({SIGNATURE_HEADER: hmac_sha256(body, secret)}, {})

    def translate(self, request: Request, options: Mapping[str, Any]) -> tuple[Message, ...]:  # noqa: ARG002  there are none
        """Translate one V3 event, or every message of a V2 body."""
        body = Fields(request.json())
        if body.has("messages"):
            messages = body.raw("messages")
            if not isinstance(messages, list) or not messages:
                raise PayloadError(f"messages: expected a list of at least one message, got {got(messages)}")
            # One that cannot be read is quarantined, and the others count.
            return translate_each(enumerate(messages), lambda pair: [_v2(*pair, request)])
        return (_v3(body.object("event"), request),)


def _v3(event: Fields, request: Request) -> IncidentMessage:
    word, key = event.text("event_type"), event.text("id")
    meant = meaning(word)
    if meant not in STATES:
        data = event.optional_object("data")
        incident = data.optional_object("incident") if data else None
        if incident is None and data is not None and data.raw("type") == "incident":
            incident = data
        return Ignored(meant, word, (incident.optional_text("id") or "") if incident else "", key, code(word))
    data = event.object("data")
    # created_at is always the first start. Bodies of 2021 did not have it; then only the order of
    # arrival is known.
    created_at, reopened_at = data.optional_time("created_at"), data.optional_time("reopened_at")
    started_at = reopened_at or (None if word == "incident.reopened" else created_at)
    merged, merged_into = merge_of(data)
    return change(
        meant,
        word,
        key,
        data,
        started_at=started_at,
        occurred_at=event.optional_time("occurred_at"),
        received=lambda: request.received(f"{event.where('occurred_at')}: expected a time, got none"),
        merged=merged,
        merged_into=merged_into,
    )


def _v2(number: int, given: Any, request: Request) -> IncidentMessage:
    message = Fields(given, f"messages[{number}]")
    word, key = message.text("event"), message.text("id")
    meant = meaning(word)
    incident = message.object("incident")
    if meant not in STATES:
        return Ignored(meant, word, incident.optional_text("id") or "", key, code(word))
    # V2 does not say into which incident this one was merged.
    return change(
        meant,
        word,
        key,
        incident,
        started_at=incident.optional_time("created_at"),
        occurred_at=message.optional_time("created_on"),
        received=lambda: request.received(f"{message.where('created_on')}: expected a time, got none"),
        merged=incident.raw("resolve_reason") == "merged",
    )


adapter = PagerDuty()
