"""Translate past incidents of PagerDuty and their log entries to the changes that its webhooks send.

Sources: PagerDuty's REST API reference, "List incidents", "List log entries for an incident" and
the schema of log entries. No log entry type means reopening. So a trigger entry after an end is a
reopening, and an end that follows an end shows that a reopening came between them.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from gitdailies_core import RESOLVED, STARTED, Change, Fields, Ignored, IncidentMessage

from gitdailies_pagerduty.changes import change, merge_of

ENTRIES: Mapping[str, str] = {
    "trigger_log_entry": STARTED,
    "resolve_log_entry": RESOLVED,
}
_REOPENING_UNKNOWN = "ended again, and neither the log nor the incident says when it was reopened"


def translate(incident: Fields, entries: Sequence[Fields]) -> Iterator[IncidentMessage]:
    """Yield the starts and ends of one incident, oldest first.

    The first start is `created_at`, as in a webhook. The last reopening is at `reopened_at` if the
    incident has it. Every other reopening is at the time of its log entry.
    """
    reopened_at = incident.optional_time("reopened_at")
    transitions = _without_first_start(sorted(_transitions(entries)))
    last_reopening = max((at for at, state in transitions if state == STARTED), default=None)
    created_at = ended_at = incident.time("created_at")
    started_at: datetime | None = created_at
    yield _change(incident, STARTED, "incident.triggered", created_at, created_at)
    for number, (at, state) in enumerate(transitions):
        if started_at is None:
            if state == STARTED:
                started_at = reopened_at if at == last_reopening and reopened_at else at
            elif reopened_at is not None and ended_at <= reopened_at <= at:
                started_at = reopened_at
            else:
                yield Ignored(_REOPENING_UNKNOWN, "incident.resolved", incident.text("id"))
                continue
            yield _change(incident, STARTED, "incident.reopened", started_at, started_at)
        if state == RESOLVED:
            is_last = number == len(transitions) - 1
            yield _change(incident, RESOLVED, "incident.resolved", at, started_at, is_last=is_last)
            started_at, ended_at = None, at


def _without_first_start(transitions: list[tuple[datetime, str]]) -> list[tuple[datetime, str]]:
    """Leave out the log entry of the first start, because `created_at` replaces it.

    An end in the same second may be sorted before that entry.
    """
    first = next((n for n, (_, state) in enumerate(transitions) if state == STARTED), None)
    if first is None or transitions[first][0] > transitions[0][0]:
        return transitions
    return transitions[:first] + transitions[first + 1 :]


def _transitions(entries: Sequence[Fields]) -> Iterator[tuple[datetime, str]]:
    for entry in entries:
        state = ENTRIES.get(entry.text("type"))
        if state is not None:
            yield entry.time("created_at"), state


def _change(
    incident: Fields, state: str, word: str, at: datetime, started_at: datetime, *, is_last: bool = False
) -> Change:
    # resolve_reason is about the last end only.
    merged, into = merge_of(incident) if is_last else (False, None)
    return change(
        state,
        word,
        "",
        incident,
        started_at=started_at,
        occurred_at=at,
        received=lambda: at,
        merged=merged,
        merged_into=into,
    )
