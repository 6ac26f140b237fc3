"""Answers of the server, as its OpenAPI document describes them."""

from functools import cache
from typing import Any

from gitdailies_dora.api.openapi import document
from jsonschema import Draft202012Validator


def shaped(name: str, value: Any) -> Any:
    """Return *value*; it must be what the document says of the schema *name*."""
    _validator(name).validate(value)
    return value


@cache
def _validator(name: str) -> Any:
    schema = {"$ref": f"#/components/schemas/{name}", "components": document()["components"]}
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
