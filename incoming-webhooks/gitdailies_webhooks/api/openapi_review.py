"""The review of a week in the OpenAPI document: the operations, and the schemas of its answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gitdailies_webhooks.api.openapi_responses import REASON, record, ref
from gitdailies_webhooks.api.review import FORMATS
from gitdailies_webhooks.events.acknowledgements import LONGEST_LINE
from gitdailies_webhooks.events.query import TEXT
from gitdailies_webhooks.figures import review, silence

_TIME = {"type": "string", "format": "date-time"}
_COUNT = {"type": "integer", "minimum": 0}
_SECONDS = {"type": ["number", "null"], "description": "seconds; null if there is none"}

Describe = Callable[..., dict[str, Any]]


def operations(json: Describe, problems: Describe, body: Describe) -> dict[str, Any]:
    """Return the paths; *json*, *problems* and *body* describe as in the rest of the document."""
    answer = json("What needs a decision.", ref("Review"))
    answer["content"]["text/markdown"] = {"schema": {"type": "string"}}
    parameters = (
        ("week", dict(TEXT), "a week of ISO 8601 like 2026-W47; default: the last whole week"),
        ("repo", dict(TEXT), "only this repository, in upper or lower case"),
        ("team", dict(TEXT), "only this team of gitdailies.yml"),
        ("format", {"enum": list(FORMATS)}, "JSON, or Markdown for a chat"),
    )
    return {
        "/api/review": {
            "get": {
                "operationId": "review",
                "summary": "List what needs a decision in a week",
                "parameters": [
                    {"name": name, "in": "query", "description": about, "schema": schema}
                    for name, schema, about in parameters
                ],
                "responses": {
                    "200": answer,
                    **problems("request", "unauthorized", "forbidden", "too-many", "busy"),
                },
            }
        },
        "/api/review/{line}/acknowledgement": _acknowledgement(json, problems, body),
    }


def _acknowledgement(json: Describe, problems: Describe, body: Describe) -> dict[str, Any]:
    refused = problems("request", "unauthorized", "forbidden", "too-many", "not-found")
    with_body = problems(
        *("request", "unauthorized", "forbidden", "too-many", "not-found"),
        *("unreadable", "too-large", "media-type", "timeout"),
    )
    line = {
        "name": "line",
        "in": "path",
        "required": True,
        "description": "the `key` of a line of the review",
        "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_LINE},
    }
    reason = record({"reason": {**REASON, "minLength": 0, "pattern": f"^$|{REASON['pattern']}"}}, ())
    return {
        "put": {
            "operationId": "acknowledgeLine",
            "summary": "Mark a line of the review as done",
            "description": "For keys that may correct. Figures stay as they are. The audit trail keeps it.",
            "parameters": [line],
            "requestBody": body(
                {**reason, "additionalProperties": False},
                {"With a reason": {"reason": "a new region"}, "Without": {}},
            ),
            "responses": {"200": json("It is done.", ref("Acknowledged")), **with_body},
        },
        "delete": {
            "operationId": "reopenLine",
            "summary": "Reopen a line of the review",
            "parameters": [line],
            "responses": {"200": json("It is open.", ref("Acknowledged")), **refused},
        },
    }


def schemas() -> dict[str, Any]:
    """Return the schemas, by name among the components."""
    one = ref("Reference")
    or_null = {"oneOf": [one, {"type": "null"}]}
    decision = {
        "how": {"enum": ["corrected", "acknowledged"]},
        "by": {"type": "string", "description": "the person, or the key"},
        "at": _TIME,
        "reason": {"type": "string"},
    }
    line = {
        "key": {"type": "string", "description": "names the line"},
        "done": {"oneOf": [ref("Decision"), {"type": "null"}], "description": "null while it is open"},
        "deploy": one,
        "incident": one,
        "state": {"type": "string", "description": "that of the deploy or the incident"},
        "incidents": {"type": "array", "items": ref("IncidentReference")},
        "remediedBy": {"type": "array", "items": one},
        "recoverySeconds": _SECONDS,
        "recoveredBy": {"enum": ["incident", "remedy", None]},
        "attributedTo": or_null,
        "near": {"type": "array", "items": one, "description": "the nearest deploys"},
        "what": {
            "enum": [review.ENVIRONMENT, review.SERVICE, silence.REPORTER, silence.REPOSITORY, silence.SOURCE]
        },
        "repo": {"type": "string"},
        "name": {"type": "string"},
        "deploys": _COUNT,
        "first": one,
        "last": one,
        "reporters": {"type": "array", "items": {"type": "string"}},
        "times": _COUNT,
        "events": {"type": "array", "items": one},
        "leadTimeSeconds": _SECONDS,
        "quietSeconds": {"type": "number", "description": "from the last event to the end of the week"},
    }
    lines = {"type": "array", "items": ref("ReviewLine")}
    whole = {
        "definitions": {"type": "string"},
        "week": {"type": "string"},
        "filter": record({name: {"type": ["string", "null"]} for name in ("repo", "team")}, ("repo", "team")),
        "from": _TIME,
        "to": _TIME,
        "asOf": _TIME,
        "open": {**_COUNT, "description": "lines without a decision"},
        "done": _COUNT,
        "sections": record(dict.fromkeys(review.SECTIONS, lines), review.SECTIONS),
        "left": record(dict.fromkeys(review.SECTIONS, _COUNT), review.SECTIONS),
    }
    return {
        "Acknowledged": record(
            {"status": {"enum": ["acknowledged", "reopened"]}, "line": {"type": "string"}},
            ("status", "line"),
        ),
        "Decision": record(decision, tuple(decision)),
        "ReviewLine": record(line, ("key", "done")),
        "Review": record(whole, tuple(whole)),
    }
