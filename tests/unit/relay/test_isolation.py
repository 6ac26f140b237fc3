"""Whose fault a failure is: the event's own, until several partitions say otherwise."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from gitdailies_core.retry import ADDRESS, KEY, RECEIVER
from gitdailies_relay.delivery.circuit_breaker import FAILURES_TO_OPEN
from gitdailies_relay.delivery.isolation import FIRST_PARTITIONS, SEVERAL, Isolation
from hypothesis import given, settings

from tests.support.forms import examples


class Clocked:
    """An Isolation whose clock moves by a second with every answer."""

    def __init__(self) -> None:
        self.isolation = Isolation()
        self.now = 100.0

    def took(self, *partitions: str) -> frozenset[str] | None:
        self.now += 1
        recovery = self.isolation.taken(partitions, self.now)
        return None if recovery is None or not recovery.had_failed else recovery.suspects

    def fails(self, *partitions: str, seconds: float = 0.0, asks: float = 0.0) -> None:
        self.now += 1
        began = self.now - seconds
        self.isolation.failed(partitions, began=began, now=self.now, retry_after_seconds=asks)

    def refuses(self, partition: str, what: str = ADDRESS, *, seconds: float = 0.0) -> bool:
        self.now += 1
        return self.isolation.refused(partition, what, began=self.now - seconds)

    @property
    def closed(self) -> bool:
        return self.isolation.circuit.closed


def test_partitions_that_fail_while_others_are_taken_open_nothing() -> None:
    """Once each of twenty failed between two successes, they may fail on and on."""
    one = Clocked()
    for number in range(20):
        one.fails(f"P{number}")
        one.took("good")
    for _ in range(10):
        for number in range(20):
            one.fails(f"P{number}")
    assert one.closed


def test_the_breaker_opens_when_nothing_succeeds() -> None:
    """Three failures of any partitions with no success between them open it."""
    for partitions in ("ABC", "AAA"):
        one = Clocked()
        one.took("good")
        for partition in partitions:
            assert one.closed
            one.fails(partition)
        assert not one.closed


def test_what_hangs_while_others_are_taken_opens_nothing() -> None:
    """Requests that began before the last success time out for reasons of their own."""
    one = Clocked()
    one.took("good")
    for number in range(20):
        one.fails(f"P{number}", seconds=30.0)
    assert one.closed
    assert all(one.isolation.is_suspect(f"P{number}") for number in range(20))


def test_after_a_recovery_those_that_failed_before_for_their_own_reasons_are_named() -> None:
    """They keep their backoff; what failed in the outage may be sent again."""
    one = Clocked()
    one.fails("own")
    assert one.took("good") == frozenset()
    for partition in "ABC":
        one.fails(partition)
    assert one.took("D") == {"own"}
    assert one.took("E") is None


def test_with_the_first_success_what_an_earlier_process_saw_is_over() -> None:
    """What failed before the start is forgiven once, although nothing failed since."""
    isolation = Isolation()
    first = isolation.taken(["A"], 1.0)
    assert first is not None
    assert not first.had_failed
    assert isolation.taken(["A"], 2.0) is None


def test_a_suspect_that_is_taken_is_none_any_more() -> None:
    """It counts again like any other."""
    one = Clocked()
    one.fails("A")
    one.took("good")
    assert one.isolation.is_suspect("A")
    one.took("A")
    assert not one.isolation.is_suspect("A")


def test_a_batch_that_fails_says_nothing_about_each_of_its_events() -> None:
    """It counts as one failure, and none of its partitions is a suspect for it."""
    one = Clocked()
    one.took("good")
    one.fails(*"ABCDEFGH")
    assert one.closed
    one.took("good")
    assert not any(one.isolation.is_suspect(partition) for partition in "ABCDEFGH")


@pytest.mark.parametrize("what", [KEY, ADDRESS, RECEIVER])
def test_two_partitions_that_get_the_same_refusal_pause(what: str) -> None:
    """One partition never does, however often; a second one does, if none was taken in between."""
    one = Clocked()
    assert not any(one.refuses("A", what) for _ in range(20))
    one.took("good")
    assert not one.refuses("B", what)
    one.took("good")
    assert not one.refuses("C", what)
    assert one.refuses("D", what)


def test_refusals_of_different_kinds_do_not_add_up() -> None:
    """A key that one event is refused for, and an address that another one is, are two answers."""
    one = Clocked()
    assert not one.refuses("A", KEY)
    assert not one.refuses("B", ADDRESS)
    assert one.refuses("C", KEY)


def test_suspects_pause_nothing() -> None:
    """Partitions that were refused while others were taken may be refused on and on."""
    one = Clocked()
    for number in range(20):
        one.refuses(f"P{number}", KEY)
        one.took("good")
    assert not any(one.refuses(f"P{number}", KEY) for number in range(20))


def test_a_refusal_of_what_was_sent_before_another_was_taken_is_its_own() -> None:
    """Of requests that cross, the later success counts."""
    one = Clocked()
    one.took("good")
    assert not one.refuses("A", seconds=5.0)
    assert not one.refuses("B", seconds=5.0)


def test_another_partition_must_be_taken_after_the_first_refusal() -> None:
    """A success before it does not show that the refusal is the event's own."""
    one = Clocked()
    one.took("good")
    one.refuses("A")
    assert not one.isolation.others_were_taken("A")
    one.took("good")
    assert one.isolation.others_were_taken("A")
    assert not one.isolation.others_were_taken("never refused")


