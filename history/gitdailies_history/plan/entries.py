"""An event in its place in a plan."""

from __future__ import annotations

import json
from typing import NamedTuple

from gitdailies_core.events.events import Event


class Entry(NamedTuple):
    """An event in its place: its id, kind, time (RFC 3339), and full form as JSON."""

    id: str
    kind: str
    at: str
    body: str

    @property
    def event(self) -> Event:
        """Read it; raises InvalidEvent, which would mean that the plan was damaged."""
        return Event.from_wire(json.loads(self.body))
