"""A wall clock that jumps: waiting events are neither lost nor delayed by it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from gitdailies_core.retry import Outcome
from gitdailies_relay.delivery.clock_jumps import ClockComparison

from tests.support.relay.bench import TAKEN, Bench, FakeSender, bench, eventually, write

HALF_A_DAY = 43_200.0
pytestmark = pytest.mark.usefixtures("quick_retries")


class Wall:
    """The wall clock of this process, ahead or behind by `moved` seconds."""

    moved = 0.0

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        real = time.time_ns
        monkeypatch.setattr(time, "time_ns", lambda: real() + int(self.moved * 1e9))
        monkeypatch.setattr(time, "time", lambda: time.time_ns() / 1e9)


def test_only_a_step_back_is_reported() -> None:
    """A wall clock was set back only if it loses more than a second against the monotonic one."""
    clock = ClockComparison()
    looks = [(1000.0, 0.0), (1001.0, 1.0), (1001.2, 2.0), (5000.0, 3.0), (4000.0, 4.0), (4001.0, 5.0)]
    assert [clock.set_back(*look) for look in looks] == [0.0, 0.0, 0.0, 0.0, 1001.0, 0.0]


def test_what_was_stored_by_a_clock_that_was_ahead_is_delivered_when_it_is_set_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events that failed, and those after them, are sent within seconds, not after the hours of the step."""
    wall, there = Wall(monkeypatch), False
    sender = FakeSender(lambda _incident, _kind: TAKEN if there else Outcome(500))

    async def body(on: Bench) -> None:
        nonlocal there
        wall.moved = HALF_A_DAY
        await on.accept("A", "start", "end")
        await on.accept("B", "start")
        await eventually(lambda: len(sender.sent) >= 3)
        wall.moved, there = 0.0, True
        await on.delivered()

    bench(tmp_path, body, sender=sender)
    assert sender.of("A")[-2:] == ["started", "resolved"]


def test_a_start_delivers_what_waits_for_a_time_that_is_far_off(tmp_path: Path) -> None:
    """A retry more than an hour ahead, the most a receiver may ask for, is due at once after a start."""

    async def stored(on: Bench) -> None:
        await on.worker.stop()
        await on.accept("A", "start", "end")
        await on.accept("B", "start")

    async def body(on: Bench) -> None:
        await eventually(lambda: len(sender.sent) == 2)
        await asyncio.sleep(0.1)
        assert sender.of("B") == []

    bench(tmp_path, stored)
    later = "UPDATE outbox SET due_at = due_at + ? WHERE seq IN (SELECT seq FROM events WHERE incident = ?)"
    write(tmp_path / "relay.db", later, int(HALF_A_DAY * 1e6), "A")
    write(tmp_path / "relay.db", later, int(1800e6), "B")
    sender = FakeSender()
    bench(tmp_path, body, sender=sender)
    assert sender.of("A") == ["started", "resolved"]


def test_a_clock_that_is_set_back_does_not_hold_a_probe_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind an open circuit the receiver is asked again as soon as before, whatever the wall clock says."""
    wall, there = Wall(monkeypatch), False
    monkeypatch.setattr("gitdailies_relay.delivery.circuit_breaker.FIRST_BACKOFF_SECONDS", 0.2)
    monkeypatch.setattr("gitdailies_relay.delivery.circuit_breaker.LONGEST_BACKOFF_SECONDS", 0.2)
    sender = FakeSender(lambda _incident, _kind: TAKEN if there else Outcome(None, "refused"))

    async def body(on: Bench) -> None:
        nonlocal there
        for name in "ABCD":
            await on.accept(name, "start")
        await eventually(lambda: not on.worker.circuit.closed)
        wall.moved, there = -HALF_A_DAY, True
        await on.delivered()

    bench(tmp_path, body, sender=sender)