def test_the_first_five_partitions_that_are_refused_for_good_are_put_back() -> None:
    """With the fifth, the receiver refuses every event; those before it are returned, once."""
    isolation = Isolation()
    for number in range(FIRST_PARTITIONS - 1):
        assert isolation.rejected(f"P{number}", number) == ()
    assert isolation.rejected("P0", 10) == ()
    assert not isolation.rejects_all
    assert isolation.rejected("last", 11) == (0, 10, 1, 2, 3)
    assert isolation.rejects_all
    assert isolation.rejected("one more", 12) == ()
    isolation.taken(["good"], 1.0)
    assert not isolation.rejects_all


def test_once_an_event_was_taken_refusals_for_good_are_the_events_own() -> None:
    """However many follow, nothing is put back."""
    isolation = Isolation()
    isolation.taken(["good"], 1.0)
    assert [isolation.rejected(f"P{number}", number) for number in range(20)] == [()] * 20
    assert not isolation.rejects_all


def test_one_partition_that_is_asked_for_time_holds_the_others_once() -> None:
    """Its first wish may be for all; once another one was taken, it is its own."""
    one = Clocked()
    one.took("good")
    one.fails("A", asks=3600.0)
    assert not one.closed
    one.took("good")
    one.fails("A", asks=3600.0)
    assert one.closed


def test_an_answer_about_one_event_ends_an_outage_and_no_wait_that_was_asked_for() -> None:
    """A receiver that refuses an event works again; one that asked for time goes on waiting."""
    one = Clocked()
    for partition in "ABC":
        one.fails(partition)
    assert one.isolation.answered() is not None
    assert one.closed
    one.fails("D", asks=60.0)
    assert one.isolation.answered() is None
    assert not one.closed


def test_a_persons_wish_forgets_what_was_held_against_the_receiver() -> None:
    """The breaker closes, and evidence for a pause starts anew."""
    one = Clocked()
    for partition in "ABC":
        one.fails(partition)
    one.refuses("D")
    one.isolation.forget()
    assert one.closed
    assert not one.refuses("E")


ANSWERS = st.tuples(
    st.sampled_from("ABCDEF"),
    st.sampled_from(["taken", "failed", KEY, ADDRESS]),
    st.sampled_from([0.0, 0.0, 3.0]),
)


@settings(max_examples=examples(400))
@given(st.lists(ANSWERS, max_size=60))
def test_the_rules_hold_for_any_answers(answers: list[tuple[str, str, float]]) -> None:
    """A model that keeps the whole story agrees about pauses, the breaker and suspects."""
    one = Clocked()
    suspects: set[str] = set()
    failures, failing = 0, set[str]()
    refused: dict[str, set[str]] = {KEY: set(), ADDRESS: set()}
    taken_at = -1.0
    for partition, answer, seconds in answers:
        if answer == "taken":
            one.took(partition)
            suspects |= failing | refused[KEY] | refused[ADDRESS]
            suspects.discard(partition)
            failures, failing, refused, taken_at = 0, set(), {KEY: set(), ADDRESS: set()}, one.now
        elif answer == "failed":
            one.fails(partition, seconds=seconds)
            own = partition in suspects or one.now - seconds < taken_at
            if own:
                suspects.add(partition)
            else:
                failures, failing = failures + 1, failing | {partition}
        else:
            paused = one.refuses(partition, answer, seconds=seconds)
            own = partition in suspects or one.now - seconds < taken_at
            if own:
                suspects.add(partition)
            else:
                refused[answer].add(partition)
            assert paused == (not own and len(refused[answer]) >= SEVERAL)
        assert one.closed == (failures < FAILURES_TO_OPEN)
        assert {name for name in "ABCDEF" if one.isolation.is_suspect(name)} == suspects
