"""The order that GitDailies asks for: deploys oldest to newest, then incidents oldest to newest.

Deploys of one instant are sorted by id; the last one counts as the latest. Events of one incident keep the
order of `pairing`, a start before its end.
"""

from __future__ import annotations

from gitdailies_core.events.events import KINDS

# Kinds with an incident's id are sent in the second half.
INCIDENT_FIELD = "incidentId"
STAGES = {kind.word: int(kind.field(INCIDENT_FIELD) is not None) for kind in KINDS}


def stage(kind: str) -> int:
    """Return 0 for a deploy and 1 for an event of an incident."""
    return STAGES[kind]
