"""The published document: fresh, consistent in itself, and true of the running server."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import requests
from gitdailies_core.events.events import KINDS
from gitdailies_dora.api.app import create_app
from gitdailies_dora.api.openapi import document
from gitdailies_dora.events.problem import MEDIA_TYPE, PROBLEMS, URN
from gitdailies_dora.pages.frame.site import Site
from gitdailies_dora.pages.routes import routes as page_routes
from jsonschema import Draft202012Validator
from starlette.routing import Route

from tests.support.dora.bare import bare_installation
from tests.support.dora.running import Receiver
from tests.support.relay.sockets import exchange

ROOT = Path(__file__).resolve().parents[3]


@cache
def validator(name: str) -> Draft202012Validator:
    schema = {"$ref": f"#/components/schemas/{name}", "components": document()["components"]}
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


def strings(value: Any, name: str) -> Iterator[str]:
    """Find every value of *name* in a document, at any depth."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == name and isinstance(inner, str):
                yield inner
            yield from strings(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner, name)


def test_the_document_tells_senders_whose_receiver_it_is(receiver: Receiver) -> None:
    """The running server serves the document without a key, with the mark of our receiver."""
    served = requests.get(receiver.url + "/openapi.json", timeout=30).json()
    assert served == json.loads(json.dumps(document()))
    assert (served["openapi"], served["info"]["x-gitdailies-receiver"]) == ("3.1.0", "ours")


def test_every_reference_leads_somewhere() -> None:
    """Every $ref and every discriminator points at an existing schema."""
    whole = document()
    schemas = {f"#/components/schemas/{name}" for name in whole["components"]["schemas"]}
    mapped = whole["components"]["schemas"]["Event"]["discriminator"]["mapping"].values()
    assert set(strings(whole, "$ref")) | set(mapped) <= schemas
    for schema in whole["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_every_example_is_valid_and_is_taken(receiver: Receiver) -> None:
    """The document's example of each kind validates as an event and is created by the server."""
    content = document()["paths"]["/webhooks"]["post"]["requestBody"]["content"]["application/json"]
    examples = {name: example["value"] for name, example in content["examples"].items()}
    assert examples.keys() == {kind.word for kind in KINDS}
    key = receiver.key("ci")
    for example in examples.values():
        validator("Event").validate(example)
        assert receiver.post(key, example).json()["status"] == "created"


def test_every_path_and_method_is_in_the_document() -> None:
    """What the application routes and what the document describes are the same, but for the pages."""
    app = create_app(bare_installation())
    routes = {
        (route.path.replace(":path", ""), method.lower())
        for route in app.routes
        if isinstance(route, Route)
        for method in route.methods - {"HEAD"}
    }
    of_pages = {
        (route.path.replace(":path", ""), method.lower())
        for route in page_routes(Site(bare_installation()), {})
        if isinstance(route, Route)
        for method in route.methods - {"HEAD"}
    }
    described = {(path, method) for path, item in document()["paths"].items() for method in item}
    assert routes - {("/", "get")} - of_pages == described
    assert of_pages & described == set()


@pytest.mark.parametrize(
    ("head", "word"),
    [
        (b"transfer-encoding: u\r\n\r\n", "not-implemented"),
        (b": no name\r\n\r\n", "not-http"),
        (b"a: b\r\n" * 101 + b"\r\n", "head-too-large"),
        (b"a: " + b"b" * 65 * 1024 + b"\r\n\r\n", "head-too-large"),
    ],
)
def test_what_the_server_answers_by_itself_is_a_problem(receiver: Receiver, head: bytes, word: str) -> None:
    """A request that never reaches the application has an answer that its operation describes."""
    status = PROBLEMS[word].status
    for path, item in document()["paths"].items():
        for method, operation in item.items():
            target = f"{method.upper()} {path.replace('{id}', 'x')} HTTP/1.1\r\n"
            answer = exchange(receiver.url, target.encode() + head)
            told = operation["responses"][str(status)]
            assert (answer.status, answer.headers["content-type"]) == (status, MEDIA_TYPE), target
            assert MEDIA_TYPE in told["content"]
            assert f"`{word}`" in json.dumps(operation)
            validator("ProblemDetails").validate(answer.json())
            assert answer.json()["type"] == URN + word


def test_every_problem_is_described_where_it_can_happen() -> None:
    """Each problem of the table, but for that of the pages, is in an answer of some operation."""
    text = json.dumps(document()["paths"])
    assert {word for word in PROBLEMS if f"`{word}`" not in text} == {"form"}


def test_every_word_of_a_problem_is_explained() -> None:
    """The words that end the type of a problem are a table in the document, and one in the documentation."""
    type_ = document()["components"]["schemas"]["ProblemDetails"]["properties"]["type"]
    written = (ROOT / "docs/dora-server.md").read_text()
    assert type_["enum"] == [f"urn:gitdailies:problem:{word}" for word in PROBLEMS]
    for word, kind in PROBLEMS.items():
        assert f"| `{word}` | {kind.status} | {kind.title} |" in type_["description"]
        assert re.search(rf"^\| {kind.status} \|.*`{word}`", written, re.MULTILINE), word
