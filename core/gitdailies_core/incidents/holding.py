"""Starts that are held for a while: an incident that was over sooner counts nothing. Pure.

A source with `hold` sends a start only if the incident is still open after that time. The incident's own
times decide whether it was over sooner. So its deliveries may come late, and in any order. The end of a
start that was sent is always sent.
"""

from collections.abc import Container, Mapping
from datetime import timedelta
from typing import NamedTuple

from gitdailies_core.events.events import INCIDENT_RESOLVED, INCIDENT_STARTED, Event
from gitdailies_core.incidents.records import Decision
from gitdailies_core.reasons import HOLD, Reason


class Start(NamedTuple):
    """The start of an occurrence: its incident, and the id of its event."""

    incident: str
    id: str


class HoldDecision(NamedTuple):
    """What becomes of the events of a decision.

    events     those to store, in order
    held       starts among them that wait until the hold is over
    discarded  starts, stored before or among `events`, that are never sent, each with the reason
    released   starts stored before that need not wait any longer
    reason     the decision's own reason, or what a start waits for, or why it is not sent
    """

    events: tuple[Event, ...]
    held: tuple[Start, ...]
    discarded: Mapping[Start, str]
    released: tuple[Start, ...]
    reason: Reason | None


def hold_starts(source: str, decision: Decision, hold: timedelta, waiting: Container[str]) -> HoldDecision:
    """Say what becomes of the events of *decision* at a source with a *hold* of more than nothing.

    *waiting* are the ids of starts that were stored before, and are still held.
    """
    by_id = {str(event.id): event for event in decision.events}
    left_out: set[str] = set()
    discarded: dict[Start, str] = {}
    released: list[Start] = []
    to_hold = [
        Start(str(event.get("incidentId")), id_)
        for id_, event in by_id.items()
        if event.kind == INCIDENT_STARTED
    ]
    for record in decision.records:
        if record.is_note or record.started_at is None or record.ended_at is None:
            continue
        starts = record.event_ids(INCIDENT_STARTED, source)
        began = next((id_ for id_ in starts if id_ in by_id or id_ in waiting), None)
        end = next((id_ for id_ in record.event_ids(INCIDENT_RESOLVED, source) if id_ in by_id), None)
        if end is None or began is None:
            continue  # it did not end now, or its start was sent
        start = Start(record.incident, began)
        if start.id in by_id:
            to_hold.remove(start)
        lasted = record.ended_at - record.started_at
        if lasted < hold:
            left_out.add(end)
            discarded[start] = f"it was over after {shown(lasted)}, before the hold of {shown(hold)}"
        elif start.id not in by_id:
            released.append(start)
    events = tuple(event for id_, event in by_id.items() if id_ not in left_out)
    texts = list(dict.fromkeys(discarded.values()))
    if to_hold:
        texts.append(f"the start is sent if the incident is still open after {shown(hold)}")
    reason = Reason(HOLD, f"held: {'; '.join(texts)}") if texts else decision.reason
    return HoldDecision(events, tuple(to_hold), discarded, tuple(released), reason)


def shown(time: timedelta) -> str:
    """Return a time as people write it: `7m`, `90s`, `1h`."""
    seconds = int(time.total_seconds())
    for unit, length in (("h", 3600), ("m", 60)):
        if seconds and seconds % length == 0:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"
