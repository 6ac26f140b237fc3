"""The published schema: valid, complete, and of one mind with the values it becomes."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import Field, fields
from pathlib import Path
from typing import Any

from gitdailies_connection.config.document.schema_errors import schema
from gitdailies_connection.config.load import STORE
from gitdailies_connection.config.sections.settings import (
    DeploySettings,
    Destination,
    DoraSettings,
    RelaySettings,
)
from gitdailies_connection.config.sections.sign_in import SignInSettings
from jsonschema import Draft202012Validator

OWN_SECTIONS = ("teams", "repositories", "service_paths", "where", "mirror_folders")


def test_is_a_schema() -> None:
    """The schema is valid JSON Schema 2020-12."""
    Draft202012Validator.check_schema(schema())


def test_says_what_it_expects() -> None:
    """Every node that can refuse a value has x-expected."""
    silent = [
        place
        for place, node in _nodes(schema(), "$")
        if node.keys() & {"type", "enum", "anyOf", "pattern"} and "x-expected" not in node
    ]

    assert silent == []


def test_describes_every_setting() -> None:
    """Every named setting has a description for editors, of its own or by reference."""
    defs = schema()["$defs"]
    bare = [
        place
        for place, node in _nodes(schema(), "$")
        if place.rpartition(".")[0].endswith("properties")
        and "description" not in {**defs.get(node.get("$ref", "").rpartition("/")[2], {}), **node}
        and "$ref" not in node
    ]

    assert bare == []


def test_defaults_agree() -> None:
    """Defaults in the schema are those of the settings, and every default of a setting is in the schema."""
    properties = schema()["properties"]
    for section, settings in (("relay", RelaySettings), ("dora", DoraSettings)):
        written = {name: node["default"] for name, node in properties[section]["properties"].items()}
        # These are sections of their own in the file or none at all, and have no default.
        values = [field for field in settings.__dataclass_fields__.values() if field.name not in OWN_SECTIONS]
        assert written == {f.name: STORE if f.name == "store" else _default(f) for f in values}
    destination = {f.name: f.default for f in fields(Destination)}
    written = properties["gitdailies"]["properties"]
    assert {name: node["default"] for name, node in written.items() if "default" in node} == {
        name: destination[name] for name in ("timeout_seconds", "allow_http")
    }


def _default(setting: Field[Any]) -> Any:
    if callable(setting.default_factory):
        made = setting.default_factory()
        if isinstance(made, DeploySettings):
            return {"hotfix": list(made.hotfix)}
        if isinstance(made, SignInSettings):
            return {"passwords": made.passwords}
        return dict(made) if isinstance(made, Mapping) else str(made)
    return list(setting.default) if isinstance(setting.default, tuple) else setting.default


def test_is_in_the_package() -> None:
    """The schema file is JSON in the package, where an editor can read it."""
    import gitdailies_connection

    path = Path(gitdailies_connection.__file__).parent / "config" / "configuration.schema.json"

    assert json.loads(path.read_text()) == schema()


def _nodes(node: Any, place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every schema in a schema: not the maps of names, not the values of examples."""
    yield place, node
    for word in ("items", "additionalProperties", "propertyNames"):
        if isinstance(node.get(word), dict):
            yield from _nodes(node[word], f"{place}.{word}")
    for word in ("properties", "$defs"):
        for name, inner in node.get(word, {}).items():
            yield from _nodes(inner, f"{place}.{word}.{name}")
    for index, inner in enumerate(node.get("anyOf", [])):
        yield from _nodes(inner, f"{place}.anyOf[{index}]")
