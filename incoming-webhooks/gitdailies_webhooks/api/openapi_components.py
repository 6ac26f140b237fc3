"""Give every body, answer and nested object of an OpenAPI document a name, for generators of clients. Pure.

A generator makes a class of each named model. It makes up a name for any other object, or leaves it out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_REFERENCE = "#/components/schemas/"


def with_components(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document with a component in place of each object that has no name.

    A field `period` of the model `Figures` becomes the component `FiguresPeriod`, the body of the operation
    `send` becomes `SendBody`, and its answer `SendAnswer`. Raises ValueError for two that differ and would
    have one name.
    """
    named = _Components()
    schemas = {name: named.inside(name, schema) for name, schema in document["components"]["schemas"].items()}
    paths = {
        path: {method: _operation(named, operation) for method, operation in item.items()}
        for path, item in document["paths"].items()
    }
    components = {**document["components"], "schemas": {**schemas, **named.found(schemas)}}
    return {**document, "paths": paths, "components": components}


class _Components:
    """The components that were found on the way."""

    def __init__(self) -> None:
        self._found: dict[str, Any] = {}

    def found(self, taken: Mapping[str, Any]) -> dict[str, Any]:
        for name in self._found:
            if name in taken:
                raise ValueError(f"{name}: expected one model of this name, got two")
        return self._found

    def inside(self, name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
        """Return a schema whose parts are named; *name* is its own."""
        changed = dict(schema)
        for key in ("oneOf", "anyOf"):
            if key in schema:
                changed[key] = [self.reference(name, one) for one in schema[key]]
        if "items" in schema:
            changed["items"] = self.reference(f"{name}Item", schema["items"])
        if "properties" in schema:
            changed["properties"] = {
                field: self.reference(name + _capital(field), value)
                for field, value in schema["properties"].items()
            }
        return changed

    def reference(self, name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
        """Return a reference to an object that has fields, and any other schema with its parts named."""
        changed = self.inside(name, schema)
        return self.named(name, changed) if "properties" in changed else changed

    def named(self, name: str, schema: dict[str, Any]) -> dict[str, Any]:
        name = _capital(name)
        if self._found.setdefault(name, schema) != schema:
            raise ValueError(f"{name}: expected one model of this name, got two")
        return {"$ref": _REFERENCE + name}


def _operation(named: _Components, operation: Mapping[str, Any]) -> dict[str, Any]:
    changed = dict(operation)
    name = operation["operationId"]
    if "requestBody" in operation:
        changed["requestBody"] = _content(named, f"{name}Body", operation["requestBody"])
    changed["responses"] = {
        status: _content(named, f"{name}Answer", answer) for status, answer in operation["responses"].items()
    }
    return changed


def _content(named: _Components, name: str, holder: Mapping[str, Any]) -> dict[str, Any]:
    """Name the JSON of a body or of an answer, where it is more than one model or one that has no name."""
    changed = dict(holder)
    if "content" in holder:
        changed["content"] = {
            media: {**content, "schema": _of_content(named, name, content["schema"])}
            for media, content in holder["content"].items()
        }
    return changed


def _of_content(named: _Components, name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    changed = named.inside(name, schema)
    composed = changed.keys() & {"properties", "oneOf", "anyOf"} or changed.get("type") == "object"
    return named.named(name, changed) if composed else changed


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]
