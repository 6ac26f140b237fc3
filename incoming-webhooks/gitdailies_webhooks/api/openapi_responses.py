"""The schemas of this receiver's responses, as JSON Schema for the OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gitdailies_core.events.events import Field, Kind

from gitdailies_webhooks.derived.correcting import LONGEST_REASON, REASON_PATTERN
from gitdailies_webhooks.events import intake
from gitdailies_webhooks.events.problem import PROBLEMS, URN

_LIST_PROBLEMS = ("conflict", "out-of-order", "forbidden", "invalid")
_STATUSES = (intake.CREATED, intake.UNCHANGED, intake.VALID)
# Of a correction, and of what is done in a review.
REASON = {"type": "string", "minLength": 1, "maxLength": LONGEST_REASON, "pattern": REASON_PATTERN}
_TIME = {"type": "string", "format": "date-time"}


def schemas(kinds: tuple[Kind, ...]) -> dict[str, Any]:
    """Return the schemas by their names among the components."""
    notes = {
        "unknown": _names(
            "fields that this kind of event does not have; they were stored, except in commits"
        ),
        "empty": _names("fields that were empty, which means not given"),
        "differs": _names("fields with another value than in the event first sent with this id, which stays"),
        "erased": {
            "type": "boolean",
            "description": "true: the event with this id was erased, and is not stored again",
        },
        "cut": {
            "type": "object",
            "additionalProperties": {"type": "integer"},
            "description": "longer lists than are kept, with the number of items given; the first ones stay",
        },
    }
    id_ = {"type": "string", "description": "the event's id: as it was sent, or made here"}
    fault = {
        "field": {"type": "string", "description": "the wrong field; empty for the event itself"},
        "detail": {"type": "string", "description": "where, what was expected, and what was found"},
    }
    errors = {
        "type": "array",
        "items": record(fault, tuple(fault)),
        "description": "each fault of an event that has several",
    }
    return {
        "Taken": record({"status": {"enum": list(_STATUSES)}, "id": id_, **notes}, ("status", "id")),
        "Results": record({"results": {"type": "array", "items": ref("Result")}}, ("results",)),
        "Result": record(
            {
                "index": {"type": "integer", "minimum": 0, "description": "the place in the list, from 0"},
                "status": {"enum": [*_STATUSES, *_LIST_PROBLEMS]},
                "id": id_,
                "error": {"type": "string", "description": "where, what was expected, and what was found"},
                "field": {"type": "string", "description": "the wrong field"},
                "errors": errors,
                **notes,
            },
            ("index", "status"),
        ),
        "Pong": record(
            {
                "status": {"const": "ok"},
                "key": {"type": "string", "description": "the key's name"},
                "allow": {"type": "array", "items": {"type": "string"}},
            },
            ("status", "key", "allow"),
        ),
        "StoredEvent": {
            "description": "An event with all its fields, with id and time.",
            **one_of(kinds, "Stored"),
        },
        **{component(kind, "Stored"): _stored(kind) for kind in kinds},
        "Events": record(
            {
                "events": {"type": "array", "items": ref("StoredEvent")},
                "next": {
                    "type": ["integer", "string", "null"],
                    "description": "the `after` of the next request: a number; by time, a text",
                },
                "end": {
                    "type": "integer",
                    "description": "the number of the event that was stored last when the list was made",
                },
                "asOf": {
                    "type": "string",
                    "format": "date-time",
                    "description": "with outcome: every event received before this has its outcome",
                },
            },
            ("events", "next", "end"),
        ),
        "Deleted": record({"status": {"const": "deleted"}, "id": {"type": "string"}}, ("status", "id")),
        "Problem": record(
            {
                "type": {
                    "type": "string",
                    "format": "uri",
                    "enum": [URN + word for word in PROBLEMS],
                    "description": _problem_table(),
                },
                "title": {"type": "string"},
                "status": {"type": "integer"},
                "detail": {"type": "string", "description": "where, what was expected, and what was found"},
                "field": {"type": "string", "description": "the wrong field of the event"},
                "errors": errors,
            },
            ("type", "title", "status", "detail"),
        ),
    }


def record(properties: Mapping[str, Any], required: tuple[str, ...]) -> dict[str, Any]:
    """Return the schema of an object with these properties and possibly more."""
    return {"type": "object", "required": list(required), "properties": dict(properties)}


def ref(name: str) -> dict[str, str]:
    """Return a reference to a component."""
    return {"$ref": f"#/components/schemas/{name}"}


def component(kind: Kind, prefix: str = "") -> str:
    """Return the name of a kind's schema among the components, such as `StoredDeployed`."""
    return f"{prefix}{kind.word[:1].upper()}{kind.word[1:]}" if prefix else kind.word


def one_of(kinds: tuple[Kind, ...], prefix: str = "") -> dict[str, Any]:
    """Return the schema of an event of any kind; `kind` says which."""
    names = {kind.word: component(kind, prefix) for kind in kinds}
    return {
        "oneOf": [ref(name) for name in names.values()],
        "discriminator": {
            "propertyName": "kind",
            "mapping": {word: f"#/components/schemas/{name}" for word, name in names.items()},
        },
    }


def _stored(kind: Kind) -> dict[str, Any]:
    """Return the schema of a stored event: one flat object, which generators of clients understand."""
    fields = {field.name: {**_value(field), "description": field.about} for field in kind.fields}
    required = [field.name for field in kind.fields if field.required]
    return {
        "title": f"{kind.title}, stored",
        **record(
            {"kind": {"const": kind.word}, **fields, intake.RECEIVED_AT: {**_TIME, "readOnly": True}},
            ("kind", *required, *(name for name in ("id", "time") if name in fields), intake.RECEIVED_AT),
        ),
    }


def _value(field: Field) -> dict[str, Any]:
    # Without the patterns: they are for what is sent, and a store may have events of an earlier version.
    if field.type.form == "time":
        return dict(_TIME)
    if field.type.form == "reverts":
        return {"type": "array", "items": {"type": "string"}}
    if field.type.form == "commits":
        return {"type": "array", "items": record({"sha": {"type": "string"}, "time": _TIME}, ("sha",))}
    return {"type": "string", "enum": list(field.type.words)} if field.type.words else {"type": "string"}


def _problem_table() -> str:
    """Return the table of problems in Markdown, as viewers of OpenAPI show it."""
    rows = (f"| `{word}` | {kind.status} | {kind.title} |" for word, kind in PROBLEMS.items())
    return "\n".join(
        (f"The word after `{URN}`:\n", "| word | status | meaning |", "| --- | --- | --- |", *rows)
    )


def _names(about: str) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "string"}, "description": about}
