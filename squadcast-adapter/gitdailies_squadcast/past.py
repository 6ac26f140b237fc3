"""Squadcast's incidents of the past, as the changes that its webhooks tell.

An incident is put as one that a webhook carries, and read by what reads those; so ids cannot differ.
Sources: Squadcast's API reference, "Incident Export", "Get Incident by ID" and "Get All Services".
What a row of the export holds is in no schema of theirs, and is known from an answer that others recorded.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from gitdailies_core.sources.fields import Fields
from gitdailies_core.sources.protocol import RESOLVED, STARTED, Ignored, Message

from gitdailies_squadcast.adapter import change, moment

# Nobody was told of it, and no webhook.
_SUPPRESSED = "suppressed"


def translate(row: Fields, whole: Fields, service: Fields | None) -> Iterator[Message]:
    """Tell start and ends of one incident, by its row and all of it; the first end counts, as live.

    *service* is its own in the list of services, None where it is there no longer.
    """
    if whole.optional_text("status") == _SUPPRESSED:
        yield Ignored("suppressed, so that no webhook told of it", incident=row.text("id"))
        return
    incident = Fields(
        {
            "id": row.text("id"),
            "url": row.raw("url"),
            "created_at": row.raw("created_at"),
            "message": whole.raw("message"),
            "tags": whole.raw("tags"),
            "priority": whole.raw("priority") if whole.raw("has_priority") is not False else None,
            "service": _named(service) if service else _gone(row, whole),
        },
        "incident",
    )
    missing = "created_at: expected a time"
    yield change(STARTED, "incident.triggered", "", incident, at=None, missing=missing)
    for at in _ends(row, whole):
        yield change(RESOLVED, "incident.resolved", "", incident, at=at, missing=missing)


def _named(service: Fields) -> dict[str, Any]:
    return {name: service.raw(name) for name in ("id", "name", "slug")}


def _gone(row: Fields, whole: Fields) -> dict[str, Any]:
    return {"id": whole.raw("service_id"), "name": row.raw("service")}


def _ends(row: Fields, whole: Fields) -> list[datetime]:
    entries = [entry for entry in whole.objects("logs") if entry.raw("action") == "resolved"]
    last = moment(row, "resolved_at")
    return sorted(at for entry in entries if (at := moment(entry, "time"))) or ([last] if last else [])
