"""A wall clock that jumps: waiting events are neither lost nor delayed by it."""

import asyncio
import time
from functools import partial
from pathlib import Path

import pytest
from gitdailies_core.retry import Outcome
from gitdailies_relay.store.mending import HOLD_SECONDS, ClockComparison, ClockTrust

from tests.support.relay.bench import TAKEN, Bench, FakeSender, bench, eventually, probe_after, write

HALF_A_DAY = 43_200.0
pytestmark = pytest.mark.usefixtures("quick_retries")


class Wall:
    """The wall clock of this process, ahead or behind by `moved` seconds."""

    moved = 0.0

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        real = time.time_ns
        monkeypatch.setattr(time, "time_ns", lambda: real() + int(self.moved * 1e9))
        monkeypatch.setattr(time, "time", lambda: time.time_ns() / 1e9)


def test_only_steps_are_reported() -> None:
    """A wall clock was set if it gains or loses more than a second against the monotonic one."""
    clock = ClockComparison()
    looks = [(1000.0, 0.0), (1001.0, 1.0), (1001.2, 2.0), (5000.0, 3.0), (4000.0, 4.0), (4001.0, 5.0)]
    steps = [clock.step(*look) for look in looks]
    assert steps == pytest.approx([0.0, 0.0, 0.0, 3997.8, -1001.0, 0.0])


DAY = 86_400.0


def test_nothing_is_deleted_until_a_doubtful_clock_has_held() -> None:
    """A start a hundred days after the last write: the clock may be ahead, so an hour passes first."""
    trust = ClockTrust()
    looks = [(100 * DAY + at, at) for at in (0.0, HOLD_SECONDS - 1, HOLD_SECONDS)]
    assert [trust.may_delete(*look, last_written=10.0) for look in looks] == [False, False, True]


def test_a_clock_that_agrees_with_the_store_is_trusted_at_once() -> None:
    """After an ordinary restart, and with an empty store, nothing is held back."""
    assert ClockTrust().may_delete(100 * DAY, 0.0, 100 * DAY - 600)
    assert ClockTrust().may_delete(100 * DAY, 0.0, 0.0)


@pytest.mark.parametrize("days", [-100.0, 8.0, 100.0])
def test_after_a_jump_nothing_is_deleted_for_an_hour(days: float) -> None:
    """However it was set, the first look does not act on it."""
    trust = ClockTrust()
    assert trust.may_delete(1000 * DAY, 0.0, 1000 * DAY)
    looks = [((1000 + days) * DAY + at, at) for at in (3600.0, 5400.0, 7200.0)]
    assert [trust.may_delete(*look, last_written=1000 * DAY) for look in looks] == [False, False, True]


async def test_what_was_stored_by_a_clock_that_was_ahead_is_delivered_when_it_is_set_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events that failed, and those after them, are sent within seconds, not after the hours of the step."""
    wall, there = Wall(monkeypatch), False
    sender = FakeSender(lambda _incident, _kind: TAKEN if there else Outcome(500))
    async with bench(tmp_path, sender=sender) as on:
        wall.moved = HALF_A_DAY
        await on.accept("A", "start", "end")
        await on.accept("B", "start")
        await eventually(lambda: len(sender.sent) >= 3)
        wall.moved, there = 0.0, True
        await on.delivered()
    assert sender.of("A")[-2:] == ["started", "resolved"]


async def test_a_start_delivers_what_waits_for_a_time_that_is_far_off(tmp_path: Path) -> None:
    """A retry more than an hour ahead, the most a receiver may ask for, is due at once after a start."""
    async with bench(tmp_path) as on:
        await on.worker.stop()
        await on.accept("A", "start", "end")
        await on.accept("B", "start")
    later = "UPDATE outbox SET due_at = due_at + ? WHERE seq IN (SELECT seq FROM events WHERE incident = ?)"
    write(tmp_path / "relay.db", later, int(HALF_A_DAY * 1e6), "A")
    write(tmp_path / "relay.db", later, int(1800e6), "B")
    async with bench(tmp_path) as on:
        await eventually(lambda: len(on.sender.sent) == 2)
        await asyncio.sleep(0.1)
        assert on.sender.of("B") == []
    assert on.sender.of("A") == ["started", "resolved"]


async def test_what_a_clock_stored_that_was_an_hour_ahead_is_sent_after_the_next_start(
    tmp_path: Path,
) -> None:
    """Stored an hour ahead and killed; then the clock is right. Nothing waits for that hour."""
    async with bench(tmp_path) as on:
        await on.worker.stop()
        await on.accept("A", "start", "end")
    ahead = int(3000e6)
    write(tmp_path / "relay.db", "UPDATE outbox SET due_at = due_at + ?", ahead)
    write(tmp_path / "relay.db", "UPDATE deliveries SET received_at = received_at + ?", ahead)
    async with bench(tmp_path) as on:
        await on.delivered()
    assert on.sender.of("A") == ["started", "resolved"]


async def test_a_clock_that_was_days_ahead_for_a_moment_gives_nothing_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ages of events that fail are corrected as the clock is set, forward and back."""
    wall, there = Wall(monkeypatch), False
    sender = FakeSender(lambda _incident, _kind: TAKEN if there else Outcome(500))
    probe_after(0.05, monkeypatch)

    def age_hours(on: Bench) -> float:
        ((_, _, _, first, _),) = on.outbox()
        return (time.time() - first / 1e6) / 3600

    async with bench(tmp_path, sender=sender, give_up_seconds=7 * DAY) as on:
        await on.accept("A", "start")
        await eventually(lambda: len(sender.sent) > 12)
        for moved in (8 * DAY, 0.0, -8 * DAY, 0.0):
            wall.moved, tries = moved, len(sender.sent)
            await eventually(partial(lambda before: len(sender.sent) > before + 4, tries))
            assert on.dead_letters() == []
            assert -1 < age_hours(on) < 1
        there = True
        await on.delivered()


async def test_a_clock_that_is_set_back_does_not_hold_a_probe_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind an open circuit the receiver is asked again as soon as before, whatever the wall clock says."""
    wall, there = Wall(monkeypatch), False
    probe_after(0.2, monkeypatch)
    sender = FakeSender(lambda _incident, _kind: TAKEN if there else Outcome(None, "refused"))
    async with bench(tmp_path, sender=sender) as on:
        for name in "ABCD":
            await on.accept(name, "start")
        await eventually(lambda: not on.worker.circuit.closed)
        wall.moved, there = -HALF_A_DAY, True
        await on.delivered()
