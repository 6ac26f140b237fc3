"""Values and decisions, without I/O and clock. The names that an adapter needs are exported here.

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
            at = alert.time("updatedAt")
            return (Change(state=TABLE[word], word=word, incident=incident, at=at),)

`gitdailies sources test opsgenie` says what an adapter still lacks. CONTRIBUTING.md,
"An adapter in code", names every part.

This package holds values and decisions. It does no I/O and reads no clock; `tests/rooms/rules.py`
lists the exceptions. Its parts, an arrow from the part that is imported:

    errors, error_text ─▶ values ─▶ events ─▶ sources ─▶ incidents ─▶ contract
                            │         └────▶ ci
                            └────▶ retry
"""

# `as` tells type checkers that a name is exported (PEP 484).
from gitdailies_core.error_text import got as got
from gitdailies_core.errors import ConfigurationError as ConfigurationError
from gitdailies_core.errors import PayloadError as PayloadError
from gitdailies_core.errors import ProofError as ProofError
from gitdailies_core.errors import UnreadableBody as UnreadableBody
from gitdailies_core.reasons import NO_COMMIT as NO_COMMIT
from gitdailies_core.reasons import NO_ROUTE as NO_ROUTE
from gitdailies_core.reasons import OTHER as OTHER
from gitdailies_core.reasons import UNKNOWN_TYPE as UNKNOWN_TYPE
from gitdailies_core.reasons import Code as Code
from gitdailies_core.sources.deploy_messages import DEPLOYED as DEPLOYED
from gitdailies_core.sources.deploy_messages import PUSHED as PUSHED
from gitdailies_core.sources.deploy_messages import Deploy as Deploy
from gitdailies_core.sources.deploy_messages import Push as Push
from gitdailies_core.sources.fields import Fields as Fields
from gitdailies_core.sources.protocol import CANCELLED as CANCELLED
from gitdailies_core.sources.protocol import DELETED as DELETED
from gitdailies_core.sources.protocol import MEANINGS as MEANINGS
from gitdailies_core.sources.protocol import REOPENED as REOPENED
from gitdailies_core.sources.protocol import RESOLVED as RESOLVED
from gitdailies_core.sources.protocol import STARTED as STARTED
from gitdailies_core.sources.protocol import STATES as STATES
from gitdailies_core.sources.protocol import UPDATED as UPDATED
from gitdailies_core.sources.protocol import Adapter as Adapter
from gitdailies_core.sources.protocol import Change as Change
from gitdailies_core.sources.protocol import Ignored as Ignored
from gitdailies_core.sources.protocol import IncidentMessage as IncidentMessage
from gitdailies_core.sources.protocol import Message as Message
from gitdailies_core.sources.protocol import Option as Option
from gitdailies_core.sources.protocol import ProofSettings as ProofSettings
from gitdailies_core.sources.protocol import Service as Service
from gitdailies_core.sources.protocol import Unreadable as Unreadable
from gitdailies_core.sources.protocol import translate_each as translate_each
from gitdailies_core.sources.request import Request as Request
from gitdailies_core.sources.signatures import verify_hmac_sha256 as verify_hmac_sha256
from gitdailies_core.sources.signatures import verify_shared_token as verify_shared_token
from gitdailies_core.values.secret import Secret as Secret
from gitdailies_core.values.times import text_of as text_of
