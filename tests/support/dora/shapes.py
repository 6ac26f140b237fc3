"""Answers of the server, as its OpenAPI document describes them."""

from typing import Any

from gitdailies_dora.api.openapi import document
from jsonschema import Draft202012Validator


def shaped(name: str, value: Any) -> Any:
    """Return *value*; it must be what the document says of the schema *name*."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": document()["components"]}
    Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(value)
    return value
