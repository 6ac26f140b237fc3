"""Every example of every installed adapter: a running relay and `gitdailies translate` say the same."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from gitdailies_cli.main import gitdailies
from gitdailies_core.contract import checks
from gitdailies_core.contract.mutations import Example
from gitdailies_core.errors import UnreadableBody
from gitdailies_core.sources import registry
from gitdailies_relay.store import store
from gitdailies_server.storage.sqlite import SqliteDatabase

from tests.support.processes import eventually
from tests.support.relay.deliveries import JSON, Delivery
from tests.support.relay.receiver import Receiver
from tests.support.relay.running import NOBODY, Relay, configure, in_thread

REPEATED = "a redelivery of something stored"


def as_it_stands(example: Example) -> bytes:
    return example.request.body


def compact(example: Example) -> bytes:
    """Write JSON on one line; what is no JSON stays."""
    try:
        value = example.request.json()
    except UnreadableBody:
        return example.request.body
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


LAYOUTS = (as_it_stands, compact)


def sources(adapter: str) -> dict[str, tuple[dict[str, Any], list[Example]]]:
    """Group an adapter's examples by their options: each group is a source of its own."""
    groups: dict[str, tuple[dict[str, Any], list[Example]]] = {}
    for example in checks.examples(registry.adapter(adapter)):
        words = "-".join(str(value) for value in example.options.values()).lower()
        groups.setdefault(f"{adapter}-{words}".strip("-"), (dict(example.options), []))[1].append(example)
    return groups


@cache
def vector(adapter: str) -> dict[str, Any]:
    """Return an adapter's first signature vector that is accepted, with the digest of its own body."""
    folder = files(registry.adapter(adapter).examples) / "examples"
    vectors = json.loads((folder / "signatures.json").read_text("utf-8"))
    found: dict[str, Any] = next(one for one in vectors if one["accepted"])
    (secret,) = found["secrets"]
    return {**found, "digest": digest(secret, (folder / found["body"]).read_bytes())}


def digest(secret: str, body: bytes) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def proven(adapter: str, source: str, body: bytes, kind: str) -> Delivery:
    """Prove a body as the vector proves its own: with its token, or with this body's digest."""
    own = vector(adapter)
    signature = digest(own["secrets"][0], body)
    proof = {name: value.replace(own["digest"], signature) for name, value in own["headers"].items()}
    return Delivery(source, body, {"content-type": kind, **proof})


def configured(folder: Path, adapter: str, url: str) -> Path:
    file = configure(folder, url=url)
    head = (
        file.read_text()
        .partition("sources:")[0]
        .replace("services:", 'services:\n  "*": {repo: "larkspur/{service}"}')
    )
    (folder / f"{adapter}-vector-secret").write_text(vector(adapter)["secrets"][0])
    header = f"header: {vector(adapter)['header']}, " if "header" in vector(adapter) else ""
    lines = [
        f"  {name}: {{adapter: {adapter}, secrets: [{{file: {adapter}-vector-secret}}], {header}"
        f"options: {json.dumps(options)}}}"
        for name, (options, _) in sources(adapter).items()
    ]
    file.write_text("\n".join([head + "sources:", *lines]) + "\n")
    return file


def translated(
    file: Path, folder: Path, source: str, bodies: list[tuple[str, bytes]]
) -> list[dict[str, Any]]:
    """Return what the command says of each body, in one call: events, or the text of a reason."""
    paths = []
    for number, (kind, body) in enumerate(bodies):
        path = folder / f"{number:03}.{'json' if kind == JSON else 'form'}"
        path.write_bytes(body)
        paths.append(str(path))
    result = CliRunner().invoke(gitdailies, ["translate", source, *paths, "--config", str(file), "--json"])
    assert result.exit_code == 0, result.output
    outcomes = [json.loads(line) for line in result.stdout.splitlines()]
    return [
        {
            name: value["text"] if isinstance(value, dict) else value
            for name, value in one.items()
            if name != "file"
        }
        for one in outcomes
    ]


def relayed(relay: Relay, delivery: Delivery) -> dict[str, Any]:
    """Return what the relay made of a delivery, in the command's words."""
    answer = delivery.post(relay.url)
    reply = answer.json()
    if reply["status"] in ("quarantined", "unreadable"):
        assert answer.status_code == (202 if reply["status"] == "quarantined" else 400)
        return {"quarantined" if reply["status"] == "quarantined" else "rejected": reply["reason"]}
    assert answer.status_code == (202 if "events" in reply else 200)
    with store.reading(SqliteDatabase(relay.store)) as connection:
        rows = connection.execute(
            "SELECT outcome, reason, events FROM deliveries WHERE delivery = ? ORDER BY seq",
            (reply["delivery"],),
        ).fetchall()
        bodies = dict(connection.execute("SELECT id, body FROM events").fetchall())
    events = [
        json.loads(bodies[id_])
        for outcome, _, ids in rows
        if outcome != "repeated"
        for id_ in json.loads(ids)
    ]
    # The relay also says which line of services gave the repository.
    texts = [
        text for _, reason, _ in rows for text in reason.split("; ") if not text.startswith("mapped by ")
    ]
    reasons = "; ".join(filter(None, texts))
    found: dict[str, Any] = {"events": events} if events else {}
    return {**found, "ignored": reasons} if reasons else found


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("adapter", registry.names())
def test_a_relay_makes_of_an_example_what_translate_says(
    adapter: str, layout: Callable[[Example], bytes], tmp_path: Path, receiver: Receiver
) -> None:
    """Both give the same events, and the same reasons to ignore, quarantine or reject, in the same order."""
    file = configured(tmp_path, adapter, receiver.url)
    arrived: list[dict[str, Any]] = []
    with in_thread(file) as relay:
        for source, (_, examples) in sources(adapter).items():
            bodies = [(one.request.header("content-type"), layout(one)) for one in examples]
            expected = translated(file, tmp_path, source, bodies)
            for example, (kind, body), outcome in zip(examples, bodies, expected, strict=True):
                found = relayed(relay, proven(adapter, source, body, kind))
                assert found == outcome, f"{source}/{example.name}"
                arrived += outcome.get("events", ())
        assert arrived
        eventually(lambda: len(receiver.taken()) == len(arrived))
    by_id = {event["id"]: event for event in receiver.taken()}
    assert [by_id[event["id"]] for event in arrived] == arrived


@pytest.mark.parametrize("adapter", registry.names())
def test_an_example_without_its_proof_is_refused(adapter: str, tmp_path: Path) -> None:
    """With a proof that differs in one character, or without one, no example is taken."""
    (source, (_, examples)), *_ = sources(adapter).items()
    with in_thread(configured(tmp_path, adapter, NOBODY)) as relay:
        for example in examples:
            right = proven(adapter, source, example.request.body, example.request.header("content-type"))
            for name in vector(adapter)["headers"]:
                # Hexadecimal or not, the last character is another one.
                value = right.headers[name][:-1] + ("0" if right.headers[name][-1] != "0" else "1")
                wrong = Delivery(source, right.body, {**right.headers, name: value})
                assert wrong.post(relay.url).status_code == 401
            without = {"content-type": right.headers["content-type"]}
            assert Delivery(source, right.body, without).post(relay.url).status_code == 401
        assert relay.status()["deliveries"] == {}
