"""Every example of every installed adapter: a running relay and `gitdailies translate` say the same."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from gitdailies_cli.main import gitdailies
from gitdailies_core.contract import checks
from gitdailies_core.contract.mutations import Example
from gitdailies_core.reasons import QUARANTINED
from gitdailies_core.sources import registry
from gitdailies_relay.store import store
from gitdailies_server.storage.sqlite import SqliteDatabase

from tests.support.processes import eventually
from tests.support.relay.deliveries import JSON, SECRETS, TOKEN_HEADER, Delivery, signed
from tests.support.relay.receiver import Receiver
from tests.support.relay.running import Relay, configure, in_thread


def sources(adapter: str) -> dict[str, tuple[dict[str, Any], list[Example]]]:
    """Group an adapter's examples by their options: each group is a source of its own."""
    groups: dict[str, tuple[dict[str, Any], list[Example]]] = {}
    for example in checks.examples(registry.adapter(adapter)):
        words = "-".join(str(value) for value in example.options.values()).lower()
        groups.setdefault(f"{adapter}-{words}".strip("-"), (dict(example.options), []))[1].append(example)
    return groups


def proven(adapter: str, source: str, body: bytes, kind: str) -> Delivery:
    if adapter == "pagerduty":
        return signed(body, source=source)
    return Delivery(source, body, {"content-type": kind, TOKEN_HEADER: SECRETS[f"{adapter}-token"]})


def configured(folder: Path, adapter: str, url: str) -> Path:
    file = configure(folder, url=url)
    head, _, _ = file.read_text().partition("sources:")
    secret = "pagerduty-secret" if adapter == "pagerduty" else f"{adapter}-token"
    header = "" if adapter == "pagerduty" else f"header: {TOKEN_HEADER}, "
    lines = [
        f"  {name}: {{adapter: {adapter}, secrets: [{{file: {secret}}}], {header}"
        f"options: {json.dumps(options)}}}"
        for name, (options, _) in sources(adapter).items()
    ]
    head = head.replace("services:", 'services:\n  "*": {repo: "larkspur/{service}"}')
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
    assert answer.status_code == (200 if reply["status"] == "ignored" else 202)
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
    found: dict[str, Any] = {"events": events} if events else {}
    texts: dict[str, list[str]] = {"ignored": [], "quarantined": []}
    for outcome, reason, _ in rows:
        for text in filter(None, reason.split("; ")):
            # The relay also says which line of services gave the repository.
            if not text.startswith("mapped by "):
                is_quarantined = outcome in QUARANTINED or text.startswith("unmapped: ")
                texts["quarantined" if is_quarantined else "ignored"].append(text)
    return found | {name: "; ".join(some) for name, some in texts.items() if some}


@pytest.mark.parametrize("adapter", registry.names())
def test_a_relay_makes_of_an_example_what_translate_says(
    adapter: str, tmp_path: Path, receiver: Receiver
) -> None:
    """Both give the same events, and the same reasons to ignore, quarantine or reject, in the same order."""
    file = configured(tmp_path, adapter, receiver.url)
    arrived: list[dict[str, Any]] = []
    with in_thread(file) as relay:
        for source, (_, examples) in sources(adapter).items():
            bodies = [(one.request.header("content-type"), one.request.body) for one in examples]
            expected = translated(file, tmp_path, source, bodies)
            for example, (kind, body), outcome in zip(examples, bodies, expected, strict=True):
                found = relayed(relay, proven(adapter, source, body, kind))
                assert found == outcome, f"{source}/{example.name}"
                arrived += outcome.get("events", ())
        assert arrived
        eventually(lambda: len(receiver.taken()) == len(arrived))
    by_id = {event["id"]: event for event in receiver.taken()}
    assert [by_id[event["id"]] for event in arrived] == arrived
