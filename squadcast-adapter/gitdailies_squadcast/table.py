"""Squadcast's event types: each is started, resolved, updated or the reason why it is ignored.

Sources: Squadcast's developer documentation, "Outgoing webhooks" (payloads v2 and v1). It names
no event for merging, reopening or suppressing an incident. An `updated` event contains the whole
incident. With its new tags or priority, the incident may now pass a filter or a route. A
reopening shows in the timeline, or by a trigger after the end.
"""

from collections.abc import Mapping

from gitdailies_core import RESOLVED, STARTED, UPDATED
from gitdailies_core.reasons import OTHER, UNKNOWN_TYPE, Code

_WORK = "about the work on an incident, which neither starts nor ends it"
_SLO = "about a service level objective, not an incident"

UNKNOWN = "not in the table of Squadcast's event types"
_ELSEWHERE = "not about an incident"
# Every event type of an incident begins so, in v2 and v1.
_INCIDENT = ("incident.", "incident_")

TABLE: Mapping[str, str] = {
    "incident.triggered": STARTED,
    "incident.resolved": RESOLVED,
    "incident.acknowledged": UPDATED,
    # Its status is `triggered` although nothing started. The type decides.
    "incident.reassigned": UPDATED,
    "incident.tags_updated": UPDATED,
    "incident.incident_notes_created": _WORK,
    "incident.incident_notes_updated": _WORK,
    "incident.incident_notes_deleted": _WORK,
    "incident.incident_notes_starred": _WORK,
    "incident.incident_notes_unstarred": _WORK,
    "incident.incident_task_created": _WORK,
    "incident.incident_task_updated": _WORK,
    "incident.incident_task_deleted": _WORK,
    "incident.incident_task_completed": _WORK,
    "incident.incident_task_uncompleted": _WORK,
    "incident.communication_channel_created": _WORK,
    "incident.communication_channel_updated": _WORK,
    "incident.communication_channel_deleted": _WORK,
    "incident.statuspage_updated": _WORK,
    # Not in the documentation. Saved queries of another party have them.
    "incident.postmortem_created": _WORK,
    "incident.postmortem_updated": _WORK,
    "incident.postmortem_deleted": _WORK,
    # The documentation mentions four such types and names only this one.
    "incident.slo_violating_incident_created": _SLO,
    # v1 has only these four.
    "incident_triggered": STARTED,
    "incident_resolved": RESOLVED,
    "incident_acknowledged": UPDATED,
    "incident_reassigned": UPDATED,
}


def meaning(word: str) -> str:
    """Return what *word* means: a state, or the reason why it is ignored."""
    return TABLE.get(word) or (UNKNOWN if word.startswith(_INCIDENT) else _ELSEWHERE)


def code(word: str) -> Code:
    """Return the code of the reason why a message with *word* is ignored.

    An unknown word about an incident may start or end one, so it is quarantined until an upgrade.
    """
    return UNKNOWN_TYPE if meaning(word) == UNKNOWN else OTHER
