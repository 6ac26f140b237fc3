"""Translate PagerDuty's webhooks: all of V3, and the old V2 bodies that some accounts still send.

Sources: PagerDuty's "Webhooks" (overview, signatures, V2 overview), and its REST schema for `resolve_reason`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

from gitdailies_core import (
    STARTED,
    STATES,
    Change,
    Fields,
    Ignored,
    Message,
    Option,
    PayloadError,
    Request,
    Secret,
    Service,
    text_of,
    verify_hmac_sha256,
    verify_shared_token,
)

from gitdailies_pagerduty.table import TABLE, UNKNOWN, code

SIGNATURE_HEADER = "x-pagerduty-signature"


class PagerDuty:
    """The adapter `pagerduty`."""

    name = "pagerduty"
    table = TABLE
    options: Mapping[str, Option] = MappingProxyType({})
    examples = "gitdailies_pagerduty"

    def verify(self, request: Request, secrets: Sequence[Secret], header: str = "") -> None:
        """Check the signature. A V2 delivery has none and needs a token in *header*."""
        if header and not request.header(SIGNATURE_HEADER):
            verify_shared_token(request, secrets, header=header)
        else:
            verify_hmac_sha256(request, secrets, header=SIGNATURE_HEADER)

    def translate(
        self,
        request: Request,
        options: Mapping[str, Any],  # noqa: ARG002  there are none
    ) -> tuple[Message, ...]:
        """Translate one V3 event, or every message of a V2 body."""
        body = Fields(request.json())
        if body.has("messages"):
            messages = body.objects("messages")
            if not messages:
                raise PayloadError("messages: expected at least one message, got an empty list")
            return tuple(_v2(message) for message in messages)
        return (_v3(body.object("event")),)


def _v3(event: Fields) -> Message:
    word, key = event.text("event_type"), event.text("id")
    meaning = TABLE.get(word, UNKNOWN)
    if meaning not in STATES:
        data = event.optional_object("data")
        incident = data.optional_object("incident") if data else None
        return Ignored(
            meaning, word, (incident.optional_text("id") or "") if incident else "", key, code(word)
        )
    data = event.object("data")
    # created_at is always the first start. Bodies of 2021 did not have it; then only the order of
    # arrival is known.
    created_at, reopened_at = data.optional_time("created_at"), data.optional_time("reopened_at")
    started_at = reopened_at or (None if word == "incident.reopened" else created_at)
    reason = data.optional_object("resolve_reason")
    merged = reason is not None and reason.optional_text("type") == "merge_resolve_reason"
    merge_target = reason.optional_object("incident") if merged and reason else None
    return _change(
        meaning,
        word,
        key,
        data,
        started_at=started_at,
        occurred_at=event.time("occurred_at"),
        merged=merged,
        merged_into=merge_target.optional_text("id") if merge_target else None,
    )


def _v2(message: Fields) -> Message:
    word, key = message.text("event"), message.text("id")
    meaning = TABLE.get(word, UNKNOWN)
    incident = message.object("incident")
    if meaning not in STATES:
        return Ignored(meaning, word, incident.optional_text("id") or "", key, code(word))
    # V2 does not say into which incident this one was merged.
    return _change(
        meaning,
        word,
        key,
        incident,
        started_at=incident.time("created_at"),
        occurred_at=message.time("created_on"),
        merged=incident.raw("resolve_reason") == "merged",
    )


def _change(
    state: str,
    word: str,
    key: str,
    incident: Fields,
    *,
    started_at: datetime | None,
    occurred_at: datetime,
    merged: bool,
    merged_into: str | None = None,
) -> Change:
    service, priority = incident.optional_object("service"), incident.optional_object("priority")
    return Change.make(
        state=state,
        word=word,
        incident=incident.text("id"),
        # There is no resolved_at, so the end is the time of the event.
        at=(started_at or occurred_at) if state == STARTED else occurred_at,
        occurrence=text_of(started_at) if started_at else None,
        started_at=started_at,
        key=key,
        services=[_service(service)] if service else [],
        merged=merged,
        merged_into=merged_into,
        title=incident.optional_text("title"),
        url=incident.optional_text("html_url"),
        urgency=incident.optional_text("urgency"),
        # The name, such as P1, is in summary. There is no field for it.
        priority=priority.optional_text("summary") if priority else None,
    )


def _service(service: Fields) -> Service:
    # A reference (V3) has the name in summary. A whole service (V2) has both fields.
    identifier = service.text("id")
    return Service(service.optional_text("summary") or identifier, (identifier,))


adapter = PagerDuty()
