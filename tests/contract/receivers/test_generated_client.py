"""A client that a generator makes of the OpenAPI document works, and has every model."""

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gitdailies_dora.api.openapi import document

from tests.support.dora.payloads import body
from tests.support.dora.running import Receiver

PACKAGE = "gitdailies_generated"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The package that openapi-python-client makes; what it cannot express is an error."""
    folder = tmp_path_factory.mktemp("client")
    (folder / "openapi.json").write_text(json.dumps(document()))
    (folder / "config.yml").write_text(f"package_name_override: {PACKAGE}\n")
    programs = Path(sys.executable).parent
    made = subprocess.run(
        [
            programs / "openapi-python-client",
            "generate",
            *("--path", "openapi.json", "--config", "config.yml"),
            *("--meta", "none", "--fail-on-warning"),
        ],
        cwd=folder,
        env={**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    sys.path.insert(0, str(folder))
    yield importlib.import_module(PACKAGE)
    sys.path.remove(str(folder))


def test_every_model_is_a_class(client: Any) -> None:
    """Each component that is an object is a class of the client, with all of its fields."""
    models = importlib.import_module(f"{PACKAGE}.models")
    schemas = document()["components"]["schemas"]
    objects = {name: schema for name, schema in schemas.items() if "properties" in schema}
    made = {name.casefold(): getattr(models, name) for name in models.__all__}
    for name, schema in objects.items():
        title = schema.get("title", name).replace(" ", "").replace(",", "")
        fields = made[title.casefold()].__attrs_attrs__
        assert len(fields) >= len(schema["properties"]), name


def test_every_object_has_a_name() -> None:
    """No object with fields is left without a name of its own."""

    def unnamed(value: Any, path: tuple[str, ...]) -> Iterator[str]:
        if isinstance(value, dict):
            own = len(path) == 3 and path[:2] == ("components", "schemas")
            if "properties" in value and value.get("type") == "object" and not own:
                yield "/".join(path)
            for key, inner in value.items():
                yield from unnamed(inner, (*path, key))
        elif isinstance(value, list):
            for number, inner in enumerate(value):
                yield from unnamed(inner, (*path, str(number)))

    assert list(unnamed(document(), ())) == []


def test_the_client_sends_and_reads(client: Any, receiver: Receiver) -> None:
    """Events that it sends come back as its models, and so do the figures."""
    models = importlib.import_module(f"{PACKAGE}.models")
    calls = {
        name: importlib.import_module(f"{PACKAGE}.api.default.{name}")
        for name in ("send", "list_events", "figures", "why")
    }
    token = receiver.key("all", "send", "read")
    with client.AuthenticatedClient(base_url=receiver.url, token=token) as connection:
        event = models.DeployOccurred.from_dict(body("deploy"))
        assert isinstance(calls["send"].sync(client=connection, body=event), models.Taken)
        listed = calls["list_events"].sync(client=connection)
        assert [type(one).__name__ for one in listed.events] == ["DeployOccurredStored"]
        assert listed.events[0].commit_sha == event.commit_sha
        figures = calls["figures"].sync(client=connection, from_="2026-03-01")
        assert figures.figures.deployment_frequency.deploys == 1
        assert len(calls["why"].sync(client=connection, from_="2026-03-01").events) == 1
