"""Collects a decision: the events, records and reasons so far."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from gitdailies_core.events.events import INCIDENT_STARTED, Event
from gitdailies_core.incidents.records import CLOSED, MERGED, Decision, Key, Occurrence, Records
from gitdailies_core.reasons import Reason
from gitdailies_core.sources.protocol import Change


@dataclass
class Draft:
    """Collects what one change causes; a record that is `changed` is known from then on."""

    source: str
    change: Change
    stored: Records
    refusal: Reason | None = None
    events: list[Event] = field(default_factory=list)
    changed: dict[Key, Occurrence] = field(default_factory=dict)
    reasons: list[Reason] = field(default_factory=list)

    def known(self, incident: str) -> list[Occurrence]:
        """Return the incident's records in order of their start (or end, where that is all they have)."""
        stored = self.stored.occurrences(incident)
        if not stored and not self.changed:
            return []  # as before nearly every start
        known = {record.key: record for record in stored}
        known.update({key: record for key, record in self.changed.items() if key[0] == incident})
        return sorted(known.values(), key=lambda r: (r.started_at or r.ended_at or self.change.at, r.name))

    def waiting(self, incident: str) -> list[Occurrence]:
        """Return the records that wait for the end of *incident*."""
        known = {record.key: record for record in self.stored.waiting(incident)}
        known.update({key: record for key, record in self.changed.items() if key in known})
        return [r for r in known.values() if r.state == MERGED and r.merged_into == incident]

    def send(self, kind: str, record: Occurrence, resolution: str) -> None:
        """Add the event that *record* started or ended."""
        change, target = self.change, record.target
        values: dict[str, Any] = {
            "kind": kind,
            "incidentId": record.incident,
            "repo": target.repo,
            "environment": target.environment,
            "service": target.service,
            "source": self.source,
            "id": record.event_ids(kind, self.source)[not self._is_further(kind, record)],
        }
        if kind == INCIDENT_STARTED:
            values["time"] = record.started_at
            values["title"] = change.title
            values["severity"] = change.severity or change.priority
            values["url"] = change.url
        else:
            values["time"] = record.ended_at
            # The change may be about the incident that this one was merged into.
            values["url"] = change.url if record.incident == change.incident else None
            values["mergedInto"] = record.merged_into
            values["resolution"] = resolution or record.resolution
        self.events.append(Event.from_wire(values))

    def _is_further(self, kind: str, record: Occurrence) -> bool:
        """Whether another service of its repository and environment has sent the event of *kind* before."""
        place = (record.name, *record.target[:2])
        return any(
            (other.name, *other.target[:2]) == place and (kind == INCIDENT_STARTED or other.state == CLOSED)
            for other in self.known(record.incident)
            if other.target != record.target
        )

    def decision(self) -> Decision:
        """Return the collected events and reasons. If there are none, the refusal is the reason."""
        reason = None if self.events else joined(self.reasons) or self.refusal
        return Decision(tuple(self.events), tuple(self.changed.values()), reason)


def joined(reasons: Sequence[Reason]) -> Reason | None:
    """Join *reasons* to one: the code of the first, and each text once."""
    if not reasons:
        return None
    return Reason(reasons[0].code, "; ".join(dict.fromkeys(reason.text for reason in reasons)))
