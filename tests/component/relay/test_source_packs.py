"""Every source pack behind one running relay: a delivery counts with the vendor's proof, and not without."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import requests
from gitdailies_core.contract import checks
from gitdailies_core.contract.mutations import Example
from gitdailies_core.errors import ProofError
from gitdailies_core.reasons import NO_COMMIT
from gitdailies_core.sources import registry
from gitdailies_core.sources.protocol import Adapter, ProofSettings
from gitdailies_core.sources.request import Request
from gitdailies_core.values import times
from gitdailies_core.values.secret import Secret
from gitdailies_relay.intake import app
from gitdailies_server.storage.timestamps import now_us, to_us

from tests.support.relay.running import NOBODY, Relay, configure, in_thread

# Every word of a tool is a deploy here.
ROUTE = '{"*": {repo: larkspur/platform, environment: production, service: web}}'
COUNTED, QUARANTINED = "stored", "quarantined"


@dataclass(frozen=True)
class Proven:
    """An example of a pack with a vector of the pack that proves it, and what the example becomes."""

    example: Example
    vector: Mapping[str, Any]
    status: str

    @property
    def settings(self) -> tuple[Any, ...]:
        """What a source must be configured with, to check the vector."""
        return settings_of(self.vector)


def settings_of(vector: Mapping[str, Any]) -> tuple[Any, ...]:
    return vector["secrets"], vector.get("header", ""), vector.get("user", ""), vector.get("allowed", [])


@cache
def vectors(name: str) -> list[dict[str, Any]]:
    """Return the vectors of a pack that need no certificate, which a relay would have to fetch."""
    text = (files(registry.adapter(name).examples) / "examples" / "signatures.json").read_text("utf-8")
    found: list[dict[str, Any]] = json.loads(text)
    return [vector for vector in found if vector["secrets"]]


@cache
def proven(name: str) -> Proven:
    """Return the first example that counts and is proved; of a pack without, one that names no commit."""
    adapter = registry.adapter(name)
    examples = checks.examples(adapter)
    for status in (COUNTED, QUARANTINED):
        for example in examples:
            if status_of(example) != status:
                continue
            for vector in vectors(name):
                if vector["accepted"] and is_proved(adapter, example, vector):
                    return Proven(example, vector, status)
    raise AssertionError(f"{name}: no vector proves an example that counts; add one to signatures.json")


def status_of(example: Example) -> str:
    """Return the answer that the expected messages of an example ask for, or ""."""
    messages = example.expected.get("messages", ())
    if any("sha" in one or one.get("state") == "started" for one in messages):
        return COUNTED
    return QUARANTINED if any(one.get("code") == NO_COMMIT for one in messages) else ""


def is_proved(adapter: Adapter, example: Example, vector: Mapping[str, Any]) -> bool:
    request = Request.make(
        headers=headers_of(example, vector),
        body=example.request.body,
        query=vector.get("query", {}),
        received_at=received_at(vector),
    )
    settings = ProofSettings(
        vector.get("header", ""), tuple(vector.get("allowed", ())), vector.get("user", "")
    )
    try:
        adapter.verify(request, [Secret(secret) for secret in vector["secrets"]], settings)
    except ProofError:
        return False
    return True


def headers_of(example: Example, vector: Mapping[str, Any]) -> dict[str, str]:
    own = {name.lower(): value for name, value in vector["headers"].items()}
    return {**example.request.headers, **own}


def received_at(vector: Mapping[str, Any]) -> Any:
    text = vector.get("received_at")
    return times.parse(text, "received_at") if text else None


def body_of(name: str, vector: Mapping[str, Any]) -> bytes:
    body = vector["body"]
    if isinstance(body, dict):
        return str(body["text"]).encode()
    return (files(registry.adapter(name).examples) / "examples" / body).read_bytes()


@dataclass
class Behind:
    """A relay whose sources are all packs, and its clock."""

    relay: Relay
    clock: list[int]

    def post(
        self, name: str, body: bytes, headers: Mapping[str, str], vector: Mapping[str, Any]
    ) -> requests.Response:
        """Send a delivery at the time of a vector."""
        self.clock[:] = [to_us(received_at(vector)) or 0]
        latin = {key: value.encode("utf-8") for key, value in headers.items()}
        return requests.post(
            f"{self.relay.url}/hooks/{name}", body, headers=latin, params=vector.get("query"), timeout=20
        )


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Behind]:
    """One relay with every pack as a source of its own name."""
    folder = tmp_path_factory.mktemp("packs")
    file = configure(folder, url=NOBODY)
    head = file.read_text().partition("services:")[0]
    lines = ['services:\n  "*": {repo: larkspur/platform}', "sources:"]
    for name in registry.pack_names():
        source = source_of(folder, name)
        lines += [f"  {name}: {{{source}}}", f"  {name}-captured: {{{source}, capture: true}}"]
    file.write_text(head + "\n".join(lines) + "\n")
    clock = [0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app, "now_us", lambda: clock[0] or now_us())
        with in_thread(file) as relay:
            yield Behind(relay, clock)


def source_of(folder: Path, name: str) -> str:
    secrets, header, user, allowed = proven(name).settings
    refs = []
    for number, secret in enumerate(secrets):
        (folder / f"{name}-{number}").write_text(secret)
        (folder / f"{name}-{number}").chmod(0o600)
        refs.append(f"{{file: {name}-{number}}}")
    more = "".join(
        f", {key}: {json.dumps(value)}"
        for key, value in (("header", header), ("user", user), ("allowed", allowed))
        if value
    )
    kind = getattr(registry.adapter(name), "kind")  # noqa: B009  an adapter in code has none
    more += {"deploy": f", route: {ROUTE}", "alert": ", count: all"}.get(kind, "")
    return f"adapter: {name}, secrets: [{', '.join(refs)}]{more}"


@pytest.mark.parametrize("name", registry.pack_names())
def test_a_proven_delivery_of_a_pack_is_what_its_example_says(name: str, behind: Behind) -> None:
    """A start or a deploy is answered with its event; a deploy without a commit is quarantined."""
    own = proven(name)
    headers = headers_of(own.example, own.vector)
    answer = behind.post(name, own.example.request.body, headers, own.vector)
    assert (answer.status_code, answer.json()["status"]) == (202, own.status), answer.text
    assert bool(answer.json().get("events")) is (own.status == COUNTED)


@pytest.mark.parametrize("name", registry.pack_names())
def test_a_delivery_without_the_right_proof_is_refused(name: str, behind: Behind) -> None:
    """Each vector that the pack's source refuses is answered 401, and says no more than that."""
    own = proven(name)
    refused = [one for one in vectors(name) if not one["accepted"] and settings_of(one) == own.settings]
    for vector in refused:
        answer = behind.post(
            name, body_of(name, vector), {"content-type": "application/json", **vector["headers"]}, vector
        )
        assert (answer.status_code, answer.json()) == (401, {"status": "unauthorized"}), vector["about"]
    assert refused, "no refused vector has the settings of the accepted one"


def test_no_secret_is_in_the_log_or_the_store(behind: Behind) -> None:
    """Not even where a whole delivery is captured, with the headers, parameters and fields that prove it."""
    for name in registry.pack_names():
        own = proven(name)
        headers = headers_of(own.example, own.vector)
        answer = behind.post(f"{name}-captured", own.example.request.body, headers, own.vector)
        assert answer.json()["status"] == QUARANTINED, name
        assert "captured" in answer.json()["reason"]
    logged = "\n".join(str(entry) for entry in behind.relay.log)
    stored = b"".join(path.read_bytes() for path in behind.relay.store.parent.glob("relay.db*"))
    secrets = {secret for name in registry.pack_names() for secret in proven(name).settings[0]}
    assert logged.count("captured: the source has capture: true") == len(registry.pack_names())
    assert {secret for secret in secrets if secret in logged} == set()
    assert {secret for secret in secrets if secret.encode() in stored} == set()
