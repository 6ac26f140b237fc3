"""Whose fault a failure is: the event's own, until several partitions say otherwise."""

import hypothesis.strategies as st
from gitdailies_core.values.http_answers import ADDRESS, KEY
from gitdailies_relay.delivery.isolation import FAILURES_TO_OPEN, SEVERAL, Isolation
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


def test_a_batch_that_fails_says_nothing_about_each_of_its_events() -> None:
    """It counts as one failure, and none of its partitions is a suspect for it."""
    one = Clocked()
    one.took("good")
    one.fails(*"ABCDEFGH")
    assert one.closed
    one.took("good")
    assert not any(one.isolation.is_suspect(partition) for partition in "ABCDEFGH")


def test_the_first_five_partitions_that_are_refused_for_good_are_put_back_once() -> None:
    """The receiver refuses every event then. Once it took one, a refusal is the event's own."""
    isolation = Isolation()
    found = [isolation.rejected(partition, seq) for seq, partition in enumerate("ABCDAEFE")]
    assert found == [(), (), (), (), (), (0, 4, 1, 2, 3), (), ()]
    isolation.taken(["A"], 1.0)
    assert [isolation.rejected(partition, seq) for seq, partition in enumerate("ABCDEF")] == [()] * 6


def test_another_partition_must_be_taken_after_the_first_refusal() -> None:
    """A success before it does not show that the refusal is the event's own."""
    one = Clocked()
    one.took("good")
    one.refuses("A")
    assert not one.isolation.others_were_taken("A")
    one.took("good")
    assert one.isolation.others_were_taken("A")
    assert not one.isolation.others_were_taken("never refused")


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
