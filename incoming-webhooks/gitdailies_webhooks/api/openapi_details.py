"""Single events, deploys and incidents in the OpenAPI document: the operations and their schemas."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gitdailies_webhooks.api.openapi_responses import REASON, record, ref
from gitdailies_webhooks.derived.detail import DEPLOY_STATES, INCIDENT_STATES, NAMING
from gitdailies_webhooks.events.query import TEXT
from gitdailies_webhooks.figures import corrections, incidents, story

_TIME = {"type": "string", "format": "date-time"}
_TIME_OR_NULL = {"type": ["string", "null"], "format": "date-time"}
_TEXT_OR_NULL = {"type": ["string", "null"]}
_SECONDS = {"type": ["number", "null"], "description": "seconds; null if there is none"}
_WHATS = (
    story.COMMIT,
    story.DEPLOY,
    story.REMEDY,
    story.STARTED,
    story.RESOLVED,
    story.CLOSED,
    story.NOW,
)
_GAPS = (story.LEAD_TIME, story.UNTIL_NOTICED, story.STILL_OPEN, story.BETWEEN)
_HOW = (
    incidents.BY_CAUSE,
    incidents.BY_TIME,
    incidents.BY_HAND,
    incidents.NO_SUCH_COMMIT,
    incidents.NO_SUCH_DEPLOY,
    incidents.NO_DEPLOY,
    incidents.NO_CAUSE,
    corrections.NOT_AN_INCIDENT,
)

Describe = Callable[..., dict[str, Any]]


def operations(json: Describe, problems: Describe) -> dict[str, Any]:
    """Return the paths; *json* and *problems* describe responses as in the rest of the document."""
    refused = problems("request", "unauthorized", "forbidden", "too-many", "not-found", "busy")
    now = {
        "name": "now",
        "in": "query",
        "description": "the moment that the answer is about: a date or a time, not in the future",
        "schema": dict(TEXT),
    }

    def get(operation: str, summary: str, about: str, id_: str, schema: str) -> dict[str, Any]:
        return {
            "get": {
                "operationId": operation,
                "summary": summary,
                "parameters": [
                    {
                        "name": "id",
                        "in": "path",
                        "required": True,
                        "description": id_,
                        "schema": {"type": "string"},
                    },
                    now,
                ],
                "responses": {"200": json(about, ref(schema)), **refused},
            }
        }

    return {
        "/api/events/{id}": get(
            "event",
            "One event, with why it counts and what is related to it",
            "The event.",
            "the event's id",
            "EventDetail",
        ),
        "/api/deploys/{id}": get(
            "deploy",
            "One deploy: what it brought, what became of it, and its timeline",
            "The deploy.",
            "the id of its event",
            "DeployDetail",
        ),
        "/api/incidents/{id}": get(
            "incident",
            "One occurrence of an incident: what it is attributed to, and its timeline",
            "The occurrence.",
            "the id of its start; the sender's id of the incident gives the newest occurrence",
            "IncidentDetail",
        ),
    }


def corrections_of(json: Describe, problems: Describe, body: Describe) -> dict[str, Any]:
    """Return the paths of corrections; *body* describes the body of a request."""
    refused = problems(
        "request",
        "unreadable",
        "unauthorized",
        "forbidden",
        "too-many",
        "not-found",
        "too-large",
        "media-type",
        "timeout",
    )
    cause = {
        "deploy": {**_TEXT_OR_NULL, "description": "the id of the deploy that caused it; null for none"},
        "reason": REASON,
    }
    outcome = {"outcome": {"enum": list(corrections.OF_DEPLOY)}, "reason": REASON}
    examples: Mapping[str, Mapping[str, Any]] = {
        "Cause": {"deploy": None, "reason": "the network provider failed"},
        "Dismissal": {"reason": "a drill"},
        "Outcome": {"outcome": corrections.OF_DEPLOY[0], "reason": "it was rolled back by hand"},
    }
    table: tuple[tuple[str, str, str, str, dict[str, Any]], ...] = (
        ("/api/incidents/{id}/cause", "Cause", "Say which deploy caused an incident", "incident", cause),
        (
            "/api/incidents/{id}/dismissal",
            "Dismissal",
            "Say that this is not an incident",
            "incident",
            {"reason": REASON},
        ),
        ("/api/deploys/{id}/outcome", "Outcome", "Say whether a deploy failed", "deploy", outcome),
    )
    return {
        path: {
            "put": {
                "operationId": f"set{name}",
                "summary": f"{summary}, whatever the events say",
                "description": "For keys that may correct. It holds for every moment, and takes the place of "
                "an earlier correction of the same event. The audit trail keeps it.",
                "parameters": [_id_of(what)],
                "requestBody": body(
                    {**record(fields, tuple(fields)), "additionalProperties": False},
                    {summary: examples[name]},
                ),
                "responses": {"200": json("It is corrected.", ref("Corrected")), **refused},
            },
            "delete": {
                "operationId": f"undo{name}",
                "summary": "Undo the correction",
                "parameters": [_id_of(what)],
                "responses": {"200": json("It is undone.", ref("Corrected")), **refused},
            },
        }
        for path, name, summary, what, fields in table
    }


def _id_of(what: str) -> dict[str, Any]:
    about = "the id of the event that started it" if what == "incident" else "the id of its event"
    return {
        "name": "id",
        "in": "path",
        "required": True,
        "description": about,
        "schema": {"type": "string"},
    }


def schemas() -> dict[str, Any]:
    """Return the schemas, by name among the components."""
    reference = {
        "id": {"type": "string"},
        "kind": {"type": "string"},
        "time": _TIME,
        **{name: {"type": "string"} for name in NAMING},
    }
    incident = {**reference, "endedAt": {**_TIME_OR_NULL, "description": "null while it is open"}}
    one, many = _or_null(ref("Reference")), {"type": "array", "items": ref("Reference")}
    related = {
        "deploy": {**one, "description": "the deploy that an incident is attributed to"},
        "before": {**one, "description": "the counting deploy before it in its place"},
        "after": {**one, "description": "the counting deploy after it in its place"},
        "repeats": {**one, "description": "the deploy that it repeats"},
        "fixes": {**one, "description": "the start of the incident that it names in `fixes`"},
        "resolution": {**one, "description": "the end of the incident"},
        "mergedInto": {**one, "description": "the start of the incident that this one was merged into"},
        "incidents": {
            "type": "array",
            "items": ref("IncidentReference"),
            "description": "those attributed to a deploy; other occurrences of an incident; "
            "the occurrences that an end ended",
        },
        "remediedBy": {**many, "description": "later deploys that remedied it"},
        "remedies": {**many, "description": "earlier deploys that it remedied"},
    }
    attribution = {
        "how": {"enum": [*_HOW, None], "description": "how the deploy was found, or why none was"},
        "causedBy": {**_TEXT_OR_NULL, "description": "the commit that the incident names as its cause"},
        "wide": {**one, "description": "the deploy that a window of 72 hours would give"},
        "near": {**many, "description": "the nearest deploys of its repository and environment"},
    }
    whole = {
        "definitions": {"type": "string"},
        "asOf": _TIME,
        "event": ref("StoredEvent"),
        "related": ref("Related"),
        "timeline": {"type": "array", "items": ref("Node")},
        "verdicts": {"type": "array", "items": ref("Verdict")},
        "correction": {**_or_null(ref("Correction")), "description": "what a person decided about it"},
    }
    deploy = {
        **whole,
        "state": {"enum": list(DEPLOY_STATES)},
        "settledAt": {**_TIME, "description": "from when on it is judged"},
        "type": {"type": "string", "description": "what it counts as; empty while it is not derived"},
        "commits": {"type": "array", "items": ref("Change")},
        "commitsUnknown": {**_TEXT_OR_NULL, "description": "why its new commits are not all known"},
        "recoverySeconds": _SECONDS,
        "recoveredBy": {"enum": ["incident", "remedy", None], "description": "what times its recovery"},
    }
    occurrence = {
        **whole,
        "state": {"enum": list(INCIDENT_STATES)},
        "durationSeconds": _SECONDS,
        "attribution": record(attribution, tuple(attribution)),
    }
    change = {
        "sha": {"type": "string"},
        "time": _TIME_OR_NULL,
        "new": {"type": "boolean", "description": "no earlier deploy of the place had it"},
        "leadTimeSeconds": _SECONDS,
    }
    node = {
        "time": _TIME,
        "what": {"enum": list(_WHATS)},
        "id": {**_TEXT_OR_NULL, "description": "the id of the event; null for a commit and for now"},
        "sha": {**_TEXT_OR_NULL, "description": "the SHA of a commit"},
        "of": {**_TEXT_OR_NULL, "description": "of an end: the id of the start that it ends"},
        "afterSeconds": {**_SECONDS, "description": "since the node before; null for the first"},
        "gap": {"enum": [*_GAPS, None], "description": "what this time is"},
    }
    correction = {
        "what": {"enum": [*corrections.OF_INCIDENT, *corrections.OF_DEPLOY]},
        "deploy": {**_TEXT_OR_NULL, "description": "the deploy that caused the incident"},
        "reason": {"type": "string"},
        "by": {"type": "string", "description": "the person, or the key"},
        "at": _TIME,
    }
    event = {name: whole[name] for name in ("definitions", "event", "verdicts", "related")}
    return {
        "Reference": record(reference, ("id", "kind", "time")),
        "IncidentReference": record(incident, ("id", "kind", "time", "endedAt")),
        "Related": record(related, tuple(related)),
        "Correction": record(correction, tuple(correction)),
        "Corrected": record(
            {
                "status": {"enum": ["corrected", "undone"]},
                "id": {"type": "string"},
                "what": correction["what"],
            },
            ("status", "id", "what"),
        ),
        "Change": record(change, tuple(change)),
        "Node": record(node, tuple(node)),
        "EventDetail": record(event, tuple(event)),
        "DeployDetail": record(deploy, tuple(deploy)),
        "IncidentDetail": record(occurrence, tuple(occurrence)),
    }


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {"oneOf": [schema, {"type": "null"}]}
