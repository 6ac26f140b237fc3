"""The schemas of this receiver's responses, as JSON Schema for the OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gitdailies_webhooks.events import intake

_LIST_PROBLEMS = ("conflict", "out-of-order", "forbidden", "invalid")
_STATUSES = (intake.CREATED, intake.UNCHANGED, intake.VALID)
_TIME = {"type": "string", "format": "date-time"}


def schemas() -> dict[str, Any]:
    """Return the schemas by their names among the components."""
    unknown = {
        "type": "array",
        "items": {"type": "string"},
        "description": "fields that this kind of event does not have; they were stored",
    }
    id_ = {"type": "string", "description": "the event's id: as it was sent, or made here"}
    return {
        "Taken": record(
            {"status": {"enum": list(_STATUSES)}, "id": id_, "unknown": unknown}, ("status", "id")
        ),
        "Results": record({"results": {"type": "array", "items": ref("Result")}}, ("results",)),
        "Result": record(
            {
                "index": {"type": "integer", "minimum": 0, "description": "the place in the list, from 0"},
                "status": {"enum": [*_STATUSES, *_LIST_PROBLEMS]},
                "id": id_,
                "error": {"type": "string", "description": "where, what was expected, and what was found"},
                "field": {"type": "string", "description": "the wrong field"},
                "unknown": unknown,
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
            "allOf": [
                ref("Event"),
                record(
                    {
                        "id": {"type": "string"},
                        "time": _TIME,
                        intake.RECEIVED_AT: {**_TIME, "readOnly": True},
                    },
                    ("id", "time", intake.RECEIVED_AT),
                ),
            ],
        },
        "Events": record(
            {
                "events": {"type": "array", "items": ref("StoredEvent")},
                "next": {"type": ["integer", "null"], "description": "the `after` of the next request"},
            },
            ("events", "next"),
        ),
        "Deleted": record({"status": {"const": "deleted"}, "id": {"type": "string"}}, ("status", "id")),
        "Problem": record(
            {
                "type": {"type": "string", "format": "uri"},
                "title": {"type": "string"},
                "status": {"type": "integer"},
                "detail": {"type": "string", "description": "where, what was expected, and what was found"},
                "field": {"type": "string", "description": "the wrong field of the event"},
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
