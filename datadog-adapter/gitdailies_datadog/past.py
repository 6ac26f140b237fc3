"""Translate past incidents and monitor events of Datadog to the changes that its webhooks send.

A record gets the shape of a filled template, and the same functions translate it. So the ids are
the same if the record has every field of the template. Sources: Datadog's API reference, "Search
for incidents" and "Get a list of events". Two fields are not in Datadog's schemas and are known
from recorded answers: `field_analytics.state` of an incident, and `monitor.alert_cycle_key_txt`
of an event, with its `transition`.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from gitdailies_core import Fields, Ignored, IncidentMessage, Request

from gitdailies_datadog.incidents import incident
from gitdailies_datadog.monitors import monitor
from gitdailies_datadog.table import TEST
from gitdailies_datadog.title import Title
from gitdailies_datadog.variables import filled

# `transition_type` of an event, and the same as $ALERT_TRANSITION. Most titles have it too.
TRANSITIONS: Mapping[str, str] = {
    "alert": "Triggered",
    "alert recovery": "Recovered",
    "warning": "Warn",
    "warning recovery": "Warn Recovered",
    "no data": "No Data",
    "no data recovery": "No Data Recovered",
    "renotify": "Renotify",
}
# What an API answers has no time of receipt.
_NO_REQUEST = Request.make(headers={}, body=b"")
# The states whose time is in `resolved`.
_OVER = ("resolved", "completed")
_STABLE_TIME_UNKNOWN = "the incident is stable, and the listing does not say since when"


def of_incident(
    row: Fields, given: Mapping[str, str], site: str, options: Mapping[str, Any]
) -> Iterator[IncidentMessage]:
    """Yield an incident's changes of state. *given* are the fixed values of its template: service, env."""
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
            yield Ignored(_STABLE_TIME_UNKNOWN, state, row.text("id"))
            continue
        body = {
            "incident_uuid": row.text("id"),
            "status": state,
            "severity": attributes.raw("severity"),
            "title": attributes.raw("title"),
            "url": f"https://{site}/incidents/{public_id}" if public_id else None,
            "date_ms": _milliseconds(at),
            # The other fields have their present values. The state is the one at this time.
            "fields": {**values, "state": state},
        }
        yield incident(filled({**body, **given}), options, _NO_REQUEST)


def _states(attributes: Fields) -> list[tuple[datetime | None, str]]:
    """Return each state with its start time. The listing may have only the last state."""
    created_at = attributes.time("created")
    analytics = attributes.optional_object("field_analytics")
    states = analytics.optional_object("state") if analytics else None
    spans = []
    if analytics and states:
        for state in analytics.raw("state"):
            spans += [(span.time("start"), state) for span in states.object(state).objects("spans")]
    if spans:
        # The first state began with the incident.
        (_, first), *later = sorted(spans)
        return [(created_at, first), *later]
    state = (attributes.optional_text("state") or "").casefold()
    ended = [(attributes.optional_time("resolved") if state in _OVER else None, state)]
    return [(created_at, "active"), *(ended if state not in ("", "active") else [])]


def of_event(
    row: Fields, given: Mapping[str, str], site: str, options: Mapping[str, Any]
) -> Iterator[IncidentMessage]:
    """Yield the message of a monitor's event. *given* are the fixed values of its template: service, env."""
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
    yield monitor(filled({**body, **given}), options, _NO_REQUEST)


def happened_at(row: Fields) -> datetime:
    """Return the time of an event. Its milliseconds are those of $DATE."""
    return row.object("attributes").object("attributes").time("timestamp")


def _texts(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)
