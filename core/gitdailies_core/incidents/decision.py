"""A decision while it is made: what is known, and the events and records that came of it so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from gitdailies_core.events.events import INCIDENT_RESOLVED, INCIDENT_STARTED, Event
from gitdailies_core.events.ids import incident_event_id
from gitdailies_core.incidents.records import CLOSED, MERGED, Decision, Key, Ledger, Period
from gitdailies_core.sources.protocol import Change


@dataclass
class Draft:
    """Collects what one change causes; records put here are known to whatever is asked next."""

    source: str
    change: Change
    ledger: Ledger
    events: list[Event] = field(default_factory=list)
    records: dict[Key, Period] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)

    def known(self, incident: str) -> list[Period]:
        """Return the incident's records in order of their start (or end, where that is all they have)."""
        periods = self.ledger.periods(incident)
        if not periods and not self.records:
            return []  # as before nearly every start
        known = {period.key: period for period in periods}
        known.update({key: period for key, period in self.records.items() if key[0] == incident})
        return sorted(known.values(), key=lambda p: (p.started_at or p.ended_at or self.change.at, p.name))

    def waiting(self, incident: str) -> list[Period]:
        """Return the records that wait for the end of *incident*."""
        known = {period.key: period for period in self.ledger.waiting(incident)}
        known.update({key: period for key, period in self.records.items() if key in known})
        return [p for p in known.values() if p.state == MERGED and p.merged_into == incident]

    def put(self, period: Period) -> None:
        self.records[period.key] = period

    def start(self, period: Period) -> None:
        """Send the start of a period that is open now."""
        self.put(period)
        change = self.change
        self.events.append(
            Event.make(
                INCIDENT_STARTED,
                **self._common(period, INCIDENT_STARTED),
                time=period.started_at,
                title=change.title,
                severity=change.severity or change.priority,
                url=change.url,
            )
        )

    def end(self, period: Period, at: datetime, *, into: str | None = None, resolution: str = "") -> None:
        """Send the end of a period, merged *into* another; an end is never before its start."""
        ended_at = max(at, period.started_at or at)
        self.put(period._replace(state=CLOSED, ended_at=ended_at, merged_into=into))
        self.events.append(
            Event.make(
                INCIDENT_RESOLVED,
                **self._common(period, INCIDENT_RESOLVED),
                time=ended_at,
                url=self.change.url if period.incident == self.change.incident else None,
                mergedInto=into,
                resolution=resolution,
            )
        )

    def decision(self, otherwise: str) -> Decision:
        """Return what was collected; *otherwise* is the reason where no other was given."""
        reason = "" if self.events else "; ".join(dict.fromkeys(self.reasons)) or otherwise
        return Decision(tuple(self.events), tuple(self.records.values()), reason)

    def _common(self, period: Period, kind: str) -> dict[str, str | None]:
        target = period.target
        return {
            "incidentId": period.incident,
            "repo": target.repo,
            "environment": target.environment,
            "service": target.service,
            "source": self.source,
            "id": incident_event_id(
                kind=kind,
                source=self.source,
                incident=period.incident,
                repo=target.repo,
                environment=target.environment,
                service=target.service,
                occurrence=period.name,
            ),
        }
