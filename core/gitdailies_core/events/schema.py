"""The JSON Schema (2020-12) of events, generated from `KINDS`."""

from typing import Any

from gitdailies_core.events.events import KINDS
from gitdailies_core.events.field_types import SHA, TIME, FieldType
from gitdailies_core.events.kind import Field, Kind

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def event_schema() -> dict[str, Any]:
    """Return the schema of one event of any kind."""
    return {
        "$schema": DRAFT,
        "title": "GitDailies event",
        "oneOf": [{"$ref": f"#/$defs/{kind.word}"} for kind in KINDS],
        "$defs": {kind.word: kind_schema(kind) for kind in KINDS},
    }


def kind_schema(kind: Kind) -> dict[str, Any]:
    """Return the schema of one kind. Other names are allowed, and an event keeps them."""
    return {
        "title": kind.title,
        "type": "object",
        "required": ["kind", *(field.name for field in kind.fields if field.required)],
        "properties": {
            "kind": {"const": kind.word},
            **{field.name: _field_schema(field) for field in kind.fields},
        },
        "examples": [dict(kind.example)],
    }


def _field_schema(field: Field) -> dict[str, Any]:
    schema = {**_type_schema(field.type), "description": field.about}
    if field.required:
        return schema
    # An optional field that is null or empty counts as not given. No enum: clients would get a class of it.
    # No const: clients would refuse every other text.
    empty = {"type": "string", "maxLength": 0}
    forms = [schema, {"type": "integer"}] if field.type.form == "attempt" else [schema]
    return {"description": schema.pop("description"), "anyOf": [*forms, empty, {"type": "null"}]}


def _type_schema(kind: FieldType) -> dict[str, Any]:
    if kind.words:
        return {"type": "string", "enum": list(kind.words)}
    if kind.form == "reverts":
        return {"type": "array", "items": _type_schema(SHA)}
    if kind.form == "commits":
        return {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["sha"],
                "properties": {
                    "sha": _type_schema(SHA),
                    "time": {"anyOf": [_type_schema(TIME), {"type": "null"}]},
                    "parents": {"anyOf": [{"type": "array", "items": _type_schema(SHA)}, {"type": "null"}]},
                    "outside": {"type": ["boolean", "null"]},
                },
            },
        }
    schema: dict[str, Any] = {"type": "string", "pattern": kind.pattern, "maxLength": kind.longest}
    if kind.form == "time":
        schema["format"] = "date-time"
    else:
        schema["minLength"] = 1
    return schema
