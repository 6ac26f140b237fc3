"""Datadog's webhooks: monitors and Incident Management, in the bodies that its users' templates give.

Datadog signs nothing: the proof is a token in a custom header. Source: Datadog's documentation,
"Webhooks" integration.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gitdailies_core.error_text import got
from gitdailies_core.errors import PayloadError
from gitdailies_core.sources.protocol import Message
from gitdailies_core.sources.request import Request
from gitdailies_core.sources.signatures import verify_shared_token
from gitdailies_core.values.secret import Secret

from gitdailies_datadog.incidents import incident
from gitdailies_datadog.monitors import default, monitor
from gitdailies_datadog.table import OPTIONS, TABLE
from gitdailies_datadog.variables import filled

# The templates name what they hold, so that a body is never taken for another.
SCHEMAS = {"datadog-monitor": monitor, "datadog-incident": incident}


class Datadog:
    """The adapter `datadog`."""

    name = "datadog"
    table = TABLE
    options = OPTIONS
    examples = "gitdailies_datadog"

    def verify(self, request: Request, secrets: Sequence[Secret], header: str = "") -> None:
        """Check the token in *header*."""
        verify_shared_token(request, secrets, header=header)

    def translate(self, request: Request, options: Mapping[str, Any]) -> tuple[Message, ...]:
        """Read one filled template, or Datadog's default payload."""
        body = filled(_decoded(request))
        schema = body.optional_text("schema")
        if schema is None and body.has("event_type"):
            return (default(body, options),)
        read = SCHEMAS.get(schema or "")
        if read is None:
            expected = ", ".join(SCHEMAS)
            raise PayloadError(
                f"schema: expected one of {expected}, or none in Datadog's default payload, got {got(schema)}"
            )
        return (read(body, options),)


def _decoded(request: Request) -> Any:
    """Decode JSON, or a form: its fields are the template's, or one, `payload`, holds it all."""
    if not request.is_form:
        return request.json()
    form = request.form()
    # How "Encode as form" lays out a custom payload is documented nowhere.
    return request.decode(form["payload"].encode()) if "payload" in form else form


adapter = Datadog()
