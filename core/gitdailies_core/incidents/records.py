"""The records that a decision starts from, and the decision: values only.

There is one record per incident, target (repository, environment, service) and occurrence. An
occurrence is one start-to-end span of an incident, which may reopen. A record for which no event
was sent has no repository: it is a note.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from gitdailies_core.events.events import Event
from gitdailies_core.events.ids import incident_event_id
from gitdailies_core.reasons import Reason
from gitdailies_core.values.deploy_target import DeployTarget
from gitdailies_core.values.times import text_of

HELD, OPEN, REPEATED, MERGED, CLOSED, RELEASED = "held", "open", "repeated", "merged", "closed", "released"
# Two states that are not stored: of a record that is not written yet, and of a note that is closed.
ABSENT, NOTED = "absent", "noted"
STATES: Mapping[str, str] = {
    ABSENT: "no record of this occurrence at this target",
    HELD: "a filter or a missing route kept its start back",
    NOTED: "its end is known, but no event was sent",
    OPEN: "its start was sent",
    REPEATED: "a later start than the open one, in case the end between them is late",
    MERGED: "it was merged into another incident, and ends with it",
    CLOSED: "its end was sent",
    RELEASED: "its start was held, then sent after all",
}
NOWHERE = DeployTarget("")

Key = tuple[str, DeployTarget, str]


class Occurrence(NamedTuple):
    """One record; `incident`, `target` and `name` are its key.

    `ended_at` of one that is merged is the moment of merging. `merged_into` is the incident
    that it was merged into, "" where the vendor did not say which, None where it was not.
    `resolution` says how it ended where that is no recovery of its own: `cancelled` or `deleted`.
    """

    incident: str
    target: DeployTarget
    name: str
    state: str
    started_at: datetime | None = None
    ended_at: datetime | None = None
    merged_into: str | None = None
    resolution: str | None = None

    @property
    def key(self) -> Key:
        return (self.incident, self.target, self.name)

    def event_ids(self, kind: str, source: str) -> list[str]:
        """Return the ids of its event of *kind* at *source*, as a further service there and as the first."""
        return [
            incident_event_id(
                kind=kind,
                source=source,
                incident=self.incident,
                repo=self.target.repo,
                environment=self.target.environment,
                further=service,
                occurrence=self.name,
            )
            for service in (self.target.service, None)
        ]

    @property
    def began(self) -> str:
        """Its start as text, or ""."""
        return text_of(self.started_at) if self.started_at else ""

    @property
    def ended(self) -> str:
        """Its end as text, or ""."""
        return text_of(self.ended_at) if self.ended_at else ""

    @property
    def is_note(self) -> bool:
        """Whether it only remembers something for which no event was sent."""
        return not self.target.repo

    @property
    def row(self) -> str:
        """Its state as the transition table has it."""
        return NOTED if self.state == CLOSED and self.is_note else self.state


class Records(Protocol):
    """The records of one source, as they were before the change."""

    def occurrences(self, incident: str) -> Sequence[Occurrence]:
        """Return every record of an incident."""

    def waiting(self, incident: str) -> Sequence[Occurrence]:
        """Return the records in state merged whose `merged_into` is *incident*."""


class Decision(NamedTuple):
    """The events to send, in order; the records to write; and, without events, the reason."""

    events: tuple[Event, ...]
    records: tuple[Occurrence, ...]
    reason: Reason | None
