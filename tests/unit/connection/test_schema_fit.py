"""A value fits a schema exactly where jsonschema finds no fault."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from gitdailies_connection.config import schema_errors, yaml_document
from gitdailies_connection.config.schema_fit import fits
from gitdailies_core.errors import ConfigurationError
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

ROOT = Path(__file__).resolve().parents[3]
CONFIGURATION = schema_errors.schema()
PACK = json.loads((ROOT / "sources/gitdailies_sources/pack.schema.json").read_text())
# Values of every type, of which some are right at some places.
SCALARS = (None, True, False, 0, 1, -1, 2.0, 0.5, 10**9, "", "x", "larkspur/ledger", "*", "127.0.0.1:1")
VALUES = st.one_of(
    st.sampled_from(SCALARS), st.builds(list), st.builds(dict), st.just([None]), st.just({"env": "KEY"})
)


def _documents() -> list[tuple[Any, Any]]:
    found = []
    for schema, files in (
        (CONFIGURATION, (ROOT / "tests/unit/connection/data").glob("*.yml")),
        (PACK, (ROOT / "sources/gitdailies_sources/packs").glob("*/source.yaml")),
    ):
        for file in sorted(files):
            try:
                found.append((schema, yaml_document.parse(file.read_text(), file.name).value))
            except (ConfigurationError, UnicodeDecodeError):
                continue
    return found


DOCUMENTS = _documents()


def _valid(schema: Any, value: Any) -> bool:
    return Draft202012Validator(schema).is_valid(value)


def _places(value: Any) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [(), *((step, *place) for step, one in inner for place in _places(one))]


def test_the_files_of_this_project_fit_and_faults_do_not() -> None:
    """Every file is judged as by jsonschema. Files of both kinds are among them, for each schema."""
    judged = [(schema is PACK, fits(value, schema), _valid(schema, value)) for schema, value in DOCUMENTS]

    assert [ours for _, ours, _ in judged] == [theirs for _, _, theirs in judged]
    assert {(False, True), (False, False), (True, True)} <= {(pack, ours) for pack, ours, _ in judged}


@given(st.data())
def test_a_changed_file_fits_where_jsonschema_finds_no_fault(data: st.DataObject) -> None:
    """After any change of a file, a value, a name or what is missing, both say the same."""
    schema, original = data.draw(st.sampled_from(DOCUMENTS))
    document = {"": deepcopy(original)}
    for _ in range(data.draw(st.integers(1, 3))):
        place = ("", *data.draw(st.sampled_from(_places(document[""]))))
        around: Any = document
        for step in place[:-1]:
            around = around[step]
        how = data.draw(st.sampled_from(("replace", "remove", "rename", "extend")))
        if how == "replace" or len(place) == 1:
            around[place[-1]] = deepcopy(data.draw(VALUES))
        elif how == "remove":
            del around[place[-1]]
        elif how == "rename" and isinstance(around, dict):
            around[data.draw(st.sampled_from(("x", "url", "repo", "*", "")))] = around.pop(place[-1])
        elif isinstance(around[place[-1]], list):
            around[place[-1]] *= data.draw(st.integers(1, 200))

    assert fits(document[""], schema) == _valid(schema, document[""])


@pytest.mark.parametrize("value", [*SCALARS, float("inf"), 10**400, [], {}, [1], {"a": 1}])
@pytest.mark.parametrize(
    "schema",
    [
        *({"type": name} for name in ("array", "boolean", "integer", "null", "number", "object", "string")),
        {"type": ["string", "null"]},
        *({"const": value} for value in (True, False, 1, 0, 2, "x", None)),
        {"enum": [True, "x", 0]},
        {"minimum": 1, "maximum": 2},
        {"minLength": 1, "maxLength": 1},
        {"minItems": 1, "maxItems": 1},
        {"minProperties": 1, "maxProperties": 1},
        {"pattern": "x$"},
        {"not": {"type": "string"}},
        {"if": {"type": "string"}, "then": {"minLength": 1}},
        {"items": False},
        {"items": {"type": "string"}},
        {"properties": {"a": {"type": "string"}}},
        {"propertyNames": {"maxLength": 0}},
        {"properties": {"b": True}, "additionalProperties": False},
        {"required": ["a"]},
        {"anyOf": [{"type": "null"}, {"minimum": 1}]},
        {"$ref": "#/$defs/one", "$defs": {"one": {"type": "array"}}},
    ],
    ids=json.dumps,
)
def test_each_keyword_means_what_it_does_for_jsonschema(schema: Any, value: Any) -> None:
    """Values of every type are judged alike, also those that a keyword is not for."""
    assert fits(value, schema) == _valid(schema, value)


@pytest.mark.parametrize("schema", [{"oneOf": [True]}, {"const": []}, {"not": {"oneOf": [True, True]}}])
def test_nothing_fits_what_is_not_known(schema: Any) -> None:
    """A keyword that only jsonschema knows is left to it, wherever it is."""
    assert not fits([], schema)
