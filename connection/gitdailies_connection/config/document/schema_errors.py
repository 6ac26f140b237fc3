"""The faults that the JSON Schema of gitdailies.yml finds in a document.

Each node of the schema carries `x-expected`, the left half of `expected X, got Y`.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, reduce
from importlib.resources import files
from operator import getitem
from typing import TYPE_CHECKING, Any, NamedTuple

from gitdailies_core.error_text import got
from gitdailies_core.values.nearest_name import did_you_mean

from gitdailies_connection.config.document.errors import FileFault, Place, setting_name
from gitdailies_connection.config.document.yaml_document import Document

if TYPE_CHECKING:
    from jsonschema import ValidationError

_SOURCE = "{env: NAME} or {file: PATH}"
_NEVER = "never write the secret itself here"
# With this many kinds, an object without a name of any kind is not taken for one of them.
_MANY = 3
SCHEMA_FILE = "configuration.schema.json"
# Earlier names that are not spelled like the new one.
_RENAMED = {"keep_days": "quarantine_days"}


@cache
def schema() -> dict[str, Any]:
    """Return the published schema."""
    text = (files("gitdailies_connection.config") / SCHEMA_FILE).read_text(encoding="utf-8")
    read: dict[str, Any] = json.loads(text)
    return read


def is_secret(place: Place) -> bool:
    """Whether a secret may be at *place* by mistake; messages repeat no value or name below such a place."""
    return (
        place
        in (
            ("gitdailies", "key"),
            ("relay", "status_key"),
            ("dora", "sign_in", "openid", "client_secret"),
        )
        or (len(place) in (3, 4) and place[0] == "sources" and place[2] == "secrets")
        or (len(place) in (3, 4) and place[:2] == ("dora", "relay") and place[-1] == "key")
    )


def service_lines() -> dict[str, Any]:
    """Return the schema of a file that `services` includes: its lines, and no further file."""
    whole = schema()
    node = {name: value for name, value in whole["properties"]["services"].items() if name != "properties"}
    return {**node, "$defs": whole["$defs"]}


def faults(document: Document, node: Mapping[str, Any] | None = None) -> dict[Place, FileFault]:
    """Return the faults of *document*, at most one a place, by *node* or the schema of gitdailies.yml."""
    return {
        place: FileFault(document.line(place), setting_name(place), text)
        for place, text in described(document, node or schema(), hidden=is_secret).items()
    }


def described(
    document: Document, node: Mapping[str, Any], *, hidden: Callable[[Place], bool] = lambda _place: False
) -> dict[Place, str]:
    """Return what the schema *node* finds in *document*, at most one text for each place.

    Every node of a schema has `x-expected`. Below a *hidden* place, no value or name is repeated.
    """
    # Importing it takes longer than a command without a configuration.
    from jsonschema import Draft202012Validator

    found: dict[Place, str] = {}
    # A wrong type explains other errors at the same place.
    errors = sorted(
        Draft202012Validator(node).iter_errors(document.value), key=lambda error: error.validator != "type"
    )
    for place, text in _described(errors, _Reading(document, node, hidden)):
        found.setdefault(place, text)
    return found


class _Reading(NamedTuple):
    document: Document
    schema: Mapping[str, Any]
    hidden: Callable[[Place], bool]


def _described(errors: "Iterable[ValidationError]", reading: _Reading) -> Iterator[tuple[Place, str]]:
    document = reading.document
    for error in errors:
        place: Place = tuple(error.absolute_path)
        # Every node of our schema is an object; the stubs allow `true` as well.
        node: Any = error.schema
        wanted: Any = error.validator_value
        secret = _secret_root(place, reading)
        if secret is not None:
            yield secret, _about_secret(document, secret)
        elif error.validator == "anyOf":
            yield from _described(_meant(error), reading)
        elif error.validator == "additionalProperties":
            yield from _unknown(node.get("properties", {}), document.value_at(place), place)
        elif error.validator == "required":
            for name in wanted:
                if name not in document.value_at(place):
                    yield (*place, name), f"expected {_expected(node, name, reading.schema)}, got nothing"
        elif "propertyNames" in error.absolute_schema_path:
            name = str(error.instance)
            yield (*place, name), f"expected {node['x-expected']}, got another name"
        else:
            yield place, f"expected {node['x-expected']}, got {_got(error.instance)}"


def _secret_root(place: Place, reading: _Reading) -> Place | None:
    document = reading.document
    for end in range(2, len(place) + 1):
        # Where a list of secrets belongs, there may be the secret itself. A list is reported by item.
        if reading.hidden(place[:end]) and not isinstance(document.value_at(place[:end]), list):
            return place[:end]
    return None


def _about_secret(document: Document, place: Place) -> str:
    value = document.value_at(place)
    if place[-1] == "secrets":
        if isinstance(value, dict) and set(value) <= {"env", "file"}:
            return f"expected a list of {_SOURCE}, got one without the brackets of a list"
        return f"expected a list of {_SOURCE}, got a value; {_NEVER}"
    expected = f"expected {_SOURCE}, got "
    if not isinstance(value, dict):
        return f"{expected}a value; {_NEVER}"
    if set(value) == {"env", "file"}:
        return expected + "both"
    if not value:
        return expected + "none"
    for name in value:
        if name in ("env", "file"):
            continue
        # Only a name that is similar to env or file is certainly not the secret itself.
        return f"{expected}another name{did_you_mean(name, ('env', 'file'))}; {_NEVER}"
    named = "env, the name of a variable in capitals" if "env" in value else "file, the path of a file"
    return f"expected {named}, got a value; {_NEVER}"


def _meant(error: "ValidationError") -> "list[ValidationError]":
    """Return the errors of the branch of `anyOf` whose type fits, or one error for all branches.

    If several fit, it is the branch with the fewest missing or wrong names.
    """
    branches: dict[Any, list[ValidationError]] = {}
    for one in error.context or ():
        branches.setdefault(one.schema_path[0], []).append(one)
    fitting = [
        errors
        for errors in branches.values()
        if not any(one.validator == "type" and not one.relative_path for one in errors)
    ]
    given: Any = error.instance
    nodes: list[Any] = [{} if one.relative_path else one.schema for errors in fitting for one in errors]
    is_one_of_many = isinstance(given, dict) and len(fitting) >= _MANY
    if fitting and not (
        is_one_of_many and all(given.keys().isdisjoint(node.get("properties", given)) for node in nodes)
    ):
        wrong_name = ("required", "additionalProperties")
        return min(fitting, key=lambda errors: sum(one.validator in wrong_name for one in errors))
    error.validator = "type"
    return [error]


def _unknown(names: Any, given: Any, place: Place) -> Iterator[tuple[Place, str]]:
    for name in given:
        if name not in names:
            near = did_you_mean(_RENAMED.get(name, name), names)
            text = f"expected one of {', '.join(names)}, got another name{near}"
            yield (*place, name), text


def _expected(node: Any, name: str, schema: Mapping[str, Any]) -> str:
    child = node["properties"][name]
    if "$ref" in child:
        child = reduce(getitem, child["$ref"].removeprefix("#/").split("/"), schema)
    text: str = child["x-expected"]
    return text


def _got(value: Any) -> str:
    if isinstance(value, str) and ("://" in value or "@" in value):
        # An address may contain a password.
        return "a value"
    return "an empty list" if value == [] else got(value)
