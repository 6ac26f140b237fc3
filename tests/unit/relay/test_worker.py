"""The delivery worker: order, counted attempts, and pauses for a failing receiver."""

import asyncio
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from gitdailies_core import retry
from gitdailies_core.events.receivers import DOCUMENTED
from gitdailies_core.retry import Outcome
from gitdailies_core.values import http_answers

from tests.support.relay.bench import DESTINATION, TAKEN, FakeSender, bench, eventually, probe_after

REFUSED, BROKEN, DOWN = Outcome(400, "no such repository"), Outcome(500), Outcome(None, "connection refused")

pytestmark = pytest.mark.usefixtures("quick_retries")


@pytest.fixture
def quick_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Probe a receiver that fails after a moment, and give up without many attempts."""
    probe_after(0.05, monkeypatch)
    monkeypatch.setattr(retry, "LEAST_ATTEMPTS", 2)


def answering(**of: Any) -> FakeSender:
    """Answer by incident: with one outcome always, or with a list of them and then TAKEN."""
    waiting: dict[str, Iterator[Outcome]] = {n: iter(o) for n, o in of.items() if isinstance(o, list)}

    def answer(incident: str, _kind: str) -> Outcome:
        if incident in waiting:
            return next(waiting[incident], TAKEN)
        outcome: Outcome = of.get(incident, TAKEN)
        return outcome

    return FakeSender(answer)


async def test_events_of_an_incident_go_one_by_one_and_in_order(tmp_path: Path) -> None:
    """Of one incident never two are on their way, and they arrive as they were decided."""

    def slow(_incident: str, _kind: str) -> Outcome:
        time.sleep(0.05)
        return TAKEN

    sender = FakeSender(slow)
    async with bench(tmp_path, sender=sender) as on:
        await on.accept("A", "start", "end")
        await on.accept("A", "start", "end", minute=10)
        await on.delivered()
    assert sender.of("A") == ["started", "resolved", "started", "resolved"]
    assert sender.most_of_one == 1
    assert len(set(sender.ids)) == 4


async def test_incidents_are_on_their_way_at_once_up_to_the_bound(tmp_path: Path) -> None:
    """Of twelve incidents three are in flight, and never more."""
    full = threading.Barrier(3, timeout=10)

    def answer(_incident: str, _kind: str) -> Outcome:
        if len(sender.sent) <= 3:
            full.wait()
        time.sleep(0.02)
        return TAKEN

    sender, singly = FakeSender(answer), replace(DESTINATION, receiver=DOCUMENTED)
    async with bench(tmp_path, sender=sender, in_flight=3, destination=singly) as on:
        for number in range(12):
            await on.accept(f"I{number}", "start")
        await on.delivered()
    assert (sender.most_at_once, len(sender.sent)) == (3, 12)


async def test_a_stuck_incident_does_not_hold_up_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While one event fails and fails, incidents that come after it go through at once, both events."""
    probe_after(0.02, monkeypatch)
    sender = answering(stuck=BROKEN)
    async with bench(tmp_path, sender=sender) as on:
        await on.accept("stuck", "start", "end")
        await eventually(lambda: len(sender.of("stuck")) > 4)
        for number in range(5):
            await on.accept(f"I{number}", "start", "end")
            await eventually(partial(lambda name: len(sender.of(name)) == 2, f"I{number}"))
        await eventually(lambda: [row[0] for row in on.outbox()] == ["stuck", "stuck"])
    assert "resolved" not in sender.of("stuck")


@pytest.mark.usefixtures("quick_probes")
async def test_at_the_give_up_age_an_event_is_given_up_and_the_next_has_its_own_time(tmp_path: Path) -> None:
    """The start is given up with its last answer; the end, which waited for it, is then tried as long."""
    sender = answering(A=BROKEN)
    given_up: list[float] = []
    began_at = time.monotonic()
    async with bench(tmp_path, sender=sender, give_up_seconds=0.2) as on:
        await on.accept("A", "start", "end")
        await eventually(lambda: len(on.dead_letters()) == 1)
        given_up.append(time.monotonic())
        assert on.dead_letters()[0]["reason"].startswith("given up after ")
        assert on.dead_letters()[0]["reason"].endswith(": answered 500")
        first = on.outbox()[1]
        await eventually(lambda: len(on.dead_letters()) == 2)
        given_up.append(time.monotonic())
        assert first[:2] == ("A", 1)
    started, resolved = (
        [at for (_, k), at in zip(sender.sent, sender.times, strict=True) if k == kind]
        for kind in ("started", "resolved")
    )
    assert len(started) > 1
    assert len(resolved) > 1
    assert max(started) < min(resolved)
    # An event's time begins before its first attempt, and is over with an answer, which comes after the last.
    assert given_up[0] - began_at >= 0.2
    assert given_up[1] - max(started) >= 0.2


@pytest.mark.usefixtures("quick_probes")
async def test_giving_up_by_age_does_not_take_the_receiver_for_well(tmp_path: Path) -> None:
    """Events that are given up because nothing answers leave the circuit open."""
    sender = FakeSender(lambda _incident, _kind: DOWN)
    async with bench(tmp_path, sender=sender, give_up_seconds=0.1) as on:
        for number in range(4):
            await on.accept(f"I{number}", "start")
        await eventually(on.dead_letters)
        assert not on.worker.circuit.closed


async def test_a_failing_receiver_is_asked_by_probes_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the first failures one request at a time is sent. After a success all are sent, in order."""
    probe_after(0.1, monkeypatch)
    up = threading.Event()
    sender = FakeSender(lambda _incident, _kind: TAKEN if up.is_set() else DOWN)
    async with bench(tmp_path, sender=sender) as on:
        for number in range(30):
            await on.accept(f"I{number:02}", "start", "end")
        await eventually(lambda: not on.worker.circuit.closed)
        await asyncio.sleep(0.1)
        opened, began = len(sender.sent), time.monotonic()
        sender.most_at_once = 0
        await eventually(lambda: len(sender.sent) - opened >= 3)
        # Ten a second, and one that was due.
        assert len(sender.sent) - opened <= (time.monotonic() - began) / 0.1 + 2
        assert sender.most_at_once <= 1
        up.set()
        await on.delivered()
        assert on.worker.circuit.closed
        assert on.dead_letters() == []
    for number in range(30):
        taken = sender.of(f"I{number:02}")
        assert taken[-2:] == ["started", "resolved"]
        assert taken.count("resolved") == 1


async def test_the_first_success_makes_due_what_would_have_waited_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events whose next try is minutes away are sent as soon as a probe succeeds."""
    monkeypatch.setattr(http_answers, "FIRST_DELAY_SECONDS", 300.0)
    monkeypatch.setattr(http_answers, "LONGEST_DELAY_SECONDS", 300.0)
    monkeypatch.setattr(random, "random", lambda: 0.9)
    probe_after(0.1, monkeypatch)
    up = threading.Event()
    sender = FakeSender(lambda _incident, _kind: TAKEN if up.is_set() else DOWN)
    async with bench(tmp_path, sender=sender) as on:
        for number in range(6):
            await on.accept(f"I{number}", "start")
        await eventually(lambda: len(sender.sent) >= 6)
        up.set()
        await on.delivered()
