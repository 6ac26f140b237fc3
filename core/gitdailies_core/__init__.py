"""The names that an adapter needs, exported from one place, and the parts of core.

An adapter translates one vendor's deliveries:

    class Opsgenie:
        name, table, options, examples = "opsgenie", TABLE, {}, "gitdailies_opsgenie"

        def verify(self, request: Request, secrets: Sequence[Secret], settings: ProofSettings) -> None:
            verify_shared_token(request, secrets, header=settings.header)

        def translate(self, request: Request, options: Mapping[str, Any]) -> tuple[Message, ...]:
            alert = Fields(request.json()).object("alert")
            word, incident = alert.text("action"), alert.text("alertId")
            if word not in TABLE:
                return (Ignored("not in Opsgenie's table", word, incident, code=UNKNOWN_TYPE),)
            if TABLE[word] not in STATES:
                return (Ignored(TABLE[word], word, incident),)
            at = alert.epoch("updatedAt")
            return (Change.make(state=TABLE[word], word=word, incident=incident, at=at),)

`gitdailies sources test opsgenie` says what an adapter still lacks. CONTRIBUTING.md,
"An adapter in code", names every part.

This package holds values and decisions. It does no I/O and reads no clock; `tests/rooms/rules.py`
lists the exceptions. Its parts, an arrow from the part that is imported:

    errors, error_text ─▶ values ─▶ events ─▶ sources ─▶ incidents ─▶ contract
                            │         └────▶ ci
                            └────▶ retry
"""

from gitdailies_core.error_text import got
from gitdailies_core.errors import (
    ConfigurationError,
    PayloadError,
    ProofError,
    UnreadableBody,
)
from gitdailies_core.reasons import NO_COMMIT, NO_ROUTE, OTHER, UNKNOWN_TYPE, Code
from gitdailies_core.sources.deploy_messages import DEPLOYED, PUSHED, Deploy, Push
from gitdailies_core.sources.fields import Fields
from gitdailies_core.sources.protocol import (
    CANCELLED,
    DELETED,
    MEANINGS,
    REOPENED,
    RESOLVED,
    STARTED,
    STATES,
    UPDATED,
    Adapter,
    Change,
    Ignored,
    IncidentMessage,
    Message,
    Option,
    ProofSettings,
    Service,
    Unreadable,
    translate_each,
)
from gitdailies_core.sources.request import Request
from gitdailies_core.sources.signatures import verify_hmac_sha256, verify_shared_token
from gitdailies_core.values.secret import Secret
from gitdailies_core.values.times import text_of

__all__ = [
    "CANCELLED",
    "DELETED",
    "DEPLOYED",
    "MEANINGS",
    "NO_COMMIT",
    "NO_ROUTE",
    "OTHER",
    "PUSHED",
    "REOPENED",
    "RESOLVED",
    "STARTED",
    "STATES",
    "UNKNOWN_TYPE",
    "UPDATED",
    "Adapter",
    "Change",
    "Code",
    "ConfigurationError",
    "Deploy",
    "Fields",
    "Ignored",
    "IncidentMessage",
    "Message",
    "Option",
    "PayloadError",
    "ProofError",
    "ProofSettings",
    "Push",
    "Request",
    "Secret",
    "Service",
    "Unreadable",
    "UnreadableBody",
    "got",
    "text_of",
    "translate_each",
    "verify_hmac_sha256",
    "verify_shared_token",
]
