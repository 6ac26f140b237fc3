"""PagerDuty's words for what happened, each as started, resolved, updated or why it is ignored.

Sources: PagerDuty's developer documentation, "Webhooks" overview (which says that the list may
grow) and "V2 overview". `updated` are those that carry the whole incident and may therefore
find that a filter or a route thinks otherwise of it now.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gitdailies_core.reasons import OTHER, UNKNOWN_TYPE, Code
from gitdailies_core.sources.protocol import RESOLVED, STARTED, UPDATED

# In these, data.id is that of a note, a task or the like; the incident is data.incident.
_WORK = "about the work on an incident, which neither starts nor ends it"
_SERVICE = "about a service, not an incident"

UNKNOWN = "not in the table of PagerDuty's event types"

TABLE: Mapping[str, str] = MappingProxyType(
    {
        "incident.triggered": STARTED,
        # Starts at reopened_at; created_at stays that of the first start.
        "incident.reopened": STARTED,
        # Also the end of an incident that was merged away: see resolve_reason.
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
        # In no list of types that can be subscribed to: the test button sends it.
        "pagey.ping": "a ping: the connection works",
        # V2, which has no word for reopening.
        "incident.trigger": STARTED,
        "incident.resolve": RESOLVED,
        "incident.acknowledge": UPDATED,
        "incident.unacknowledge": UPDATED,
        "incident.assign": UPDATED,
        "incident.escalate": UPDATED,
        "incident.delegate": UPDATED,
        "incident.annotate": _WORK,
    }
)


def code(word: str) -> Code:
    """Return the code of the reason why a message with *word* is ignored."""
    return OTHER if word in TABLE else UNKNOWN_TYPE
