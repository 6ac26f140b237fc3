"""PagerDuty's incidents and their log entries of the past, as the changes that its webhooks tell.

Sources: PagerDuty's REST API reference, "List incidents", "List log entries for an incident" and
the schema of log entries. No list of log entry types has a word for reopening: an entry that
starts an incident which had ended is one, and so is an end without a start since the end before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

from gitdailies_core.sources.fields import Fields
from gitdailies_core.sources.protocol import RESOLVED, STARTED, Change, Ignored, Message, Service
from gitdailies_core.values.times import text_of

ENTRIES: Mapping[str, str] = MappingProxyType(
    {
        "trigger_log_entry": STARTED,
        "resolve_log_entry": RESOLVED,
    }
)
_UNTOLD = "ended again, and neither the log nor the incident tells when it was reopened"


def translate(incident: Fields, entries: Sequence[Fields]) -> Iterator[Message]:
    """Tell the starts and ends of one incident, oldest first.

    Its first start is `created_at`, as in a webhook. The last reopening is at `reopened_at`, where
    the incident tells it; every other at the time of its entry.
    """
    reopened_at = incident.optional_time("reopened_at")
    told = _since_the_first(sorted(_told(entries)))
    last_reopening = max((at for at, state in told if state == STARTED), default=None)
    created_at = ended_at = incident.time("created_at")
    started_at: datetime | None = created_at
    yield _change(incident, STARTED, "incident.triggered", created_at, created_at)
    for number, (at, state) in enumerate(told):
        if started_at is None:
            if state == STARTED:
                started_at = reopened_at if at == last_reopening and reopened_at else at
            elif reopened_at is not None and ended_at <= reopened_at <= at:
                started_at = reopened_at
            else:
                yield Ignored(_UNTOLD, "incident.resolved", incident.text("id"))
                continue
            yield _change(incident, STARTED, "incident.reopened", started_at, started_at)
        if state == RESOLVED:
            # What the incident says of merging is true of its last end.
            merge = _merge(incident) if number == len(told) - 1 else None
            yield _change(incident, RESOLVED, "incident.resolved", at, started_at, merge)
            started_at, ended_at = None, at


def _since_the_first(told: list[tuple[datetime, str]]) -> list[tuple[datetime, str]]:
    """Leave out the entry of the first start, which `created_at` tells, also where an end has its second."""
    first = next((n for n, (_, state) in enumerate(told) if state == STARTED), None)
    if first is None or told[first][0] > told[0][0]:
        return told
    return told[:first] + told[first + 1 :]


def _told(entries: Sequence[Fields]) -> Iterator[tuple[datetime, str]]:
    for entry in entries:
        state = ENTRIES.get(entry.text("type"))
        if state is not None:
            yield entry.time("created_at"), state


def _merge(incident: Fields) -> Fields | None:
    reason = incident.optional_object("resolve_reason")
    return reason if reason is not None and reason.optional_text("type") == "merge_resolve_reason" else None


def _change(
    incident: Fields,
    state: str,
    word: str,
    at: datetime,
    started_at: datetime,
    merge: Fields | None = None,
) -> Change:
    service, priority = incident.optional_object("service"), incident.optional_object("priority")
    into = merge.optional_object("incident") if merge else None
    more: dict[str, Any] = {"merged_into": into.optional_text("id")} if into else {}
    return Change.make(
        state=state,
        word=word,
        incident=incident.text("id"),
        at=at,
        period=text_of(started_at),
        started_at=started_at,
        services=[_service(service)] if service else [],
        merged=merge is not None,
        title=incident.optional_text("title"),
        url=incident.optional_text("html_url"),
        urgency=incident.optional_text("urgency"),
        priority=priority.optional_text("summary") if priority else None,
        **more,
    )


def _service(service: Fields) -> Service:
    identifier = service.text("id")
    return Service(service.optional_text("summary") or identifier, (identifier,))
