"""Translate Datadog's webhooks, for monitors and Incident Management. A user's template gives the body.

Datadog does not sign deliveries. The proof is a token in a custom header. Source: Datadog's
documentation, "Webhooks" integration.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from gitdailies_core import (
    IncidentMessage,
    PayloadError,
    ProofSettings,
    Request,
    Secret,
    got,
    verify_shared_token,
)

from gitdailies_datadog.incidents import incident
from gitdailies_datadog.monitors import default, monitor
from gitdailies_datadog.table import OPTIONS, TABLE
from gitdailies_datadog.variables import filled

# Each template names its own schema, so a body is never mistaken for another kind.
SCHEMAS = {"datadog-monitor": monitor, "datadog-incident": incident}


class Datadog:
    """The adapter `datadog`."""

    name = "datadog"
    table = TABLE
    options = OPTIONS
    examples = "gitdailies_datadog"

    def verify(self, request: Request, secrets: Sequence[Secret], settings: ProofSettings) -> None:
        """Check the token in the header that the source names."""
        verify_shared_token(request, secrets, header=settings.header)

    def translate(self, request: Request, options: Mapping[str, Any]) -> tuple[IncidentMessage, ...]:
        """Translate one filled template, or Datadog's default payload."""
        body = filled(_decoded(request))
        schema = body.optional_text("schema")
        if schema is None and body.has("event_type"):
            return (default(body, options, request),)
        translate = SCHEMAS.get(schema or "")
        if translate is None:
            expected = ", ".join(SCHEMAS)
            raise PayloadError(
                f"schema: expected one of {expected}, or none in Datadog's default payload, got {got(schema)}"
            )
        return (translate(body, options, request),)


def _decoded(request: Request) -> Any:
    """Decode JSON or a form. A form has the template's fields, or one field `payload` with JSON."""
    if not request.is_form:
        return request.json()
    form = request.form()
    # The documentation does not say how "Encode as form" lays out a custom payload.
    return request.decode(form["payload"].encode()) if "payload" in form else form


adapter = Datadog()
