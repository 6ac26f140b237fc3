"""Build the change of one incident of PagerDuty, as its webhooks show it."""

from collections.abc import Callable
from datetime import datetime

from gitdailies_core import STARTED, Change, Fields, Service, text_of


def change(
    state: str,
    word: str,
    key: str,
    incident: Fields,
    *,
    started_at: datetime | None,
    occurred_at: datetime | None,
    received: Callable[[], datetime],
    merged: bool,
    merged_into: str | None = None,
) -> Change:
    """Build the change. *received* returns the time of receipt, for a message without one."""
    service, priority = incident.optional_object("service"), incident.optional_object("priority")
    # There is no resolved_at, so the end is the time of the event.
    at = (started_at or occurred_at) if state == STARTED else occurred_at
    return Change(
        state=state,
        word=word,
        incident=incident.text("id"),
        at=at or received(),
        at_receipt=at is None,
        occurrence=text_of(started_at) if started_at else None,
        started_at=started_at,
        key=key,
        services=[_service_of(service)] if service else [],
        merged=merged,
        merged_into=merged_into,
        title=incident.optional_text("title"),
        url=incident.optional_text("html_url"),
        urgency=incident.optional_text("urgency"),
        # The name, such as P1, is in summary. There is no field for it.
        priority=priority.optional_text("summary") if priority else None,
    )


def merge_of(incident: Fields) -> tuple[bool, str | None]:
    """Return whether an incident ended by a merge, and into which one, as V3 and the REST API say it."""
    reason = incident.optional_object("resolve_reason")
    merged = reason is not None and reason.optional_text("type") == "merge_resolve_reason"
    target = reason.optional_object("incident") if merged and reason else None
    return merged, target.optional_text("id") if target else None


def _service_of(service: Fields) -> Service:
    """Return the service of an incident, to be routed by its id or its name."""
    # A reference (V3) has the name in summary. A whole service (V2) has both fields.
    identifier = service.text("id")
    return Service(service.optional_text("summary") or identifier, (identifier,))
