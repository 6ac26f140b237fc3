"""Every source pack keeps the contract, and a new one needs its folder alone."""

import json
import re
import shutil
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest
import yaml
from gitdailies_core.contract import checks, elements
from gitdailies_core.errors import MappingError
from gitdailies_core.sources import registry
from gitdailies_core.sources.protocol import Change, Ignored
from gitdailies_sources import reading, shipped
from jsonschema import Draft202012Validator

ROOT = Path(str(files("gitdailies_sources"))) / "packs"


@pytest.mark.parametrize("name", registry.pack_names())
def test_a_pack_keeps_the_contract(name):
    """Examples, broken variants, an unknown word, a group with one broken element, and proofs."""
    assert list(checks.faults(registry.adapter(name))) == []


def test_a_pack_that_was_checked_against_source_code_names_it():
    """The repository, the commit and the files, so that the next one can look again."""
    for folder in ROOT.glob("*/source.yaml"):
        pack = yaml.safe_load(folder.read_text())
        assert pack["verified"] != "source" or "source_code" in pack, folder.parent.name
        assert pack["verified"] in ("source", "live") or "source_code" not in pack, folder.parent.name
        assert re.search(r"^\S+/\S+ [0-9a-f]{7,}, \S", pack.get("source_code", "a/b 1234567, c"))


def test_every_folder_is_a_pack():
    """The registry finds each folder with a source.yaml, with no list of them."""
    folders = {path.parent.name for path in ROOT.glob("*/source.yaml")}
    assert folders == set(registry.pack_names())
    assert len(folders) > 40


def test_a_page_of_a_pack_links_to_nothing_outside_the_package():
    """The pages are installed with the packs; the repository around them is not."""
    pages = list(ROOT.glob("*/README.md"))
    assert len(pages) > 40
    links = [
        (page.parent.name, target)
        for page in pages
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text())
    ]
    assert [(name, target) for name, target in links if not target.startswith("https://")] == []


def test_the_schema_of_packs_is_one():
    """Editors can use it, and each node says what it expects."""
    schema = shipped.schema()
    Draft202012Validator.check_schema(schema)
    nodes = [schema]
    while nodes:
        node = nodes.pop()
        if not {"$ref", "const"} & set(node) and node is not schema:
            assert "x-expected" in node, node
        for name in ("properties", "$defs"):
            nodes += node.get(name, {}).values()
        nodes += [
            node[name] for name in ("items", "additionalProperties") if isinstance(node.get(name), dict)
        ]
        nodes += node.get("anyOf", [])


def test_a_new_pack_needs_its_folder_alone(tmp_path, monkeypatch):
    """A copy of a folder under another name is listed, loads and translates."""
    example = next(one for one in checks.examples(registry.adapter("opsgenie")) if one.name == "Create")
    folder = tmp_path / "gitdailies_sources"
    shutil.copytree(ROOT / "opsgenie", folder / "packs" / "newcomer")
    source = folder / "packs/newcomer/source.yaml"
    source.write_text(source.read_text().replace("name: opsgenie", "name: newcomer"))
    shutil.copy(ROOT.parent / "pack.schema.json", folder)
    monkeypatch.setattr(shipped, "files", lambda _package: folder)
    assert shipped.provider.names() == ["newcomer"]
    pack = shipped.provider.load("newcomer")
    assert not isinstance(pack.translate(example.request, {})[0], Ignored)


def test_an_override_replaces_single_fields_and_words():
    """The other fields stay; a word is added to the table or replaced in it."""
    pack = registry.compile_source(
        "opsgenie",
        override={
            "incident": {"service": "alert.team", "states": {"Close": "not the end", "Shut": "resolved"}}
        },
    )
    own = registry.adapter("opsgenie")
    assert pack.table["Close"] == "not the end"
    assert pack.table["Shut"] == "resolved"
    assert {**pack.table, "Close": "", "Shut": ""} == {**own.table, "Close": "", "Shut": ""}
    example = next(one for one in checks.examples(own) if one.name == "Create")
    body = json.loads(example.request.body)
    body["alert"]["team"] = "payments"
    request = type(example.request).make(headers={}, body=json.dumps(body).encode())
    (message,) = pack.translate(request, {})
    (before,) = own.translate(request, {})
    assert isinstance(message, Change)
    assert isinstance(before, Change)
    assert [service.name for service in message.services] == ["payments"]
    assert replace(message, services=before.services) == before


@pytest.mark.parametrize(
    ("override", "place", "text"),
    [
        ({"incidents": {}}, ("override", "incidents"), "did you mean incident"),
        ({"incident": {"servise": "x"}}, ("override", "incident", "servise"), "did you mean service"),
        ({"incident": {"service": "a..b"}}, ("override", "incident", "service"), "expected a path"),
        ({"incident": {"service": True}}, ("override", "incident", "service"), "put it in quotes"),
    ],
)
def test_a_wrong_override_names_its_place(override, place, text):
    """The place is inside the override, so that gitdailies.yml's line is named."""
    with pytest.raises(MappingError) as caught:
        registry.compile_source("opsgenie", override=override)
    assert list(caught.value.places) == [place]
    assert text in caught.value.places[place]


def test_the_checks_find_a_pack_that_counts_an_unknown_word():
    """A table whose words fit everything is a fault."""
    own = registry.adapter("opsgenie")
    broken = registry.compile_source("opsgenie", override={"incident": {"states": {"*": "started"}}})
    cases = checks.examples(own)
    assert list(elements.faults(own, cases)) == []
    assert any("expected no count" in fault for fault in elements.faults(broken, cases))


def test_a_mapping_needs_a_name_for_its_message_or_none():
    """One message stands by itself, several have names; both give the same."""
    fields = {"state": "what", "states": {"OPEN": "started"}, "incident": "id", "started_at": "at"}
    single = {"proof": "github", **fields}
    several = {"proof": "github", "messages": {"incident": fields}}
    schema = shipped.schema()
    one, other = (reading.mapping(given, schema, name="x") for given in (single, several))
    assert one.table == other.table == {"OPEN": "started"}
