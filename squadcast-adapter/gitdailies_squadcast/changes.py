"""Build the change of one incident of Squadcast, and read its timeline."""

from collections.abc import Callable
from datetime import datetime

from gitdailies_core import STARTED, UPDATED, Change, Fields, Service, text_of

# What the timeline calls a start. The documentation names the first; a reopening may be either.
_STARTS = ("triggered", "reopened")


def change(
    state: str,
    word: str,
    key: str,
    incident: Fields,
    *,
    at: datetime | None,
    received: Callable[[], datetime],
    again_at: datetime | None = None,
) -> Change:
    """Build the change of one incident. *at* is the event's time, or None if the message has none.

    Then *received* returns the time of receipt, or raises PayloadError. `created_at` is always the
    first start, so an incident that was reopened starts when its timeline says so. *again_at* is
    when it may have started again where the timeline does not say it.
    """
    created_at, again = moment(incident, "created_at"), reopened_at(incident)
    started_at = again or created_at
    if state == STARTED:
        at = started_at or at
    elif state == UPDATED:
        at = at or started_at
    service, tags = incident.optional_object("service"), _tags(incident)
    return Change(
        state=state,
        word=word,
        incident=incident.text("id"),
        at=at or received(),
        at_receipt=at is None,
        # Only created_at names an occurrence. The time of a reopening may differ by moments in v1 and v2.
        occurrence=text_of(created_at) if created_at and not again else None,
        started_at=started_at,
        again_at=again_at if again_at and created_at and not again and again_at > created_at else None,
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


def last_time(incident: Fields, action: str) -> datetime | None:
    entries = [entry for entry in incident.objects("timeline") if entry.raw("action") == action]
    return moment(entries[-1], "time") if entries else None


def reopened_at(incident: Fields) -> datetime | None:
    """Return when the timeline has the last start after an end, or None."""
    found, is_over = None, False
    timeline = incident.raw("timeline")
    for entry in timeline if isinstance(timeline, list) else ():
        action = entry.get("action") if isinstance(entry, dict) else None
        if action == "resolved":
            is_over = True
        elif action in _STARTS and is_over:
            found, is_over = moment(Fields(entry, "timeline"), "time"), False
    return found


def moment(fields: Fields, name: str) -> datetime | None:
    # Squadcast writes a time that is not set as 0001-01-01T00:00:00Z.
    moment = fields.optional_time(name)
    return None if moment is None or moment.year == 1 else moment
