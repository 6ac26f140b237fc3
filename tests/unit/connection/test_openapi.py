"""A mailed OpenAPI document against our dialect: each difference is named, and no difference is invented."""

import json
from pathlib import Path
from typing import Any

import pytest
from gitdailies_connection.check.openapi import differences
from gitdailies_connection.config.document.yaml_document import read_openapi
from gitdailies_core.events.dialect import Dialect
from gitdailies_core.events.events import KINDS
from gitdailies_core.events.receivers import DOCUMENTED, OURS
from gitdailies_core.events.schema import kind_schema
from gitdailies_dora.api import openapi
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.forms import examples

DATA = Path(__file__).parent / "data" / "openapi"


@pytest.mark.parametrize("file", sorted(DATA.glob("*.yaml")), ids=lambda file: file.stem)
def test_planted_documents(file: Path) -> None:
    """Each planted document gives exactly the differences that its first comments name."""
    expected = [line[2:] for line in file.read_text().splitlines() if line.startswith("# ")]

    assert differences(read_openapi(file), Dialect.make(receiver=DOCUMENTED), path="/webhooks") == expected


def _document(schema: dict[str, Any], **schemas: Any) -> dict[str, Any]:
    body = {"content": {"application/json": {"schema": schema}}}
    return {
        "openapi": "3.1.0",
        "paths": {"/webhooks": {"post": {"security": [{"key": []}], "requestBody": body}}},
        "components": {
            "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "webhook-key"}},
            "schemas": schemas,
        },
    }


def _own() -> dict[str, Any]:
    kinds = {kind.word: kind_schema(kind) for kind in KINDS}
    event = {"oneOf": [{"$ref": f"#/components/schemas/{word}"} for word in kinds]}
    either = {"oneOf": [{"$ref": "#/components/schemas/Event"}, {"type": "array", "items": event}]}
    return _document(either, Event=event, **kinds)


@pytest.mark.parametrize("receiver", [OURS, DOCUMENTED])
def test_own_schema(receiver: str) -> None:
    """A document made from core's own schema differs in nothing."""
    assert differences(_own(), Dialect.make(receiver=receiver), path="/webhooks") == []


@pytest.mark.parametrize("receiver", [OURS, DOCUMENTED])
def test_the_dora_server(receiver: str, tmp_path: Path) -> None:
    """The published document of the DORA server has no difference from our dialect."""
    (tmp_path / "openapi.json").write_text(json.dumps(openapi.document()))
    document = read_openapi(tmp_path / "openapi.json")

    assert differences(document, Dialect.make(receiver=receiver), path="/webhooks") == []


def test_settings_settle_it() -> None:
    """After the settings that the lines name are made, the lines are gone."""
    document = _own()
    schemas = document["components"]["schemas"]
    started = schemas["incidentStarted"]["properties"]
    started["kind"] = {"const": "incident.opened"}
    started["incident"] = started.pop("incidentId")
    schemas["incidentStarted"]["required"].remove("incidentId")
    ended = schemas["incidentResolved"]["properties"]
    ended["incident"] = ended.pop("incidentId")
    schemas["incidentResolved"]["required"].remove("incidentId")
    document["paths"]["/v2/events"] = document["paths"].pop("/webhooks")

    before = differences(document, Dialect.make(receiver=DOCUMENTED), path="/webhooks")
    after = differences(
        document,
        Dialect.make(
            receiver=DOCUMENTED,
            kinds={"incidentStarted": "incident.opened"},
            rename={"incidentId": "incident"},
            path="/v2/events",
        ),
    )

    assert [line.rpartition("set ")[2] for line in before] == [
        "dialect.path: /v2/events",
        "dialect.kinds: {incidentStarted: incident.opened}",
        "dialect.rename: {incidentId: incident}",
        "dialect.rename: {incidentId: incident}",
    ]
    assert after == []


@pytest.mark.parametrize(
    ("schema", "difference"),
    [
        ({"type": "array"}, None),
        ({"type": "array", "items": {"properties": {"sha": {}, "time": {}}}}, None),
        ({"type": "string"}, "we send a list, the document has type string"),
        (
            {"type": "array", "items": {"properties": {"sha": {}, "at": {}}}},
            "we send objects with time, the document has sha, at",
        ),
    ],
)
def test_commits(schema: dict[str, Any], difference: str | None) -> None:
    """The list of commits is compared as a list of objects."""
    document = _own()
    document["components"]["schemas"]["deployed"]["properties"]["commits"] = schema

    found = differences(document, Dialect.make(), path="/webhooks")

    assert found == ([f"deployed.commits: {difference}"] if difference else [])


def test_types_of_deploys() -> None:
    """A document that knows fewer of our words for a type differs, and one that knows more does not."""
    document = _own()
    kind = document["components"]["schemas"]["deployed"]["properties"]

    kind["type"] = {"enum": ["deploy", "rollback", "hotfix", "canary"]}
    assert differences(document, Dialect.make(), path="/webhooks") == []
    kind["type"] = {"enum": ["deploy"]}
    assert differences(document, Dialect.make(), path="/webhooks") == [
        "deployed.type: we send rollback, hotfix too, the document has only deploy"
    ]


def test_a_document_that_names_itself() -> None:
    """References that lead back to themselves end, and a name from the document cannot steer a terminal."""
    loop = {"$ref": "#/components/schemas/A"}
    document = _document(
        loop, A={"allOf": [loop], "oneOf": [loop], "properties": {"kind": {"const": "\x1b[2J"}}}
    )

    found = differences(document, Dialect.make(receiver=DOCUMENTED), path="/webhooks")

    assert "kind deployed: we send deployed, the document has \\x1b[2J" in found


WORDS = [
    *(
        "openapi",
        "paths",
        "/webhooks",
        "post",
        "requestBody",
        "content",
        "application/json",
        "schema",
        "items",
    ),
    *("components", "schemas", "$ref", "oneOf", "anyOf", "allOf", "properties", "required", "kind", "enum"),
    *(
        "const",
        "type",
        "pattern",
        "discriminator",
        "mapping",
        "propertyName",
        "security",
        "parameters",
        "servers",
    ),
]
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["array", "#/paths", "#", "["]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=15,
)


@settings(max_examples=examples(300), deadline=None)
@given(st.data())
def test_any_document(data: st.DataObject) -> None:
    """Any JSON value in any place of a document gives lines, never an exception."""
    document = read_openapi(DATA / data.draw(st.sampled_from(["mailed.yaml", "flat.yaml", "untold.yaml"])))
    inner = document
    while True:
        names = list(inner) if isinstance(inner, dict) else list(range(len(inner)))
        name = data.draw(st.sampled_from(names))
        if not isinstance(inner[name], (dict, list)) or not inner[name] or data.draw(st.booleans()):
            inner[name] = data.draw(VALUES)
            break
        inner = inner[name]

    lines = differences(document, Dialect.make(), path="/webhooks")

    assert all(isinstance(line, str) and line.isprintable() for line in lines)


@pytest.mark.parametrize("document", [None, [], "text", 5, {}, {"openapi": 3.1}, {"openapi": "4.0.0"}])
def test_not_a_document(document: Any) -> None:
    """For a document that is no OpenAPI of a known version there is one line."""
    (line,) = differences(document, Dialect.make())

    assert line.startswith("document: expected OpenAPI 3.0 or 3.1, got ")
