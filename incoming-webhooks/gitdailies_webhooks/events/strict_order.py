"""The order that `--strict-order` asks for: deploys oldest to newest, then incidents likewise.

It is what GitDailies asks of whoever sends history. Pure: `store` reads where it begins.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from gitdailies_core.events.events import DEPLOYED
from gitdailies_core.values.times import text_of

INCIDENT_FIELD = "incidentId"


@dataclass(frozen=True)
class Mark:
    """An event that later ones must not be older than."""

    id: str
    kind: str
    at: datetime

    def __str__(self) -> str:
        return f"{self.kind} {self.id} of {text_of(self.at)}"


@dataclass(frozen=True)
class Newest:
    """The newest deploy and the newest incident event over all repositories."""

    deploy: Mark | None = None
    incident: Mark | None = None

    def before(self, kind: str, *, incident: bool, at: datetime) -> Mark | None:
        """Return the newer event that forbids one of *kind* at *at*, or None; equal times pass."""
        marks = [self.incident] if incident else [self.deploy, self.incident] if kind == DEPLOYED else []
        newer = [mark for mark in marks if mark is not None and at < mark.at]
        return max(newer, key=lambda mark: mark.at, default=None)

    def after(self, mark: Mark, *, incident: bool) -> Newest:
        """Return what is newest once the event of *mark* is there."""
        if incident:
            return self if self.incident and mark.at < self.incident.at else Newest(self.deploy, mark)
        if mark.kind == DEPLOYED:
            return self if self.deploy and mark.at < self.deploy.at else Newest(mark, self.incident)
        return self
