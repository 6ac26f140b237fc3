"""Squadcast's outgoing webhooks (now SolarWinds Incident Response), payloads v2 and v1.

Squadcast signs nothing: the proof is a token in an additional header. Source: Squadcast's
developer documentation, "Outgoing webhooks".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

from gitdailies_core.errors import PayloadError
from gitdailies_core.sources.fields import Fields
from gitdailies_core.sources.protocol import (
    STARTED,
    STATES,
    UPDATED,
    Change,
    Ignored,
    Message,
    Option,
    Service,
)
from gitdailies_core.sources.request import Request
from gitdailies_core.sources.signatures import verify_shared_token
from gitdailies_core.values.secret import Secret
from gitdailies_core.values.times import text_of

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
        """Read one event of payload v2, or of v1, which has no `event`."""
        body = Fields(request.json())
        return (_v2(body) if body.has("event") else _v1(body),)


def _v2(body: Fields) -> Message:
    event, data = body.object("event"), body.object("data")
    word, key = event.text("type"), event.text("id")
    # Notes, tasks and tags may carry an id of their own in resource_data; then this is there.
    around = data.optional_object("incident")
    meaning = TABLE.get(word, UNKNOWN)
    if meaning not in STATES:
        return Ignored(meaning, word, (around.optional_text("id") or "") if around else "", key, code(word))
    incident = around or data.object("resource_data")
    missing = "event.timestamp: expected a time"
    return change(meaning, word, key, incident, at=moment(event, "timestamp"), missing=missing)


def _v1(incident: Fields) -> Message:
    word, identifier = incident.text("event_type"), incident.text("id")
    # There is no event id: a second event of one type is taken for a repeat.
    key = f"{identifier}:{word}"
    meaning = TABLE.get(word, UNKNOWN)
    if meaning not in STATES:
        return Ignored(meaning, word, identifier, key, code(word))
    # Nor is there an event time: the timeline tells when the incident last came to this.
    action = word.removeprefix("incident_")
    missing = f"timeline: expected an entry with action {action!r} and a time"
    return change(meaning, word, key, incident, at=_last(incident, action), missing=missing)


def change(state: str, word: str, key: str, incident: Fields, *, at: datetime | None, missing: str) -> Change:
    """Read the incident of a message that tells *at*, or not; *missing* says where it should."""
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
        period=text_of(started_at) if started_at else None,
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
    """Read the tags: null, or an object of name to `{value, color}`; empty values are left out."""
    found: dict[str, str] = {}
    tags = incident.optional_object("tags")
    if tags is not None:
        for name in incident.raw("tags"):
            tag = tags.optional_object(name)
            value = tag.optional_text("value") if tag else None
            if value:
                found[name] = value
    return found


def _last(incident: Fields, action: str) -> datetime | None:
    entries = [entry for entry in incident.objects("timeline") if entry.raw("action") == action]
    return moment(entries[-1], "time") if entries else None


def moment(fields: Fields, name: str) -> datetime | None:
    # 0001-01-01T00:00:00Z is how Squadcast writes a time that was not set.
    moment = fields.optional_time(name)
    return None if moment is None or moment.year == 1 else moment


adapter = Squadcast()
