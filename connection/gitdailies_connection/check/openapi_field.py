"""Compare one of our fields with a receiver's schema: type, words, format, pattern, length."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from gitdailies_core.events.field_types import URL
from gitdailies_core.events.kind import Field, Kind

from gitdailies_connection.check.openapi_schema import Api, items_of, words_of

_MOST_ALTERNATIVES = 50
_LISTS = frozenset({"commits", "reverts"})  # forms of fields
_URL_FORMATS = frozenset({"uri", "url", "uri-reference", "iri"})


def faults(api: Api, schema: Any, kind: Kind, field: Field) -> list[str]:
    """Return how our values of *field* may not fit *schema*; empty if any alternative accepts them."""
    found: list[list[str]] = []
    for node in _alternatives(api, schema, 0)[:_MOST_ALTERNATIVES]:
        mismatches = list(_mismatches(api, node, kind, field))
        if not mismatches:
            return []
        found.append(mismatches)
    return found[0] if found else []


def _alternatives(api: Api, schema: Any, depth: int) -> list[dict[str, Any]]:
    node = api.follow(schema)
    for part in items_of(node.get("allOf")):
        if depth < 10:
            for inner in _alternatives(api, part, depth + 1)[:1]:
                node = {**inner, **node}
    branches = [one for word in ("anyOf", "oneOf") for one in items_of(node.get(word))]
    if not branches or depth >= 10:
        return [node]
    # A schema allows null or "" for a missing value; we send no field instead.
    return [
        inner
        for branch in branches
        for inner in _alternatives(api, branch, depth + 1)
        if inner.get("type") != "null" and not _is_absence(inner)
    ]


def _is_absence(node: Mapping[str, Any]) -> bool:
    words = items_of(node.get("enum")) or [node.get("const", "x")]
    return all(word is None or word == "" for word in words)


def _mismatches(api: Api, node: Mapping[str, Any], kind: Kind, field: Field) -> Iterator[str]:
    ours = "array" if field.type.form in _LISTS else "string"
    types = node.get("type", ours)
    types = [types] if isinstance(types, str) else types
    if isinstance(types, list) and ours not in types:
        name = "a list" if ours == "array" else f"text ({field.type.expected})"
        yield f"we send {name}, the document has type {' or '.join(map(str, types))}"
        return
    if ours == "array":
        if field.type.form == "commits":
            yield from _items(api, node)
        return
    words = words_of(api, node)
    if words and not field.type.words:
        yield f"we send {field.type.expected}, the document has only {', '.join(words)}"
    missing = [word for word in field.type.words if words and word not in words]
    if missing:
        yield f"we send {', '.join(missing)} too, the document has only {', '.join(words)}"
    yield from _form(node, field)
    yield from _pattern(node, kind, field)
    yield from _length(node, field)


def _items(api: Api, node: Mapping[str, Any]) -> Iterator[str]:
    items = _alternatives(api, node.get("items"), 0)
    properties = api.follow(items[0].get("properties")) if items else {}
    for name in ("sha", "time"):
        if properties and name not in properties:
            yield f"we send objects with {name}, the document has {', '.join(properties)}"


def _form(node: Mapping[str, Any], field: Field) -> Iterator[str]:
    form = node.get("format")
    fits = form in (None, "date-time") if field.type.form == "time" else form is None
    if not fits and not (field.type is URL and form in _URL_FORMATS):
        yield f"we send {field.type.expected}, the document has format {form}"


def _pattern(node: Mapping[str, Any], kind: Kind, field: Field) -> Iterator[str]:
    pattern = node.get("pattern")
    if not isinstance(pattern, str) or pattern == field.type.pattern:
        return
    example = kind.example.get(field.name)
    try:
        fits = (
            "" if not isinstance(example, str) or re.search(pattern, example) else f", {example} does not fit"
        )
    except (re.error, RecursionError):
        # ECMAScript patterns have syntax that Python's do not.
        fits = ""
    yield f"we send {field.type.expected}, the document has pattern {pattern}{fits}"


def _length(node: Mapping[str, Any], field: Field) -> Iterator[str]:
    most, least = node.get("maxLength"), node.get("minLength")
    if isinstance(most, int) and most < field.type.longest and not field.type.words:
        yield f"we send up to {field.type.longest} characters, the document has at most {most}"
    if isinstance(least, int) and least > 1 and not field.type.words:
        yield f"we send any length from 1, the document has at least {least} characters"
