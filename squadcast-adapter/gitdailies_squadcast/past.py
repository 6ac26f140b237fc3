"""Translate past incidents of Squadcast to the changes that its webhooks send.

An incident gets the shape of a webhook's incident, and is translated like it. So the ids are
the same. Sources: Squadcast's API reference, "Incident Export", "Get Incident by ID" and "Get All
Services". No schema describes a row of the export; its fields are known from a recorded answer.
"""

from collections.abc import Iterator
from datetime import datetime

from gitdailies_core import RESOLVED, STARTED, Fields, Ignored, IncidentMessage, PayloadError

from gitdailies_squadcast.changes import change, moment

# Squadcast notifies no one and sends no webhook about such an incident.
_SUPPRESSED = "suppressed"


def translate(row: Fields, whole: Fields, service: Fields | None) -> Iterator[IncidentMessage]:
    """Yield the start and the ends of one incident. The first end counts, as it does live.

    *row* is the incident in the export, *whole* the incident itself. *service* is its entry in the
    list of services, or None if the service was deleted.
    """
    if whole.optional_text("status") == _SUPPRESSED:
        yield Ignored("suppressed, so no webhook was sent", incident=row.text("id"))
        return
    if service:
        told = {name: service.raw(name) for name in ("id", "name", "slug")}
    else:
        told = {"id": whole.raw("service_id"), "name": row.raw("service")}
    incident = Fields(
        {
            "id": row.text("id"),
            "url": row.raw("url"),
            "created_at": row.raw("created_at"),
            "message": whole.raw("message"),
            "tags": whole.raw("tags"),
            "priority": whole.raw("priority") if whole.raw("has_priority") is not False else None,
            "service": told,
        },
        "incident",
    )
    yield change(STARTED, "incident.triggered", "", incident, at=None, received=_missing)
    for at in _ends(row, whole):
        yield change(RESOLVED, "incident.resolved", "", incident, at=at, received=_missing)


def _missing() -> datetime:
    raise PayloadError("created_at: expected a time, got none")


def _ends(row: Fields, whole: Fields) -> list[datetime]:
    entries = [entry for entry in whole.objects("logs") if entry.raw("action") == "resolved"]
    last = moment(row, "resolved_at")
    return sorted(at for entry in entries if (at := moment(entry, "time"))) or ([last] if last else [])
