"""Datadog's incidents and its monitors' events of the past, as the webhooks that its users' templates make.

A record is put as the filled template, and read by what reads those; so ids cannot differ where the
record has what the template had. Sources: Datadog's API reference, "Search for incidents" and "Get a
list of events". Two fields are in no schema of theirs, and known from answers that others recorded:
an incident's `field_analytics.state`, and an event's `monitor.alert_cycle_key_txt`, with its `transition`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from gitdailies_core.sources.fields import Fields
from gitdailies_core.sources.protocol import Ignored, Message

from gitdailies_datadog.incidents import incident
from gitdailies_datadog.monitors import monitor
from gitdailies_datadog.table import TEST
from gitdailies_datadog.title import Title
from gitdailies_datadog.variables import filled

# `transition_type` of an event, as $ALERT_TRANSITION has it; most titles say it, too.
TRANSITIONS: Mapping[str, str] = MappingProxyType(
    {
        "alert": "Triggered",
        "alert recovery": "Recovered",
        "warning": "Warn",
        "warning recovery": "Warn Recovered",
        "no data": "No Data",
        "no data recovery": "No Data Recovered",
        "renotify": "Renotify",
    }
)
# The states that `resolved` is the time of.
_OVER = ("resolved", "completed")
_UNTOLD = "an incident that is stable, of which the listing does not tell since when"


def of_incident(
    row: Fields, given: Mapping[str, str], site: str, options: Mapping[str, Any]
) -> Iterator[Message]:
    """Tell an incident's changes of state; *given* is what its template has fixed: service, env."""
    attributes = row.object("attributes")
    if attributes.raw("is_test") is True:
        yield Ignored(TEST, incident=row.text("id"))
        return
    public_id, fields = attributes.raw("public_id"), attributes.optional_object("fields")
    values = {}
    if fields:
        for name in attributes.raw("fields"):
            field = fields.optional_object(name)
            values[name] = field.raw("value") if field else None
    for at, state in _states(attributes):
        if at is None:
            yield Ignored(_UNTOLD, state, row.text("id"))
            continue
        body = {
            "incident_uuid": row.text("id"),
            "status": state,
            "severity": attributes.raw("severity"),
            "title": attributes.raw("title"),
            "url": f"https://{site}/incidents/{public_id}" if public_id else None,
            "date_ms": _milliseconds(at),
            # What has changed since is told as it is now; the state is that of the moment.
            "fields": {**values, "state": state},
        }
        yield incident(filled({**body, **given}), options)


def _states(attributes: Fields) -> list[tuple[datetime | None, str]]:
    """Return each state and its beginning; where the listing has only the last of them, that one."""
    created_at = attributes.time("created")
    analytics = attributes.optional_object("field_analytics")
    states = analytics.optional_object("state") if analytics else None
    spans = []
    if analytics and states:
        for state in analytics.raw("state"):
            spans += [(span.epoch("start"), state) for span in states.object(state).objects("spans")]
    if spans:
        # The first one began with the incident.
        (_, first), *later = sorted(spans)
        return [(created_at, first), *later]
    state = (attributes.optional_text("state") or "").casefold()
    ended = [(attributes.optional_time("resolved") if state in _OVER else None, state)]
    return [(created_at, "active"), *(ended if state not in ("", "active") else [])]


def of_event(
    row: Fields, given: Mapping[str, str], site: str, options: Mapping[str, Any]
) -> Iterator[Message]:
    """Tell what a monitor's event says; *given* is what its template has fixed: service, env."""
    outer = row.object("attributes")
    event = outer.object("attributes")
    about = event.optional_object("monitor") or Fields({}, "monitor")
    change = about.optional_object("transition")
    title = event.optional_text("title") or ""
    word = Title.read(title).word
    if not word and change:
        word = TRANSITIONS.get(change.optional_text("transition_type") or "", "")
    identity = event.optional_object("evt")
    number = identity.raw("id") if identity else None
    priority = about.raw("priority")
    body = {
        "event_id": number,
        "transition": word,
        "cycle_key": about.raw("alert_cycle_key_txt"),
        "aggreg_key": event.raw("aggregation_key"),
        "monitor_id": about.raw("id") or event.raw("monitor_id"),
        "scope": ",".join(_texts(event.raw("monitor_groups"))),
        "priority": f"P{priority}" if priority else None,
        "title": title,
        "link": f"https://{site}/event/jump_to?event_id={number}" if number else None,
        "date_ms": _milliseconds(happened_at(row)),
        "tags": ",".join(_texts(outer.raw("tags"))),
    }
    yield monitor(filled({**body, **given}), options)


def happened_at(row: Fields) -> datetime:
    """Return the time of an event, in milliseconds as $DATE has it."""
    return row.object("attributes").object("attributes").epoch("timestamp")


def _texts(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)
