"""Translate the outgoing webhooks of Squadcast (now SolarWinds Incident Response), payloads v2 and v1.

Squadcast does not sign deliveries. The proof is a token in an additional header. Source:
Squadcast's developer documentation, "Outgoing webhooks".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

from gitdailies_core import (
    STARTED,
    STATES,
    UPDATED,
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
    verify_shared_token,
)

from gitdailies_squadcast.table import TABLE, UNKNOWN, code


class Squadcast:
    """The adapter `squadcast`."""

    name = "squadcast"
    table = TABLE
    options: Mapping[str, Option] = MappingProxyType({})
    examples = "gitdailies_squadcast"

    def verify(self, request: Request, secrets: Sequence[Secret], header: str = "") -> None:
        """Check the token in *header*."""
        verify_shared_token(request, secrets, header=header)

    def translate(
        self,
        request: Request,
        options: Mapping[str, Any],  # noqa: ARG002  there are none
    ) -> tuple[Message, ...]:
        """Translate one event of payload v2, or of v1, which has no field `event`."""
        body = Fields(request.json())
        return (_v2(body) if body.has("event") else _v1(body),)


def _v2(body: Fields) -> Message:
    event, data = body.object("event"), body.object("data")
    word, key = event.text("type"), event.text("id")
    # For notes, tasks and tags, resource_data may be the note itself. Then data has `incident` too.
    parent = data.optional_object("incident")
    meaning = TABLE.get(word, UNKNOWN)
    if meaning not in STATES:
        return Ignored(meaning, word, (parent.optional_text("id") or "") if parent else "", key, code(word))
    incident = parent or data.object("resource_data")
    missing = "event.timestamp: expected a time"
    return change(meaning, word, key, incident, at=moment(event, "timestamp"), missing=missing)


def _v1(incident: Fields) -> Message:
    word, identifier = incident.text("event_type"), incident.text("id")
    # v1 has no event id. A second event of the same type counts as a redelivery.
    key = f"{identifier}:{word}"
    meaning = TABLE.get(word, UNKNOWN)
    if meaning not in STATES:
        return Ignored(meaning, word, identifier, key, code(word))
    # v1 has no event time either. The timeline has the last time of this action.
    action = word.removeprefix("incident_")
    missing = f"timeline: expected an entry with action {action!r} and a time"
    return change(meaning, word, key, incident, at=_last_time(incident, action), missing=missing)


def change(state: str, word: str, key: str, incident: Fields, *, at: datetime | None, missing: str) -> Change:
    """Build the change of one incident. *at* is the event's time, or None if the message has none.

    *missing* begins the error about a message without a time.
    """
    started_at = moment(incident, "created_at")
    if state == STARTED:
        at = started_at or at
    elif state == UPDATED:
        at = at or started_at
    if at is None:
        raise PayloadError(f"{missing}, got none")
    service, tags = incident.optional_object("service"), _tags(incident)
    return Change.make(
        state=state,
        word=word,
        incident=incident.text("id"),
        at=at,
        occurrence=text_of(started_at) if started_at else None,
        started_at=started_at,
        key=key,
        services=[_service(service)] if service else [],
        environment=tags.get("env"),
        title=incident.optional_text("message"),
        severity=tags.get("severity"),
        url=incident.optional_text("url"),
        priority=incident.optional_text("priority") or tags.get("priority"),
        tags={name: [value] for name, value in tags.items()},
    )


def _service(service: Fields) -> Service:
    identifier, name = service.text("id"), service.optional_text("name")
    aliases = (identifier, name) if name else (identifier,)
    return Service(service.optional_text("slug") or name or identifier, aliases)


def _tags(incident: Fields) -> dict[str, str]:
    """Read the tags: null, or an object that maps a name to `{value, color}`. Empty values are left out."""
    found: dict[str, str] = {}
    tags = incident.optional_object("tags")
    if tags is not None:
        for name in incident.raw("tags"):
            tag = tags.optional_object(name)
            value = tag.optional_text("value") if tag else None
            if value:
                found[name] = value
    return found


def _last_time(incident: Fields, action: str) -> datetime | None:
    entries = [entry for entry in incident.objects("timeline") if entry.raw("action") == action]
    return moment(entries[-1], "time") if entries else None


def moment(fields: Fields, name: str) -> datetime | None:
    # Squadcast writes a time that is not set as 0001-01-01T00:00:00Z.
    moment = fields.optional_time(name)
    return None if moment is None or moment.year == 1 else moment


adapter = Squadcast()
