"""The schema for editors: one document that describes a whole gitdailies.yml, packs' language included."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from scripts.generators import editor_schema

ROOT = Path(__file__).resolve().parents[3]
PACKS = sorted((ROOT / "sources/gitdailies_sources/packs").glob("*/source.yaml"))
PROOF = {"token": {"header": "X-Relay-Token"}}


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = json.loads(editor_schema.texts(ROOT)[editor_schema.WRITTEN])
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def complaints(validator: Draft202012Validator, source: dict[str, Any]) -> list[str]:
    gitdailies = {"url": "https://gitdailies.example/webhooks", "key": {"env": "KEY"}}
    document = {"gitdailies": gitdailies, "sources": {"tool": {"secrets": [{"env": "TOOL"}], **source}}}
    return [error.json_path for error in validator.iter_errors(document)]


def mapping(**fields: Any) -> dict[str, Any]:
    return {"proof": PROOF, "state": "state", "states": {"up": "resolved"}, "incident": "id", **fields}


def test_a_mapping_and_an_override_are_described(validator: Draft202012Validator) -> None:
    """What the language has is accepted; a field that it does not have is a mistake at the source."""
    assert complaints(validator, {"mapping": mapping(resolved_at="at")}) == []
    assert complaints(validator, {"mapping": mapping(resolvedat="at")}) == ["$.sources.tool.mapping"]
    assert complaints(validator, {"adapter": "rootly", "override": {"incident": {"service": "a.b"}}}) == []
    wrong = {"adapter": "rootly", "override": {"incident": {"servce": "a.b"}}}
    assert complaints(validator, wrong) == ["$.sources.tool.override.incident"]


@pytest.mark.parametrize("pack", PACKS, ids=[one.parent.name for one in PACKS])
def test_the_messages_of_every_pack_are_a_mapping(validator: Draft202012Validator, pack: Path) -> None:
    """A pack's own messages, written as a mapping, have no mistake for an editor."""
    given = yaml.safe_load(pack.read_text(encoding="utf-8"))
    names = ("proof", "class", "key", "skip_if", "only_if", "messages", "otherwise", "no_commit_hint")
    assert complaints(validator, {"mapping": {name: given[name] for name in names if name in given}}) == []
