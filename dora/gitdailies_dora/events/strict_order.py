"""The order of `--strict-order`: deploys from oldest to newest, then incidents from oldest to newest.

GitDailies asks for this order when history is sent. Pure: `queries.latest_events` reads where it begins.
"""

from datetime import datetime
from typing import NamedTuple

from gitdailies_core.events.events import DEPLOYED
from gitdailies_core.values.times import text_of

INCIDENT_FIELD = "incidentId"


class LatestEvent(NamedTuple):
    """The newest stored event of a kind, as errors name it."""

    id: str
    kind: str
    at: datetime

    def __str__(self) -> str:
        return f"{self.kind} {self.id} of {text_of(self.at)}"


class LatestEvents(NamedTuple):
    """The newest deploy and the newest incident event of all repositories."""

    deploy: LatestEvent | None = None
    incident: LatestEvent | None = None

    def blocking(self, kind: str, *, incident: bool, at: datetime) -> LatestEvent | None:
        """Return the newer event that forbids an event of *kind* at *at*, or None; equal times pass."""
        if not incident and kind != DEPLOYED:
            return None
        newest = self.incident
        if not incident and self.deploy is not None and (newest is None or newest.at <= self.deploy.at):
            newest = self.deploy
        return newest if newest is not None and at < newest.at else None

    def including(self, event: LatestEvent, *, incident: bool) -> "LatestEvents":
        """Return the newest events after *event* was stored."""
        if incident:
            return self if self.incident and event.at < self.incident.at else LatestEvents(self.deploy, event)
        if event.kind == DEPLOYED:
            return self if self.deploy and event.at < self.deploy.at else LatestEvents(event, self.incident)
        return self
