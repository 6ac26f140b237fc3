"""What a receiver answers to right and wrong events: one table, sent to the receiver of this project.

Rows of `DOCUMENTED` hold for GitDailies as well, as far as its page says.
"""

import json
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
import requests
from gitdailies_core.events.events import KINDS

from tests.support.dora.running import Receiver, in_thread

DEPLOY = {
    "kind": "deployed",
    "repo": "larkspur/checkout-api",
    "branch": "main",
    "commitSHA": "4f0c2d6b8e1a9357c0d4e2f6a8b1c3d5e7f90214",
    "environment": "staging",
}
NOWHERE = {name: value for name, value in DEPLOY.items() if name != "environment"}
KNOWN = {**DEPLOY, "id": "probe-known", "time": "2026-03-04T08:55:12Z"}
VALID = {**DEPLOY, "id": "probe-valid"}
WRONG_KEY = "gdk_0000000000000000000000000000000000000000"


class Probe(NamedTuple):
    """A request, the status of its answer, and parts of the answer's JSON."""

    name: str
    sent: Any
    status: int
    answer: Mapping[str, Any] = MappingProxyType({})
    names: str = ""  # what the text of the answer names
    path: str = ""
    headers: Mapping[str, str] = MappingProxyType({})


DOCUMENTED = [
    Probe("no key", DEPLOY, 401, headers={"webhook-key": ""}),
    Probe("wrong key", DEPLOY, 401, headers={"webhook-key": WRONG_KEY}),
    Probe("the public client's body", DEPLOY, 202),
    *(Probe(kind.word, {**kind.example, "id": f"probe-{kind.word}"}, 202) for kind in KINDS),
    Probe("not JSON", b"{", 400),
    Probe("no event", "deployed", 422),
    Probe("unknown kind", {**DEPLOY, "kind": "exploded"}, 422, names="kind"),
    Probe("no repository", {**DEPLOY, "repo": None}, 422, names="repo"),
    Probe("repository of one part", {**DEPLOY, "repo": "probe"}, 422, names="repo"),
    Probe("time that is none", {**DEPLOY, "time": "noon"}, 422, names="time"),
]
# The order matters: a repeat follows the event that it repeats.
OURS = [
    Probe("without environment", NOWHERE, 200, {"status": "valid"}, path="?validate=true"),
    Probe("with id", KNOWN, 202, {"status": "created", "id": "probe-known"}),
    Probe("the same again", KNOWN, 202, {"status": "unchanged", "id": "probe-known"}),
    Probe("same id, other content", {**KNOWN, "branch": "other"}, 409),
    Probe(
        "id as Idempotency-Key",
        DEPLOY,
        202,
        {"status": "created", "id": "probe-header"},
        headers={"idempotency-key": "probe-header"},
    ),
    Probe("unknown field", {**DEPLOY, "x-probe": 1}, 202, {"unknown": ["x-probe"]}),
    Probe("validate", VALID, 200, {"status": "valid"}, path="?validate=true"),
    Probe("sent after validate", VALID, 202, {"status": "created", "id": "probe-valid"}),
    Probe("a list with one fault", [{**DEPLOY, "id": "probe-list"}, {"kind": "deployed"}], 207),
    Probe("ping", b"", 200, path="/ping"),
    Probe("ping with a wrong key", b"", 401, path="/ping", headers={"webhook-key": WRONG_KEY}),
    Probe("key in the address", DEPLOY, 400, path=f"?webhook-key={WRONG_KEY}"),
    Probe("one of 2 MiB", {**DEPLOY, "x": "x" * 2**21}, 413),
]


@pytest.fixture(scope="module")
def sending(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Receiver, str]]:
    """A receiver for all probes, and a key that may send."""
    with in_thread(tmp_path_factory.mktemp("conformance") / "w.db") as running:
        yield running, running.key("ci")


def test_each_request_gets_its_answer(sending: tuple[Receiver, str]) -> None:
    """Every probe has the status, the words and the results that the documentation promises."""
    receiver, key = sending
    found = {probe.name: answered(receiver, key, probe) for probe in (*DOCUMENTED, *OURS)}
    for probe in (*DOCUMENTED, *OURS):
        answer = found[probe.name]
        assert answer.status_code == probe.status, (probe.name, answer.text)
        assert probe.names in answer.text, probe.name
        if probe.answer:
            assert probe.answer.items() <= answer.json().items(), (probe.name, answer.text)
    results = [one["status"] for one in found["a list with one fault"].json()["results"]]
    assert results == ["created", "invalid"]


def answered(receiver: Receiver, key: str, probe: Probe) -> requests.Response:
    data = probe.sent if isinstance(probe.sent, bytes) else json.dumps(probe.sent).encode()
    headers = {"webhook-key": key, "content-type": "application/json", **probe.headers}
    return requests.post(f"{receiver.url}/webhooks{probe.path}", data=data, headers=headers, timeout=30)
