"""Every source pack behind one running relay: it takes what the vendor's proof proves, and nothing else."""

import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import requests
from gitdailies_core.sources import registry
from gitdailies_core.values import times
from gitdailies_relay.intake import app
from gitdailies_server.storage.timestamps import now_us, to_us

from tests.support.relay.running import Relay, configure, in_thread

Vector = Mapping[str, Any]


def vectors(name: str) -> list[Vector]:
    """Return the vectors of a pack that need no certificate, which a relay would have to fetch."""
    text = (files(registry.adapter(name).examples) / "examples" / "signatures.json").read_text("utf-8")
    return [vector for vector in json.loads(text) if vector["secrets"]]


def settings_of(vector: Vector) -> dict[str, Any]:
    """Return what a source must be configured with, to check the vector."""
    return {key: vector[key] for key in ("secrets", "header", "user", "allowed") if vector.get(key)}


VECTORS = {name: vectors(name) for name in registry.pack_names()}
SETTINGS = {
    name: settings_of(next(one for one in found if one["accepted"])) for name, found in VECTORS.items()
}


def source_of(folder: Path, name: str) -> str:
    """Write the secrets of a source that captures whole deliveries; return its line."""
    settings = dict(SETTINGS[name])
    refs = []
    for number, secret in enumerate(settings.pop("secrets")):
        (folder / f"{name}-{number}").write_text(secret)
        (folder / f"{name}-{number}").chmod(0o600)
        refs.append(f"{{file: {name}-{number}}}")
    more = "".join(f", {key}: {json.dumps(value)}" for key, value in settings.items())
    # Every word of a tool is a deploy here.
    route = 'route: {"*": {repo: larkspur/platform, environment: production, service: web}}'
    kind = getattr(registry.adapter(name), "kind")  # noqa: B009  an adapter in code has none
    more += {"deploy": f", {route}", "alert": ", count: all"}.get(kind, "")
    return f"  {name}: {{adapter: {name}, secrets: [{', '.join(refs)}], capture: true{more}}}"


def body_of(name: str, vector: Vector) -> bytes:
    body = vector["body"]
    if isinstance(body, dict):
        return str(body["text"]).encode()
    return (files(registry.adapter(name).examples) / "examples" / body).read_bytes()


def post(relay: Relay, name: str, vector: Vector) -> requests.Response:
    headers = {"content-type": "application/json", **vector["headers"]}
    latin = {key: value.encode("utf-8") for key, value in headers.items()}
    url, query = f"{relay.url}/hooks/{name}", vector.get("query")
    return requests.post(url, body_of(name, vector), headers=latin, params=query, timeout=20)


def test_each_pack_takes_what_is_proved_and_keeps_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each vector is captured or 401. No header, parameter and field that proves is in the log or store."""
    clock = [0]
    monkeypatch.setattr(app, "now_us", lambda: clock[0] or now_us())
    file = configure(tmp_path)
    head = file.read_text().partition("services:")[0]
    lines = ['services:\n  "*": {repo: larkspur/platform}', "sources:"]
    lines += [source_of(tmp_path, name) for name in VECTORS]
    file.write_text(head + "\n".join(lines) + "\n")
    taken = set()
    with in_thread(file) as relay:
        for name, vector in ((name, one) for name, found in VECTORS.items() for one in found):
            if settings_of(vector) != SETTINGS[name]:
                continue
            at = vector.get("received_at")
            clock[:] = [(to_us(times.parse(at, "received_at")) or 0) if at else 0]
            answer = post(relay, name, vector)
            if vector["accepted"]:
                assert answer.json()["status"] == "quarantined", (name, vector["about"], answer.text)
                assert "captured" in answer.json()["reason"]
                taken.add(name)
            else:
                assert answer.status_code == 401, (name, vector["about"])
                assert answer.json() == {"status": "unauthorized"}
        logged = "\n".join(str(entry) for entry in relay.log)
        stored = b"".join(path.read_bytes() for path in tmp_path.glob("relay.db*"))
    assert taken == set(VECTORS)
    secrets = {secret for settings in SETTINGS.values() for secret in settings["secrets"]}
    assert {secret for secret in secrets if secret in logged or secret.encode() in stored} == set()
