"""If the relay itself is at fault, the answer asks the vendor to send again, and is never a 4xx."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from gitdailies_pagerduty import adapter
from gitdailies_relay.accepting import acceptance
from gitdailies_relay.intake import app
from gitdailies_relay.store import store as stores

from tests.support.processes import eventually
from tests.support.relay.deliveries import Delivery, pagerduty, signed
from tests.support.relay.receiver import Receiver
from tests.support.relay.running import Relay, configure, in_thread
from tests.support.relay.sockets import connected, head, receive


def test_more_bytes_than_are_held_at_once_are_503(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While whole bodies wait for a slow store, a delivery beyond the bound is 503 with Retry-After."""
    file = configure(tmp_path, url=receiver.url, queue_bytes="1048576")
    large = signed(pagerduty("incident.triggered", "Q-large").body.ljust(app.BODY_BYTES))
    small = pagerduty("incident.triggered", "Q-small")
    arrived, going_on = threading.Event(), threading.Event()
    real, tasks = stores.RelayStore.accept_then, []

    async def waiting(store: stores.RelayStore, *given: Any) -> None:
        arrived.set()
        await asyncio.to_thread(going_on.wait, 3)
        real(store, *given)

    monkeypatch.setattr(
        stores.RelayStore,
        "accept_then",
        lambda *given: tasks.append(asyncio.ensure_future(waiting(*given))),
    )
    with in_thread(file) as relay:
        first: list[int] = []
        sending = threading.Thread(target=lambda: first.append(large.post(relay.url).status_code))
        sending.start()
        assert arrived.wait(10)
        answer = small.post(relay.url)
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "5"
        assert answer.json()["reason"] == "too many deliveries are waiting to be stored"
        going_on.set()
        sending.join(20)
        assert first == [202]
        assert small.post(relay.url).status_code == 202


def test_slow_bodies_are_evicted_by_whole_ones(tmp_path: Path, receiver: Receiver) -> None:
    """If stalled bodies use up the memory budget, a good delivery is still stored."""
    file = configure(tmp_path, url=receiver.url, queue_bytes="1048576")
    part = b"x" * 600_000
    with in_thread(file) as relay, contextlib.ExitStack() as stack:
        slow = [stack.enter_context(connected(relay.url)) for _ in range(4)]
        for connection in slow:
            connection.sendall(head("/hooks/pagerduty", {"Content-Length": "1000000"}) + part)
        large = pagerduty("incident.triggered", "Q1").body.ljust(900_000)
        assert signed(large).post(relay.url).status_code == 202
        # Their answers give the reason; the oldest body is evicted first.
        answer = receive(slow[0])
        assert (answer.status, answer.headers["retry-after"]) == (503, "5")
        assert answer.json()["reason"] == "too many deliveries are waiting to be stored"


def _answered(status: int, delivery: Delivery, relay: Relay) -> list[requests.Response]:
    # In a list, since an answer over 399 counts as false.
    answer = delivery.post(relay.url)
    return [answer] if answer.status_code == status else []


def test_a_fault_of_ours_is_503_and_spoils_no_other(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug while storing is 503 with Retry-After, without detail in the answer; the next one is stored."""
    accept = acceptance._Acceptance.accept

    def sometimes(batch: Any, delivery: Any) -> Any:
        if b"Q-bad" in delivery.interpretation.body:
            raise RuntimeError("planted")
        return accept(batch, delivery)

    monkeypatch.setattr(acceptance._Acceptance, "accept", sometimes)
    bad = pagerduty("incident.triggered", "Q-bad").post(relay.url)
    good = pagerduty("incident.triggered", "Q-good").post(relay.url)

    assert (bad.status_code, bad.headers["retry-after"], good.status_code) == (503, "5", 202)
    assert "planted" not in bad.text
    (entry,) = relay.logged("delivery not stored")
    assert entry["reason"].startswith("RuntimeError at test_own_faults.py:")


def broken(*_: Any, **__: Any) -> Any:
    raise KeyError("planted")


@pytest.mark.parametrize(
    ("place", "name", "reason"),
    [
        (app, "interpret", "the relay has an internal error"),
        (adapter, "verify", "the proof cannot be checked"),
    ],
)
def test_a_fault_outside_the_store_is_503_too(
    relay: Relay, monkeypatch: pytest.MonkeyPatch, place: object, name: str, reason: str
) -> None:
    """A bug anywhere on the way of a delivery, also in the check of its proof, is 503 with Retry-After."""
    monkeypatch.setattr(place, name, broken)
    answer = pagerduty("incident.triggered", "Q1").post(relay.url)

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json() == {"status": "unavailable", "reason": reason}
    assert "KeyError at test_own_faults.py:" in repr(relay.log)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requested before `relay`: its answers then have a fifth of a second."""
    monkeypatch.setattr(app, "ANSWER_SECONDS", 0.2)


@pytest.mark.usefixtures("hasty")
def test_a_commit_that_takes_too_long_is_503_and_no_second_event(
    relay: Relay, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A delivery not stored in time is 503. The next try finds it stored after all and adds no event."""
    answered = threading.Event()

    def late(store: stores.RelayStore, delivery: Any, done: Callable[[Any], None]) -> None:
        """Store the delivery, and say so only after the answer."""

        async def tell() -> None:
            stored = await store.writer.put(delivery)
            await asyncio.to_thread(answered.wait, 30)
            done(stored)

        tasks.append(asyncio.ensure_future(tell()))

    tasks: list[Any] = []
    monkeypatch.setattr(stores.RelayStore, "accept_then", late)
    delivery = pagerduty("incident.triggered", "Q1")
    assert delivery.post(relay.url).status_code == 503
    answered.set()
    (again,) = eventually(lambda: _answered(202, delivery, relay))

    assert len(again.json()["events"]) == 1
    eventually(lambda: receiver.arrivals)
    assert [one.id for one in receiver.arrivals] == again.json()["events"]


def test_an_adapter_that_breaks_while_it_translates_loses_nothing(
    relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After any error of an adapter, or no message from it, the body is quarantined with the reason."""
    for fault, reason in (
        (broken, "adapter pagerduty: expected a translation, got KeyError"),
        (lambda *_: (), "adapter pagerduty: expected messages or a reason, got nothing"),
    ):
        monkeypatch.setattr(adapter, "translate", fault)
        answer = pagerduty("incident.triggered", "Q1").post(relay.url)
        assert (answer.status_code, answer.json()["status"], answer.json()["reason"]) == (
            202,
            "quarantined",
            reason,
        )
    assert len(relay.failed()["quarantined"]) == 2
