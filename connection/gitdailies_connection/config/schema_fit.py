"""Whether a value fits a JSON Schema, without jsonschema, which takes longer to import than a file to read.

It knows the keywords that schemas of this project use. Where a value does not fit, jsonschema says why.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import reduce
from operator import getitem
from types import MappingProxyType
from typing import Any


def fits(value: Any, schema: Mapping[str, Any]) -> bool:
    """Whether the value, of plain JSON, fits; also False for a schema with a keyword that is not known."""
    try:
        return _fits(value, schema, schema)
    except LookupError:
        return False


def _fits(value: Any, node: Any, root: Mapping[str, Any]) -> bool:
    if isinstance(node, bool):
        return node
    return all(
        _KEYWORDS[name](value, wanted, node, root) for name, wanted in node.items() if name not in _ABOUT
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_same(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, (dict, list)):
        raise LookupError("const and enum: expected plain values")
    return bool(value == wanted) and isinstance(value, bool) == isinstance(wanted, bool)


def _has_type(value: Any, wanted: str | list[str]) -> bool:
    return any(_TYPES[name](value) for name in ([wanted] if isinstance(wanted, str) else wanted))


def _follow(value: Any, reference: str, root: Mapping[str, Any]) -> bool:
    return _fits(value, reduce(getitem, reference.removeprefix("#/").split("/"), root), root)


def _if_then(value: Any, condition: Any, node: Mapping[str, Any], root: Mapping[str, Any]) -> bool:
    return not _fits(value, condition, root) or _fits(value, node["then"], root)


_TYPES: Mapping[str, Callable[[Any], bool]] = MappingProxyType(
    {
        "array": lambda value: isinstance(value, list),
        "boolean": lambda value: isinstance(value, bool),
        "integer": lambda value: _is_number(value) and value == value // 1,
        "null": lambda value: value is None,
        "number": _is_number,
        "object": lambda value: isinstance(value, dict),
        "string": lambda value: isinstance(value, str),
    }
)
# They say something about a schema, or belong to another keyword.
_ABOUT = frozenset({"$defs", "$schema", "default", "description", "examples", "then", "title", "x-expected"})
# Each is called with the value, that of the keyword, the schema that has it, and the whole schema. A keyword
# for another type of values holds.
_KEYWORDS: Mapping[str, Callable[[Any, Any, Mapping[str, Any], Mapping[str, Any]], bool]] = MappingProxyType(
    {
        "$ref": lambda value, wanted, _, root: _follow(value, wanted, root),
        "additionalProperties": lambda value, wanted, node, root: (
            not isinstance(value, dict)
            or all(_fits(value[key], wanted, root) for key in value if key not in node.get("properties", ()))
        ),
        "anyOf": lambda value, wanted, _, root: any(_fits(value, one, root) for one in wanted),
        "const": lambda value, wanted, _node, _root: _is_same(value, wanted),
        "enum": lambda value, wanted, _node, _root: any(_is_same(value, one) for one in wanted),
        "if": _if_then,
        "items": lambda value, wanted, _, root: (
            not isinstance(value, list) or all(_fits(one, wanted, root) for one in value)
        ),
        "maxItems": lambda value, most, _node, _root: not isinstance(value, list) or len(value) <= most,
        "maxLength": lambda value, most, _node, _root: not isinstance(value, str) or len(value) <= most,
        "maxProperties": lambda value, most, _node, _root: not isinstance(value, dict) or len(value) <= most,
        "maximum": lambda value, most, _node, _root: not _is_number(value) or value <= most,
        "minItems": lambda value, least, _node, _root: not isinstance(value, list) or len(value) >= least,
        "minLength": lambda value, least, _node, _root: not isinstance(value, str) or len(value) >= least,
        "minProperties": lambda value, least, _node, _root: (
            not isinstance(value, dict) or len(value) >= least
        ),
        "minimum": lambda value, least, _node, _root: not _is_number(value) or value >= least,
        "not": lambda value, wanted, _, root: not _fits(value, wanted, root),
        "pattern": lambda value, wanted, _node, _root: (
            not isinstance(value, str) or re.search(wanted, value) is not None
        ),
        "properties": lambda value, wanted, _, root: (
            not isinstance(value, dict)
            or all(_fits(value[key], node, root) for key, node in wanted.items() if key in value)
        ),
        "propertyNames": lambda value, wanted, _, root: (
            not isinstance(value, dict) or all(_fits(key, wanted, root) for key in value)
        ),
        "required": lambda value, wanted, _node, _root: (
            not isinstance(value, dict) or all(key in value for key in wanted)
        ),
        "type": lambda value, wanted, _node, _root: _has_type(value, wanted),
    }
)
