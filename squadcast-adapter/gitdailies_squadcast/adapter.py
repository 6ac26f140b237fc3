"""Translate the outgoing webhooks of Squadcast (now SolarWinds Incident Response), payloads v2 and v1.

Squadcast does not sign deliveries. The proof is a token in an additional header. Source:
Squadcast's developer documentation, "Outgoing webhooks".

It is an adapter in code, because a source pack cannot say three things: that a service is known by its id
and by its name, that an entry of the timeline comes after another one, and a key with a time in it that
is the same however the time is written.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

from gitdailies_core import (
    STARTED,
    STATES,
    Fields,
    Ignored,
    IncidentMessage,
    Option,
    PayloadError,
    ProofSettings,
    Request,
    Secret,
    text_of,
    verify_shared_token,
)

from gitdailies_squadcast.changes import change, last_time, moment, reopened_at
from gitdailies_squadcast.table import TABLE, code, meaning


class Squadcast:
    """The adapter `squadcast`."""

    name = "squadcast"
    table = TABLE
    options: Mapping[str, Option] = MappingProxyType({})
    examples = "gitdailies_squadcast"

    def verify(self, request: Request, secrets: Sequence[Secret], settings: ProofSettings) -> None:
        """Check the token in the header that the source names."""
        verify_shared_token(request, secrets, header=settings.header)

    def translate(self, request: Request, options: Mapping[str, Any]) -> tuple[IncidentMessage, ...]:  # noqa: ARG002  there are none
        """Translate one event of payload v2, or of v1, which has no field `event`."""
        body = Fields(request.json())
        return (_v2(body, request) if body.has("event") else _v1(body),)


def _v2(body: Fields, request: Request) -> IncidentMessage:
    event, data = body.object("event"), body.object("data")
    word, key = event.text("type"), event.text("id")
    # For notes, tasks and tags, resource_data may be the note itself. Then data has `incident` too.
    parent = data.optional_object("incident")
    meant = meaning(word)
    if meant not in STATES:
        return Ignored(meant, word, _ignored_id(parent, data), key, code(word))
    incident = parent or data.object("resource_data")
    said_at = moment(event, "timestamp")
    again_at = None
    if meant == STARTED and incident.raw("status") != "resolved":
        # A trigger after the end, about an incident that is not resolved any more.
        again_at = said_at
    return change(
        meant,
        word,
        key,
        incident,
        at=said_at,
        again_at=again_at,
        received=lambda: request.received(f"{event.where('timestamp')}: expected a time, got none"),
    )


def _ignored_id(parent: Fields | None, data: Fields) -> str:
    if parent is None and data.raw("resource_type") == "incident":
        parent = data.optional_object("resource_data")
    return (parent.optional_text("id") or "") if parent else ""


def _v1(incident: Fields) -> IncidentMessage:
    word, identifier = incident.text("event_type"), incident.text("id")
    # v1 has no event id. A second event of the same type and occurrence counts as a redelivery.
    key = f"{identifier}:{word}"
    meant = meaning(word)
    if meant not in STATES:
        return Ignored(meant, word, identifier, key, code(word))
    again = reopened_at(incident)
    if again is not None:
        key = f"{key}:{text_of(again)}"
    # v1 has no event time either. The timeline has the last time of this action.
    action = word.removeprefix("incident_")

    def missing() -> datetime:
        raise PayloadError(f"timeline: expected an entry with action {action!r} and a time, got none")

    return change(meant, word, key, incident, at=last_time(incident, action), received=missing)


adapter = Squadcast()
