"""Translate an incident of Datadog's Incident Management, sent with either incident template."""

from collections.abc import Mapping
from typing import Any

from gitdailies_core import (
    STATES,
    Change,
    Fields,
    Ignored,
    IncidentMessage,
    PayloadError,
    Request,
    Service,
    UnreadableBody,
    got,
)
from gitdailies_core.values import strict_json

from gitdailies_datadog.table import NO_INCIDENT, code, meaning, status
from gitdailies_datadog.variables import NO_TIME, Tags, environment, identity, with_template


def incident(body: Fields, options: Mapping[str, Any], request: Request) -> IncidentMessage:
    """Translate templates/incident.json.txt or incident-with-fields.json.txt, filled by Datadog."""
    given = body.optional_text("status") or ""
    word = status(given)
    key, fixed_service = body.optional_text("event_id") or "", body.optional_text("service")
    if key:
        # The documentation does not say whether each webhook and notification has its own $ID.
        key = ":".join(part for part in (key, given.casefold(), fixed_service) if part)
    incident_id = identity(_id(body))
    if not body.is_named("status"):
        raise PayloadError("status: missing; the template needs it")
    state_or_reason = meaning(word, options) if given else NO_INCIDENT
    if state_or_reason not in STATES:
        return Ignored(state_or_reason, given, incident_id, key, code(state_or_reason))
    if not incident_id:
        raise PayloadError("incident_uuid: missing; the template needs it, or org_id and incident_public_id")
    fields = _fields(body.raw("fields"))
    severity, env = body.optional_text("severity"), body.optional_text("env")
    tags = with_template(_tags(fields), severity=severity, env=env)
    listed_services = _names(fields.get("services"), "fields.services")
    names = listed_services or ([fixed_service] if fixed_service else [])
    at = body.optional_time("date_ms")
    return Change(
        state=state_or_reason,
        word=word,
        incident=incident_id,
        # No variable has the time when the incident was declared, only that of the notification.
        at=at or request.received(NO_TIME),
        at_receipt=at is None,
        first_occurrence="first",
        key=key,
        services=[Service(service) for service in names],
        # With one webhook for each service, a start applies to that service only. The status is that
        # of the incident, which is over for all: it may have moved here from another service.
        whole=bool(listed_services) or not fixed_service,
        ends_all=True,
        environment=environment(env, tags),
        title=body.optional_text("title"),
        severity=severity,
        url=body.optional_text("url"),
        tags=tags,
    )


def _id(body: Fields) -> str:
    public, org = body.optional_text("incident_public_id"), body.optional_text("org_id")
    # Public ids are unique only within an organization.
    return body.optional_text("incident_uuid") or (f"{org}-{public}" if org and public else "")


def _fields(value: Any) -> dict[str, Any]:
    """Read $INCIDENT_FIELDS: an object, or its JSON as text if a template has it in quotes."""
    if isinstance(value, str):
        try:
            value = strict_json.loads(value.encode())
        except UnreadableBody:
            raise PayloadError(f"fields: expected an object or its JSON text, got {got(value)}") from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise PayloadError(f"fields: expected an object, got {got(value)}")
    return value


def _names(value: Any, where: str) -> list[str]:
    names = value if isinstance(value, list) else [] if value is None else [value]
    # A name may be a number.
    names = [str(name) if type(name) is int else name for name in names]
    if not all(isinstance(name, str) for name in names):
        raise PayloadError(f"{where}: expected a list of names, got {got(value)}")
    return [name.strip() for name in names if name.strip() not in ("", "null")]


def _tags(fields: Mapping[str, Any]) -> Tags:
    """Return every field that has text, for filters."""
    tags: dict[str, list[str]] = {}
    for name, value in fields.items():
        values = value if isinstance(value, list) else [value]
        texts = [text for text in values if isinstance(text, str) and text]
        if texts:
            tags[name] = texts
    return tags
