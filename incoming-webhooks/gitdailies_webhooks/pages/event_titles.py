"""The title of an event: what it is about, short enough for a list or a heading."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

_SHORT, _SHORT_SHA = 70, 12

# The title is the first of these fields that the event has.
_TITLE_FIELDS = ("title", "incidentId", "commitSHA")


class EventTitle(NamedTuple):
    """The title of an event, for the heading of its page, and for a line of a list."""

    heading: str
    short: str


def title_of(body: Mapping[str, Any]) -> EventTitle:
    """Return the title of an event."""
    named = next((name for name in _TITLE_FIELDS if body.get(name)), "id")
    full = str(body[named])
    # Git shows the beginning of a commit. A title can be very long.
    if named == "commitSHA":
        return EventTitle(full[:_SHORT_SHA], full[:_SHORT_SHA])
    return EventTitle(full, full if len(full) <= _SHORT else f"{full[:_SHORT]}…")
