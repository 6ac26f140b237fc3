"""An event with its place in a plan."""

from __future__ import annotations

import json
from typing import NamedTuple

from gitdailies_core.events.events import Event


class Entry(NamedTuple):
    """An event of a plan: its id, kind, time (RFC 3339), and full form as JSON."""

    id: str
    kind: str
    at: str
    body: str

    @property
    def event(self) -> Event:
        """The event itself. Raises InvalidEvent only if the plan is damaged."""
        return Event.from_wire(json.loads(self.body))
