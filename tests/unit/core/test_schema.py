"""The published schema and the code accept and refuse the same bodies."""

import json
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from gitdailies_core.errors import InvalidEvent
from gitdailies_core.events.events import KINDS, Event
from gitdailies_core.events.field_types import COMMITS, FieldType
from gitdailies_core.events.kind import Field, Kind
from gitdailies_core.events.schema import event_schema
from hypothesis import given, settings
from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for

from tests.support.forms import examples

SCHEMA = json.loads(json.dumps(event_schema()))
VALIDATOR = Draft202012Validator(SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER)

ODD = json.loads((Path(__file__).parent / "data/odd_values.json").read_text("utf-8"))
MOMENTS = [*ODD["moments"], *ODD["no moments"]]
WORDS = [
    *ODD["words"],
    *("g" * 40, "a" * 64, "a" * 65),
    *("x" * 255, "x" * 256, "😀" * 255, "😀" * 256, "t" * 1000, "t" * 1001),
    "https://larkspur.example/" + "p" * 2000,
]
words = st.one_of(st.sampled_from(WORDS), st.sampled_from(MOMENTS), st.text(max_size=20))
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), words)
anything = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)
commits = st.lists(
    st.one_of(
        anything,
        st.fixed_dictionaries(
            {"sha": st.one_of(scalars, st.just("abcdef0"))}, optional={"time": scalars, "x": anything}
        ),
    ),
    max_size=4,
)
names = st.sampled_from(sorted({field.name for kind in KINDS for field in kind.fields} | {"kind", "unknown"}))


def accepted_by_code(body: Any) -> bool:
    try:
        Event.from_wire(body)
    except InvalidEvent:
        return False
    return True


def fitting(kind: FieldType) -> st.SearchStrategy[Any]:
    """Values of a type, and values that are nearly of it."""
    if kind is COMMITS:
        return st.one_of(commits, anything)
    right = st.sampled_from(kind.words) if kind.words else st.from_regex(kind.pattern)
    return st.one_of(right, words, anything)


@st.composite
def bodies(draw: Any) -> Any:
    """An example with some of its fields replaced, added or taken away."""
    kind: Kind = draw(st.sampled_from(KINDS))
    body = dict(kind.example)
    fields: list[Field] = draw(st.lists(st.sampled_from(kind.fields), max_size=3))
    for field in fields:
        body[field.name] = draw(fitting(field.type))
    body.update(draw(st.dictionaries(names, anything, max_size=2)))
    for name in draw(st.sets(names, max_size=1)):
        body.pop(name, None)
    return body


@given(bodies())
@settings(max_examples=examples(400))
def test_schema_and_code_agree_on_changed_examples(body: Any) -> None:
    """A body near to an example is valid to both or to neither."""
    assert VALIDATOR.is_valid(body) == accepted_by_code(body)


@pytest.mark.parametrize("value", [*MOMENTS, *WORDS, None, 0, [], {}], ids=ascii)
def test_schema_and_code_agree_on_every_field(value: Any) -> None:
    """Each odd value, put into each field of each kind, is valid to both or to neither."""
    commits = [{"sha": value}], [{"sha": "abcdef0", "time": value}]
    for kind in KINDS:
        changes = [{name: value} for name in ["kind", *(field.name for field in kind.fields)]]
        for change in (*changes, *({"commits": one} for one in commits)):
            body = {**kind.example, **change}
            assert VALIDATOR.is_valid(body) == accepted_by_code(body), (kind.word, change)


@pytest.mark.parametrize("count", [0, 1000, 1001])
def test_schema_and_code_agree_on_the_number_of_commits(count: int) -> None:
    """Any number is taken by both; an event keeps the first thousand."""
    body = {**KINDS[0].example, "commits": [{"sha": f"{number:07x}"} for number in range(count)]}

    assert VALIDATOR.is_valid(body)
    assert Event.from_wire(body).get("commits") == body["commits"][:1000]


def test_the_agreement_is_not_one_of_refusing_everything() -> None:
    """Of the odd times and words, both accept some and refuse some."""
    for field, values in (("time", MOMENTS), ("repo", WORDS), ("environment", WORDS)):
        found = {accepted_by_code({**KINDS[0].example, field: value}) for value in values}
        assert found == {True, False}


def test_the_published_schema_is_valid_and_its_examples_are() -> None:
    """The file is JSON Schema of the draft it names, and each kind's example passes it."""
    validator_for(SCHEMA, default=None).check_schema(SCHEMA)

    for definition in SCHEMA["$defs"].values():
        for body in definition["examples"]:
            VALIDATOR.validate(body)
    assert len(SCHEMA["$defs"]) == len(KINDS)
