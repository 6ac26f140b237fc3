"""The records that periods are decided from, and the decision that follows: values only.

There is one record per incident, target (repository, environment, service) and period. The
states of a record:

    held      a start that a filter or a missing route kept back; it has no repository yet
    open      its start went out
    repeated  a later start than that of the open period, in case the end between them is late
    merged    merged into another incident; its end goes out when that one ends
    closed    its end went out; without a repository: an end that nothing went out for
    released  a held start that went out after all
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from gitdailies_core.events.events import Event
from gitdailies_core.incidents.routing import Target
from gitdailies_core.reasons import Reason

HELD, OPEN, REPEATED, MERGED, CLOSED, RELEASED = "held", "open", "repeated", "merged", "closed", "released"
NOWHERE = Target("")

Key = tuple[str, Target, str]


class Period(NamedTuple):
    """One record; `incident`, `target` and `name` are its key.

    `ended_at` of one that is merged is the moment of merging. `merged_into` is the incident
    that it was merged into, "" where the vendor did not say which, None where it was not.
    """

    incident: str
    target: Target
    name: str
    state: str
    started_at: datetime | None = None
    ended_at: datetime | None = None
    merged_into: str | None = None

    @property
    def key(self) -> Key:
        return (self.incident, self.target, self.name)

    @property
    def is_note(self) -> bool:
        """Whether it only remembers what nothing went out for."""
        return not self.target.repo


class Ledger(Protocol):
    """The records of one source, as they stand before the change."""

    def periods(self, incident: str) -> Sequence[Period]:
        """Return every record of an incident."""

    def waiting(self, incident: str) -> Sequence[Period]:
        """Return the records in state merged whose `merged_into` is *incident*."""


class Decision(NamedTuple):
    """The events to send, in order; the records to write; and, without events, the reason."""

    events: tuple[Event, ...]
    records: tuple[Period, ...]
    reason: Reason | None
