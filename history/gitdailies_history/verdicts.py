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
from typing import Any

from gitdailies_core.errors import UnreadableBody

from gitdailies_history.entries import Entry

SENT, UNCHANGED, KNOWN, REFUSED = "sent", "unchanged", "known", "refused"
_PLAIN = {"created": SENT, "unchanged": UNCHANGED}

# An id of `gitdailies_core.identity` names what happened; other tools may tell more or less of it.
_OCCURRENCE = re.compile(r"(deploy|incident)-[0-9a-f]{32}")


@dataclass(frozen=True)
class Verdict:
    """What became of one event."""

    entry: Entry
    word: str
    reason: str = ""


def of_list(body: Any, batch: Sequence[Entry]) -> list[Verdict]:
    """Read the answer to a list; raises UnreadableBody where it does not speak of every event."""
    results = body.get("results") if isinstance(body, dict) else None
    if not isinstance(results, list) or len(results) != len(batch):
        raise UnreadableBody(f"answer: expected results for {len(batch)} events, got something else")
    verdicts = []
    for entry, result in zip(batch, results, strict=True):
        status = result.get("status") if isinstance(result, dict) else None
        if not isinstance(status, str):
            raise UnreadableBody("answer: expected a status for each event, got something else")
        reason = result.get("error")
        verdicts.append(of_status(entry, status, reason if isinstance(reason, str) else status))
    return verdicts


def of_status(entry: Entry, status: str, reason: str) -> Verdict:
    """Read the status of one event."""
    if status in _PLAIN:
        return Verdict(entry, _PLAIN[status])
    if status == "conflict" and _OCCURRENCE.fullmatch(entry.id):
        return Verdict(entry, KNOWN)
    return Verdict(entry, REFUSED, reason)
