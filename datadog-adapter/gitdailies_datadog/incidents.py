"""An incident of Datadog's Incident Management, by either of the incident templates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gitdailies_core.error_text import got
from gitdailies_core.errors import PayloadError, UnreadableBody
from gitdailies_core.sources.fields import Fields
from gitdailies_core.sources.protocol import STATES, Change, Ignored, Message, Service
from gitdailies_core.values import strict_json

from gitdailies_datadog.table import NO_INCIDENT, code, meaning, status
from gitdailies_datadog.variables import Tags, environment, identity, with_template


def incident(body: Fields, options: Mapping[str, Any]) -> Message:
    """Read templates/incident.json.txt or incident-with-fields.json.txt as Datadog filled it."""
    given = body.optional_text("status") or ""
    word = status(given)
    key, fixed = body.optional_text("event_id") or "", body.optional_text("service")
    if key:
        # Whether each webhook and each notification has an $ID of its own is documented nowhere.
        key = ":".join(part for part in (key, given.casefold(), fixed) if part)
    name = identity(_name(body))
    found = meaning(word, options) if given else NO_INCIDENT
    if found not in STATES:
        return Ignored(found, given, name, key, code(found))
    if not name:
        raise PayloadError("incident_uuid: expected it, or org_id and incident_public_id, got neither")
    fields = _fields(body.raw("fields"))
    severity, env = body.optional_text("severity"), body.optional_text("env")
    tags = with_template(_tags(fields), severity=severity, env=env)
    listed = _names(fields.get("services"), "fields.services")
    names = listed or ([fixed] if fixed else [])
    return Change.make(
        state=found,
        word=word,
        incident=name,
        # No variable tells when the incident was declared: each notification has its own moment.
        at=body.epoch("date_ms"),
        first_period="first",
        key=key,
        services=[Service(service) for service in names],
        # One webhook a service: it speaks for that service alone.
        whole=bool(listed) or not fixed,
        environment=environment(env, tags),
        title=body.optional_text("title"),
        severity=severity,
        url=body.optional_text("url"),
        tags=tags,
    )


def _name(body: Fields) -> str:
    public, org = body.optional_text("incident_public_id"), body.optional_text("org_id")
    # Public ids are counted in each organization.
    return body.optional_text("incident_uuid") or (f"{org}-{public}" if org and public else "")


def _fields(value: Any) -> dict[str, Any]:
    """Read $INCIDENT_FIELDS: an object, or the text of one where a template put it in quotes."""
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
    names = [value] if isinstance(value, str) else value
    if names is None:
        return []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise PayloadError(f"{where}: expected a list of names, got {got(value)}")
    return [name.strip() for name in names if name.strip() not in ("", "null")]


def _tags(fields: Mapping[str, Any]) -> Tags:
    """Every field that holds text, for filters."""
    tags: dict[str, list[str]] = {}
    for name, value in fields.items():
        values = value if isinstance(value, list) else [value]
        texts = [text for text in values if isinstance(text, str) and text]
        if texts:
            tags[name] = texts
    return tags
