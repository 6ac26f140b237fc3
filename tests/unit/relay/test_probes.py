"""Which event probes a receiver, and when."""

import pytest
from gitdailies_core.values.http_answers import ADDRESS, KEY, RECEIVER
from gitdailies_relay.delivery.isolation import MANUAL, PROBE_SECONDS, ProbeChoice, ProbeSchedule
from gitdailies_relay.store.outbox import ReadyEvent


def events(*seqs: int) -> list[ReadyEvent]:
    return [ReadyEvent(seq, f"e{seq}", 0, b"{}", 0, None, f"P{seq}") for seq in seqs]


def test_the_newest_event_that_was_never_tried_goes_first() -> None:
    """Each partition is probed once, newest first, and then none."""
    choice, found = ProbeChoice(), []
    while (one := choice.untried(events(5, 4, 3))) is not None:
        choice.sent(one.partition)
        found.append(one.seq)
    assert found == [5, 4, 3]


def test_a_probe_is_always_of_another_partition() -> None:
    """All that wait take turns, those first that were never probed."""
    choice, found = ProbeChoice(), []
    for _ in range(7):
        one = choice.any_of(events(1, 2, 3))
        assert one is not None
        choice.sent(one.partition)
        found.append(one.seq)
    assert found == [1, 2, 3, 1, 2, 3, 1]


def test_the_first_probe_is_of_a_partition_that_was_not_refused() -> None:
    """What made the receiver suspicious is asked last."""
    choice = ProbeChoice(["P1", "P2"])
    found = choice.any_of(events(1, 2, 3))
    assert found is not None
    assert found.seq == 3
    assert choice.untried(events(2, 1)) is None


def test_the_only_event_probes_again() -> None:
    """Where one partition waits, it is the probe; where none does, there is none."""
    choice = ProbeChoice()
    choice.sent("P1")
    one = choice.any_of(events(1))
    assert one is not None
    assert one.seq == 1
    assert choice.any_of([]) is None


def test_many_probes_are_forgotten() -> None:
    """A pause of months costs no memory: what was probed long ago may be probed again."""
    choice = ProbeChoice()
    for seq in range(10_000):
        choice.sent(f"P{seq}")
    assert choice.untried(events(1)) is not None
    assert choice.untried(events(9_999)) is None


@pytest.mark.parametrize("by", [KEY, ADDRESS, RECEIVER])
def test_probes_follow_soon_and_then_seldom(by: str) -> None:
    """An eighth of a second after the pause began, then after twice the time, up to the longest."""
    schedule, now, waits = ProbeSchedule(by, 0.0), 0.0, []
    for _ in range(14):
        begun = now
        while not schedule.due(now):
            now += 0.125
        waits.append(now - begun)
        schedule.probed(now)
    assert waits[:5] == [0.125, 0.25, 0.5, 1.0, 2.0]
    assert waits[-1] == PROBE_SECONDS[by]


@pytest.mark.parametrize("by", [KEY, ADDRESS, RECEIVER])
def test_an_event_that_was_never_tried_waits_one_second_at_most(by: str) -> None:
    """It may not share the fault of those before it. A key that was refused thirty times is beyond doubt."""
    schedule, now = ProbeSchedule(by, 0.0), 0.0
    for _ in range(29):
        now += 1000.0
        schedule.probed(now)
    assert schedule.due(now + 1.0, untried=True)
    assert not schedule.due(now + 1.0)
    schedule.probed(now)
    assert schedule.due(now + 1.0, untried=True) == (by != KEY)
    assert schedule.due(now + 300.0, untried=True)


def test_a_pause_by_hand_is_never_probed() -> None:
    """A person ends it."""
    assert not ProbeSchedule(MANUAL, 0.0).due(10**9)
