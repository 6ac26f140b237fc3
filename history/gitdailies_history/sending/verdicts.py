"""What a receiver's response means for each event. Pure.

| response | verdict |
| --- | --- |
| created | sent |
| unchanged | unchanged: the receiver has it already |
| conflict, with an id that names the occurrence | known: the receiver has it with other details |
| any other | refused, with the reason |
"""

import re
from typing import NamedTuple

from gitdailies_connection.http.event_lists import CREATED, EventResult
from gitdailies_connection.http.event_lists import UNCHANGED as HAS_IT

from gitdailies_history.plan.encoding import Entry

SENT, UNCHANGED, KNOWN, REFUSED = "sent", "unchanged", "known", "refused"
_PLAIN = {CREATED: SENT, HAS_IT: UNCHANGED}

# An id of `gitdailies_core.events.ids` names the occurrence. Two tools may report it with different details.
_OCCURRENCE = re.compile(r"(deploy|incident)-[0-9a-f]{32}")


class Verdict(NamedTuple):
    """The outcome of one event."""

    entry: Entry
    word: str
    reason: str = ""


def verdict_of(entry: Entry, result: EventResult) -> Verdict:
    """Return the verdict of one event of a list."""
    if result.status in _PLAIN:
        return Verdict(entry, _PLAIN[result.status])
    if result.status == "conflict" and _OCCURRENCE.fullmatch(entry.id):
        return Verdict(entry, KNOWN)
    return Verdict(entry, REFUSED, result.reason)
