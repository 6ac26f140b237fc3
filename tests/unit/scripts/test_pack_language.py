"""The page of the language has every key of the schema, and its examples are ones that the compiler takes."""

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from gitdailies_core.sources import registry
from gitdailies_sources import shipped
from gitdailies_sources.language import values
from gitdailies_sources.language.faults import Faults
from gitdailies_sources.messages.entries import PING, STATES
from gitdailies_sources.proofs.signatures import PRESETS
from jsonschema import Draft202012Validator

from scripts.generators import pack_language

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = json.loads((ROOT / "sources/gitdailies_sources/pack.schema.json").read_text())
DEFINITIONS = SCHEMA["$defs"]
PAGE = (ROOT / pack_language.PAGE).read_text()
# A message that reads every state, so that the compiler reads every field.
FIELDS: dict[str, Any] = {
    "state": "state",
    "states": {one: one for one in STATES},
    **dict.fromkeys(("incident", "repo", "ref", "sha", "after", "former"), "a.b"),
    **dict.fromkeys(("started_at", "resolved_at", "reopened_at", "deployed_at"), "received"),
}


def keys(node: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every key below a node, wherever the schema has `properties`."""
    if isinstance(node, dict):
        # A key may be called like a word of JSON Schema, so `properties` is read by its place alone.
        for name, inner in node.get("properties", {}).items():
            yield name, inner
            yield from keys(inner)
        for name, inner in node.items():
            if name == "$defs":
                yield from (one for below in inner.values() for one in keys(below))
            elif name not in ("properties", "examples"):
                yield from keys(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from keys(inner)


KEYS = list(keys(SCHEMA))


LINE = re.compile(r" *\* (?:\*\*)?\[?`(.+?)`(?:\]\(\S+\))?(?:\*\*)?(?: \(.+?\))?: (?=[A-Z`])(.+)")


def test_the_page_has_every_key_with_a_description_and_an_example() -> None:
    """Wherever a key is in the schema, a line of the page shows it and says what it does."""
    lines = [found.groups() for found in map(LINE.fullmatch, PAGE.splitlines()) if found]
    shown = [(yaml.safe_load(f"{{{text}}}"), does) for text, does in lines if re.match(r"\w+: \S", text)]
    described = [(name, node.get("description", "")) for name, node in KEYS]
    assert sorted((*example, does) for example, does in shown) == sorted(described)
    assert len(shown) > 110
    for _, does in shown:
        assert re.fullmatch(r"[A-Z`].+\.", does), does


@pytest.mark.parametrize("missing", ["description", "examples"])
def test_a_key_without_a_description_or_an_example_is_refused(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who adds a key learns it from the generator."""
    schema = copy.deepcopy(dict(shipped.schema()))
    del schema["$defs"]["entry"]["properties"]["reverts"][missing]
    monkeypatch.setattr(shipped, "schema", lambda: schema)
    with pytest.raises(ValueError, match="a description and an example of reverts"):
        pack_language.texts(ROOT)


@pytest.mark.parametrize(("name", "node"), [one for one in KEYS if "examples" in one[1]])
def test_an_example_of_the_schema_fits_its_key(name: str, node: dict[str, Any]) -> None:
    """A key that no pack uses has an example of its own; those of packs are compiled with their packs."""
    validator = Draft202012Validator({**node, "$defs": DEFINITIONS})
    for example in node["examples"]:
        assert [error.message for error in validator.iter_errors(example)] == []
        if name in DEFINITIONS["entry"]["properties"]:
            mapping = {"proof": "github", "messages": {"one": {**FIELDS, name: example}}}
            registry.compile_source("tool", mapping=mapping)


def test_the_words_of_the_page_are_those_of_the_language() -> None:
    """States and presets are whole, and each path and template compiles."""
    assert set(DEFINITIONS["states"]["x-words"]) == {*STATES, PING}
    assert set(DEFINITIONS["one_proof"]["x-words"]) == set(PRESETS)
    for written in DEFINITIONS["path"]["x-words"]:
        for path in written.split(", "):
            faults = Faults()
            values.compiled(path, (), faults)
            assert faults == {}, path


def test_each_field_of_a_message_is_in_one_part() -> None:
    """The parts say what a field is for: all messages, incidents, deploys or pushes."""
    entry = DEFINITIONS["entry"]
    assert [name for part in entry["x-parts"].values() for name in part] == list(entry["properties"])
