"""What a receiver's answer says of each event. Pure.

| answer | verdict |
| --- | --- |
| created | sent |
| unchanged | unchanged: it was there |
| conflict, under an id that names the occurrence | known: it was there, with other details |
| any other | refused, with the reason |
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gitdailies_connection.http.event_lists import CREATED, EventResult
from gitdailies_connection.http.event_lists import UNCHANGED as WAS_THERE

from gitdailies_history.plan.entries import Entry

SENT, UNCHANGED, KNOWN, REFUSED = "sent", "unchanged", "known", "refused"
_PLAIN = {CREATED: SENT, WAS_THERE: UNCHANGED}

# An id of `gitdailies_core.events.ids` names what happened; other tools may tell more or less of it.
_OCCURRENCE = re.compile(r"(deploy|incident)-[0-9a-f]{32}")


@dataclass(frozen=True)
class Verdict:
    """What became of one event."""

    entry: Entry
    word: str
    reason: str = ""


def of_list(results: Sequence[EventResult], batch: Sequence[Entry]) -> list[Verdict]:
    """Read what a list was answered with, in its order."""
    return [
        of_status(entry, result.status, result.reason) for entry, result in zip(batch, results, strict=True)
    ]


def of_status(entry: Entry, status: str, reason: str) -> Verdict:
    """Read the status of one event."""
    if status in _PLAIN:
        return Verdict(entry, _PLAIN[status])
    if status == "conflict" and _OCCURRENCE.fullmatch(entry.id):
        return Verdict(entry, KNOWN)
    return Verdict(entry, REFUSED, reason)
