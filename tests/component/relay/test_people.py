"""Fields of people are not stored with the bodies of deliveries, and nothing that counts needs them."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from gitdailies_connection.config.load import load
from gitdailies_core import contract
from gitdailies_core.contract import checks
from gitdailies_core.errors import UnreadableBody
from gitdailies_core.reasons import UNMAPPED
from gitdailies_core.sources import registry
from gitdailies_core.sources.request import Request
from gitdailies_core.sources.stored_body import is_of_people, without_people, without_secrets
from gitdailies_relay.accepting.interpret import interpret
from gitdailies_relay.operations.replay import ReplaySelection
from gitdailies_relay.operations.replay import replay as run_replay
from gitdailies_relay.store.store import reading

from tests.support.relay.deliveries import Delivery, pagerduty, signed
from tests.support.relay.receiver import Receiver
from tests.support.relay.running import Relay, configure, in_thread


def examples(names: Iterable[str]) -> dict[str, tuple[str, Request]]:
    return {
        f"{name}/{one.name}": (name, one.request)
        for name in names
        for one in checks.examples(registry.adapter(name))
    }


EXAMPLES, OF_PACKS = examples(registry.names()), examples(registry.pack_names())


def less(request: Request) -> Request:
    """Return an example as it would be stored."""
    content_type = request.header("content-type")
    return request._replace(body=without_secrets(without_people(request.body, content_type), content_type))


def fields(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        # Of who made a commit, the time stays.
        yield from (
            name for name, item in value.items() if not isinstance(item, dict) or set(item) != {"date"}
        )
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from fields(item)


@pytest.mark.parametrize(
    ("name", "request_"), [*EXAMPLES.values(), *OF_PACKS.values()], ids=[*EXAMPLES, *OF_PACKS]
)
def test_a_body_without_people_means_the_same(name: str, request_: Request) -> None:
    """Each example of each adapter and pack means the same without secrets and the fields of people."""
    adapter, stored = registry.adapter(name), less(request_)
    options = contract.defaults(adapter)

    assert contract.outcome(adapter, stored, options) == contract.outcome(adapter, request_, options)
    try:
        content = stored.form() if stored.is_form else stored.json()
    except UnreadableBody:
        return  # an example that cannot be read, and loses mail addresses alone
    assert [field for field in fields(content) if is_of_people(field)] == []


def test_examples_name_people() -> None:
    """Many examples lose something. Otherwise the test above would prove little."""
    changed = [name for name, request_ in EXAMPLES.values() if less(request_) != request_]
    assert (len(changed) > 20, {"pagerduty", "squadcast"} <= set(changed)) == (True, True)


def test_a_message_without_a_name_has_the_key_of_the_body_as_it_came(tmp_path: Path) -> None:
    """A stored body is replayed under the keys of the original, so that a redelivery of it is a repeat."""
    configuration = load(configure(tmp_path))
    for name, request_ in EXAMPLES.values():
        source = next(one for one in configuration.sources.values() if one.adapter == name)
        digest = hashlib.sha256(request_.body).hexdigest()
        came, stored = (
            interpret(one, source, registry.adapter(name), configuration.routes, "", digest).messages
            for one in (request_, less(request_))
        )
        assert [routed.key for routed in came] == [routed.key for routed in stored]


def with_people(service: str = "unknown-service") -> Delivery:
    body = json.loads(pagerduty("incident.triggered", "Q1", service=service).body)
    body["event"]["agent"] = {"summary": "Kim Larkspur", "email": "kim@larkspur.example"}
    return signed(json.dumps(body).encode())


def stored(relay: Relay, table: str = "quarantine") -> list[tuple[str, str]]:
    with reading(relay.database) as session:
        rows = session.execute(f"SELECT body, digest FROM {table}").fetchall()
    return [(bytes(body).decode(), digest) for body, digest in rows]


def test_a_quarantined_body_names_nobody_and_can_be_replayed(
    relay: Relay, receiver: Receiver, tmp_path: Path
) -> None:
    """The stored body has no person and the digest of the original. After a route was added, it counts."""
    delivery = with_people()
    delivery.post(relay.url)
    ((body, digest),) = stored(relay)
    assert "kim" not in body.lower()
    assert digest == hashlib.sha256(delivery.body).hexdigest()

    file = tmp_path / "gitdailies.yml"
    file.write_text(
        file.read_text().replace("  ledger:", "  unknown-service: {repo: larkspur/new}\n  ledger:")
    )
    configuration = load(file)
    done = run_replay(
        relay.database, configuration.sources, configuration.routes, ReplaySelection(states=(UNMAPPED,))
    )
    assert [len(one.events) for one in done.deliveries] == [1]
    assert delivery.post(relay.url).json()["events"] == [*done.deliveries[0].events]


def test_secrets_and_people_in_a_body_are_nowhere_in_the_store(relay: Relay) -> None:
    """In a stored body, a token is null and people are removed, whatever becomes of the delivery."""
    body = json.loads(pagerduty("incident.triggered", "Q1", service="unknown-service").body)
    body["event"]["agent"] = {"summary": "Kim Larkspur"}
    body["project"] = {"token": "planted-5f1d"}
    body["build"] = {"env": {"DEPLOY_KEY": "planted-5f1d"}}
    body["Payload"] = {"WebhookHeaderValue": "planted-5f1d"}
    signed(json.dumps(body).encode()).post(relay.url)
    body["event"] |= {"event_type": "incident.acknowledged", "id": "e-2"}
    signed(json.dumps(body).encode()).post(relay.url)

    kept = [text for table in ("quarantine", "ignored") for text, _ in stored(relay, table)]
    assert (len(kept), "Kim" in str(kept)) == (2, False)
    assert [json.loads(text)["project"] for text in kept] == [{"token": None}] * 2
    assert b"planted-5f1d" not in relay.store.read_bytes()
    assert b"planted-5f1d" not in relay.store.with_name("relay.db-wal").read_bytes()


def test_keep_people_stores_the_bytes_as_they_came(tmp_path: Path) -> None:
    """With `keep_people: true` at the source, the body is stored byte for byte."""
    file = configure(tmp_path)
    file.write_text(
        file.read_text().replace(
            "pagerduty: {adapter: pagerduty,", "pagerduty: {adapter: pagerduty, keep_people: true,", 1
        )
    )
    delivery = with_people()
    with in_thread(file) as relay:
        delivery.post(relay.url)
        assert [body.encode() for body, _ in stored(relay)] == [delivery.body]
