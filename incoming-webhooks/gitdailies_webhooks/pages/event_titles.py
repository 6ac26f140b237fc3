"""What an event is about, in the few words that a list or a heading has room for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

_SHORT, _SHORT_SHA = 70, 12

# An event is about the first of these that it names.
_SUBJECTS = ("title", "incidentId", "commitSHA")


class Subject(NamedTuple):
    """What an event is about, in full and cut."""

    full: str
    short: str


def subject(body: Mapping[str, Any]) -> Subject:
    """Say what an event is about."""
    named = next((name for name in _SUBJECTS if body.get(name)), "id")
    full = str(body[named])
    # Git shows a commit by its beginning; a title may be a page long.
    if named == "commitSHA":
        return Subject(full, full[:_SHORT_SHA])
    return Subject(full, full if len(full) <= _SHORT else f"{full[:_SHORT]}…")
