"""PagerDuty's event types: each is started, resolved, updated or the reason why it is ignored.

Sources: PagerDuty's developer documentation, "Webhooks" overview (which says that the list may
grow) and "V2 overview". An `updated` event contains the whole incident. With its new priority or
service, the incident may now pass a filter or a route.
"""

from collections.abc import Mapping

from gitdailies_core import RESOLVED, STARTED, UPDATED
from gitdailies_core.reasons import OTHER, UNKNOWN_TYPE, Code

# In these events data.id is the id of a note, a task or the like. The incident is data.incident.
_WORK = "about the work on an incident, which neither starts nor ends it"
_SERVICE = "about a service, not an incident"

UNKNOWN = "not in the table of PagerDuty's event types"
_ELSEWHERE = "not about an incident"

# Every event type of an incident begins so, in V2 and V3.
_INCIDENT = "incident."

TABLE: Mapping[str, str] = {
    "incident.triggered": STARTED,
    # It starts at reopened_at. created_at is still the first start.
    "incident.reopened": STARTED,
    # A merged incident ends with this event too: see resolve_reason.
    "incident.resolved": RESOLVED,
    "incident.acknowledged": UPDATED,
    "incident.unacknowledged": UPDATED,
    "incident.delegated": UPDATED,
    "incident.escalated": UPDATED,
    "incident.reassigned": UPDATED,
    "incident.priority_updated": UPDATED,
    "incident.service_updated": UPDATED,
    "incident.incident_type.changed": UPDATED,
    "incident.annotated": _WORK,
    "incident.status_update_published": _WORK,
    "incident.conference_bridge.updated": _WORK,
    "incident.custom_field_values.updated": _WORK,
    "incident.responder.added": _WORK,
    "incident.responder.replied": _WORK,
    "incident.role.assigned": _WORK,
    "incident.task.created": _WORK,
    "incident.task.updated": _WORK,
    "incident.task.completed": _WORK,
    "incident.action_invocation.created": _WORK,
    "incident.action_invocation.updated": _WORK,
    "incident.action_invocation.terminated": _WORK,
    "incident.workflow.started": _WORK,
    "incident.workflow.completed": _WORK,
    "service.created": _SERVICE,
    "service.updated": _SERVICE,
    "service.deleted": _SERVICE,
    "service.custom_field_values.updated": _SERVICE,
    # The test button sends it. No list of event types has it.
    "pagey.ping": "a ping: the connection works",
    # V2. It has no event for reopening.
    "incident.trigger": STARTED,
    "incident.resolve": RESOLVED,
    "incident.acknowledge": UPDATED,
    "incident.unacknowledge": UPDATED,
    "incident.assign": UPDATED,
    "incident.escalate": UPDATED,
    "incident.delegate": UPDATED,
    "incident.annotate": _WORK,
}


def meaning(word: str) -> str:
    """Return what *word* means: a state, or the reason why it is ignored."""
    return TABLE.get(word) or (UNKNOWN if word.startswith(_INCIDENT) else _ELSEWHERE)


def code(word: str) -> Code:
    """Return the code of the reason why a message with *word* is ignored.

    An unknown word about an incident may start or end one, so it is quarantined until an upgrade.
    """
    return UNKNOWN_TYPE if meaning(word) == UNKNOWN else OTHER
