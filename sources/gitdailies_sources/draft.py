"""Draft a mapping from one delivery: which fields look like a state, an id, times, a title, a service.

A draft is for a person to correct. It never counts by itself: every word that the delivery does not
hold is missing from its table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gitdailies_core.values import times

from gitdailies_sources.language.nothing import as_text

_DEEPEST = 6
_MOST = 2000
# The names of fields by what they usually hold, the best first.
_STATE = ("event_type", "eventtype", "event", "action", "status", "state", "type", "kind", "phase", "what")
_ID = (
    "incident_id",
    "incidentid",
    "alert_id",
    "alertid",
    "incident",
    "id",
    "fingerprint",
    "number",
    "key",
    "no",
    "uuid",
    "guid",
    "slug",
)
# What names a delivery, rather than an incident.
_DELIVERY = ("event_id", "eventid", "delivery_id", "deliveryid", "message_id", "messageid", "notification_id")
_STARTED: Sequence[str] = (
    "started_at",
    "startedat",
    "startsat",
    "created_at",
    "createdat",
    "opened_at",
    "triggered_at",
    "opened",
    "started",
    "created",
)
_RESOLVED: Sequence[str] = (
    "resolved_at",
    "resolvedat",
    "endsat",
    "ended_at",
    "closed_at",
    "closedat",
    "resolved_on",
    "closed",
    "resolved",
    "ended",
)
_UPDATED = (
    "updated_at",
    "updatedat",
    "occurred_at",
    "timestamp",
    "time",
    "when",
    "at",
    "date",
    "sent_at",
    "now",
)
_TITLE = ("title", "summary", "name", "subject", "message", "description", "text")
_SERVICE = (
    "service",
    "service_name",
    "component",
    "application",
    "app",
    "system",
    "systems",
    "project",
    "team",
    "slug",
    "check",
    "monitor",
    "host",
)
_PARTS: Sequence[tuple[str, Sequence[str]]] = (
    ("title", _TITLE),
    ("service", _SERVICE),
    ("environment", ("environment", "env", "stage")),
    ("severity", ("severity", "priority", "urgency", "level")),
    ("url", ("html_url", "permalink", "web_url", "link", "url", "href")),
)
_LISTS = ("alerts", "incidents", "events", "messages", "items")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_START = re.compile(r"open|trigger|fir|creat|start|down|alarm|problem|critical|new", re.IGNORECASE)
_END = re.compile(r"resol|clos|done|recover|end|^up$|^ok$", re.IGNORECASE)


def mapping(body: Any) -> Iterator[str]:
    """Yield the lines of a mapping for gitdailies.yml, below `mapping:`, as a person may go on from."""
    each, element = _element(body)
    leaves = list(_leaves(element, "", 0))[:_MOST]
    yield 'proof: {token: {header: X-Relay-Token}}   # what the tool sends: "Proofs" in docs/sources.md'
    if each:
        yield f"each: {each}"
    delivery = _best(leaves, _DELIVERY, _is_id)
    if delivery:
        yield f"key: {_quoted(delivery)}"
    state = _best(leaves, _STATE, lambda value: isinstance(value, str) and not _is_time(value))
    word = as_text(_value(leaves, state)) if state else None
    yield f"state: {_quoted(state or 'event')}" + ("" if state else "   # no field looks like one: name it")
    yield f"states: {{{_quoted(word or 'opened')}: {_meaning(word)}}}   # add every word of the tool"
    title = _best(leaves, _TITLE, lambda value: as_text(value) is not None) or ""
    # An envelope may have an id of its own; the incident's is beside its title.
    beside = [leaf for leaf in leaves if leaf[0].rpartition(".")[0] == title.rpartition(".")[0]]
    incident = _best(beside, _ID, _is_id) or _best(leaves, _ID, _is_id)
    yield f"incident: {_quoted(incident or 'id')}" + (
        "" if incident else "   # no field looks like one: name it"
    )
    # The time of the message, where nothing says when it started or ended.
    sent = _best(leaves, _UPDATED, _is_time) or next(
        (path for path, _, value in leaves if _is_dated(value)), None
    )
    started = _best(leaves, _STARTED, _is_time) or sent
    ended = _best(leaves, _RESOLVED, _is_time) or sent
    local = _best(leaves, (*_STARTED, *_UPDATED), _is_local_time)
    if local and not started and not ended:
        yield f"started_at: {_local(local)}   # name the form and the zone"
        yield f"resolved_at: {_local(_best(leaves, _RESOLVED, lambda _value: True) or local)}"
    else:
        yield f"started_at: {_time(started)}"
        yield f"resolved_at: {_time(ended)}"
    for name, names in _PARTS:
        found = _best(leaves, names, lambda value: as_text(value) is not None or isinstance(value, list))
        if found:
            yield f"{name}: {_quoted(found)}"


def _element(body: Any) -> tuple[str, Any]:
    """Return the path of a list of messages and its first element; no path if the body is one message."""
    if isinstance(body, list):
        return ("body", body[0]) if body else ("body", {})
    if isinstance(body, Mapping):
        for name in _LISTS:
            inner = body.get(name)
            if isinstance(inner, list) and inner and isinstance(inner[0], Mapping):
                return name, inner[0]
    return "", body


def _leaves(value: Any, path: str, depth: int) -> Iterator[tuple[str, str, Any]]:
    """Yield path, name and value of every field, outer ones first."""
    if not isinstance(value, Mapping) or depth > _DEEPEST:
        return
    inner: list[tuple[str, Any]] = []
    for name, one in value.items():
        step = name if _PLAIN.fullmatch(name) else f'"{name}"'
        here = f"{path}.{step}" if path else step
        if isinstance(one, Mapping):
            inner.append((here, one))
        elif isinstance(one, list) and one and isinstance(one[0], Mapping) and "name" in one[0]:
            yield f"{here}[*].name", name.rstrip("s"), [item.get("name") for item in one]
        else:
            yield here, name, one
    for here, one in inner:
        # A service is often an object with a name.
        if as_text(one.get("name")) is not None:
            yield f"{here}.name", here.rpartition(".")[2], one["name"]
        yield from _leaves(one, here, depth + 1)


def _best(leaves: Sequence[tuple[str, str, Any]], names: Sequence[str], fits: Any) -> str | None:
    for name in names:
        for path, own, value in leaves:
            if own.lower() == name and fits(value):
                return path
    return None


def _value(leaves: Sequence[tuple[str, str, Any]], path: str) -> Any:
    return next((value for own, _name, value in leaves if own == path), None)


def _is_time(value: Any) -> bool:
    try:
        times.read(value, "")
    except ValueError:
        return False
    return True


def _is_dated(value: Any) -> bool:
    """Whether a text of any name is a time: a number may be anything."""
    return isinstance(value, str) and not value.isdigit() and _is_time(value)


def _is_id(value: Any) -> bool:
    return as_text(value) is not None


def _is_local_time(value: Any) -> bool:
    """Whether a text looks like a time without a zone."""
    return isinstance(value, str) and bool(re.fullmatch(r"[0-9./T -]{6,12}[0-9:.,]{4,16}", value.strip()))


def _local(path: str) -> str:
    return f'{{path: {_quoted(path)}, format: "%d.%m.%Y %H:%M:%S", zone: Europe/Berlin}}'


def _meaning(word: str | None) -> str:
    if word and _END.search(word):
        return "resolved"
    return (
        "started" if not word or _START.search(word) else '"say what it means: started, resolved, or why not"'
    )


def _time(path: str | None) -> str:
    return f"{{first_of: [{_quoted(path)}, received]}}" if path else "received   # no field looks like a time"


def _quoted(text: str) -> str:
    plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.\-]*", text)
    return (
        text
        if plain and text.lower() not in ("true", "false", "null", "no", "yes", "on", "off")
        else f'"{_escaped(text)}"'
    )


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
