"""The order in which GitDailies asks for a history: deploys oldest to newest, then incidents likewise.

At one instant deploys go by id, whose last one counts as the later; events of one incident go as
`pairing` puts them, a start before its end.
"""

from __future__ import annotations

from gitdailies_core.events.events import KINDS

# Kinds that have an incident's id go in the second half.
INCIDENT_FIELD = "incidentId"
STAGES = {kind.word: int(kind.field(INCIDENT_FIELD) is not None) for kind in KINDS}


def stage(kind: str) -> int:
    """Return 0 for a deploy and 1 for an event of an incident."""
    return STAGES[kind]
