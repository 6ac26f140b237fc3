"""When the relay itself is at fault the vendor is told to come again, never that its delivery is wrong."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import requests
from gitdailies_relay import acceptance, app
from gitdailies_relay import store as stores

from tests.processes import eventually
from tests.relay.deliveries import Delivery, pagerduty
from tests.relay.receiver import Receiver
from tests.relay.running import Relay, configure, in_thread
from tests.relay.sockets import connected, head


def test_more_bytes_than_are_held_at_once_are_503(tmp_path: Path, receiver: Receiver) -> None:
    """While other bodies are on their way, what would go over the bound is told to come again."""
    file = configure(tmp_path, url=receiver.url, queue_bytes="1048576")
    delivery = pagerduty("incident.triggered", "Q1")
    with in_thread(file) as relay:
        with connected(relay.url) as connection:
            connection.sendall(head("/hooks/pagerduty", {"Content-Length": str(1048576 - 100)}))
            (answer,) = eventually(lambda: _answered(503, delivery, relay))
            assert answer.headers["retry-after"] == "5"
            assert answer.json()["reason"] == "more deliveries are waiting than are held at once"
        eventually(lambda: delivery.post(relay.url).status_code == 202)


def _answered(status: int, delivery: Delivery, relay: Relay) -> list[requests.Response]:
    # In a list, since an answer over 399 counts as false.
    answer = delivery.post(relay.url)
    return [answer] if answer.status_code == status else []


def test_a_fault_of_ours_is_503_and_spoils_no_other(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug while storing is 503 with Retry-After, without detail in the answer; the next one is stored."""
    put = acceptance._record

    def sometimes(connection: Any, delivery: Any, *rest: Any) -> None:
        if b"Q-bad" in delivery.reading.body:
            raise RuntimeError("planted")
        put(connection, delivery, *rest)

    monkeypatch.setattr(acceptance, "_record", sometimes)
    bad = pagerduty("incident.triggered", "Q-bad").post(relay.url)
    good = pagerduty("incident.triggered", "Q-good").post(relay.url)

    assert (bad.status_code, bad.headers["retry-after"], good.status_code) == (503, "5", 202)
    assert "planted" not in bad.text
    (entry,) = relay.logged("delivery not stored")
    assert entry["reason"].startswith("RuntimeError at test_own_faults.py:")


def test_a_fault_outside_the_store_is_503_too(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug anywhere on the way of a delivery is 503 with Retry-After, and the log says where."""

    def broken(*_: Any) -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr(app, "read", broken)
    answer = pagerduty("incident.triggered", "Q1").post(relay.url)

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json() == {"status": "unavailable", "reason": "the relay is at fault"}
    (entry,) = relay.logged("delivery broke")
    assert entry["reason"].startswith("RuntimeError at test_own_faults.py:")


def test_a_commit_that_takes_too_long_is_503_and_no_second_event(
    relay: Relay, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was not stored in time is 503; the vendor's next try finds what was stored after all."""
    monkeypatch.setattr(app, "ANSWER_SECONDS", 0.2)
    real = stores.accept

    def slow(connection: Any, delivery: Any) -> Any:
        if delivery.reading.source == "pagerduty" and not receiver.arrivals:
            time.sleep(0.5)
        return real(connection, delivery)

    monkeypatch.setattr(stores, "accept", slow)
    delivery = pagerduty("incident.triggered", "Q1")
    assert delivery.post(relay.url).status_code == 503
    (again,) = eventually(lambda: _answered(202, delivery, relay))

    assert len(again.json()["events"]) == 1
    eventually(lambda: receiver.arrivals)
    assert [one.id for one in receiver.arrivals] == again.json()["events"]


def test_a_proof_that_cannot_be_checked_is_503(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    """An adapter that breaks while it verifies is our fault, so the vendor keeps the delivery."""
    from gitdailies_pagerduty import adapter

    def broken(*_: Any) -> None:
        raise ValueError("planted")

    monkeypatch.setattr(adapter, "verify", broken)
    answer = pagerduty("incident.triggered", "Q1").post(relay.url)

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "planted" not in answer.text


def test_an_adapter_that_breaks_while_it_translates_loses_nothing(
    relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any error of an adapter, and an adapter that says nothing, keep the body with the reason."""
    from gitdailies_pagerduty import adapter

    def broken(*_: Any) -> Any:
        return {}["missing"]

    for fault, reason in (
        (broken, "adapter pagerduty: expected a translation, got KeyError"),
        (lambda *_: (), "adapter pagerduty: expected messages or a reason, got nothing"),
    ):
        monkeypatch.setattr(adapter, "translate", fault)
        answer = pagerduty("incident.triggered", "Q1").post(relay.url)
        assert (answer.status_code, answer.json()["status"], answer.json()["reason"]) == (202, "kept", reason)
    assert len(relay.failed()["kept"]) == 2
