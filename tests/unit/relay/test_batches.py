"""Which events go in one request, by what came of the requests before."""

from collections.abc import Sequence

import pytest
from gitdailies_core.retry import Outcome
from gitdailies_core.values.secret import Secret
from gitdailies_relay.delivery.batches import (
    MOST_IN_A_BATCH,
    Batch,
    Batcher,
    BatchResult,
    is_about_events,
)
from gitdailies_relay.store.outbox import ReadyEvent

KEY = Secret("gdk_some", "env KEY")


def events(count: int, *, first: int = 1, attempts: int = 0) -> tuple[ReadyEvent, ...]:
    return tuple(
        ReadyEvent(seq, f"e{seq}", 0, b"{}", attempts, None, f"P{seq}") for seq in range(first, first + count)
    )


def carried(sent: Sequence[ReadyEvent], outcome: Outcome | None, *refused: int) -> BatchResult:
    return BatchResult(Batch(tuple(sent), KEY), 0.0, outcome, frozenset(refused))


def sizes(batcher: Batcher, sent: Sequence[ReadyEvent], waiting: int = 10**6) -> list[int]:
    return [len(batch.events) for batch in batcher.divide(sent, waiting, KEY)]


@pytest.mark.parametrize(
    ("waiting", "expected"),
    [(0, [1] * 6), (1, [1] * 6), (7, [1] * 6), (8, [2, 2, 2]), (12, [3, 3]), (10**6, [6])],
)
def test_batches_are_sized_to_use_every_sender(waiting: int, expected: list[int]) -> None:
    """With four senders a few events are sent alone, and many in batches of a fourth of those that wait."""
    assert sizes(Batcher(4), events(6), waiting) == expected


def test_a_list_is_bounded() -> None:
    """A batch has at most MOST_IN_A_BATCH events, and every event is in exactly one batch."""
    cut = Batcher(1).divide(events(150), 10**6, KEY)
    assert [len(batch.events) for batch in cut] == [
        MOST_IN_A_BATCH,
        MOST_IN_A_BATCH,
        150 - 2 * MOST_IN_A_BATCH,
    ]
    assert sorted(event.seq for batch in cut for event in batch.events) == list(range(1, 151))


def test_what_was_tried_before_and_a_suspect_go_alone() -> None:
    """It may fail again; or its partition fails by itself. It would take the others of its batch with it."""
    batches = Batcher(1).divide((*events(2, attempts=3), *events(5, first=10)), 10**6, KEY)
    assert [(len(one.events), one.may_fail) for one in batches] == [(1, True), (1, True), (5, False)]
    batches = Batcher(1).divide(events(5), 10**6, KEY, suspects={2})
    assert [[event.seq for event in one.events] for one in batches] == [[2], [1, 3, 4, 5]]


def test_events_of_a_list_that_failed_go_alone_until_they_are_done() -> None:
    """After a list without an answer its events go one by one, others in shorter lists, which grow again."""
    batcher, spoiled, others = Batcher(1), events(64), events(128, first=100)
    batcher.learn(carried(spoiled, Outcome(500)), (), [event.seq for event in spoiled])
    assert sizes(batcher, spoiled) == [1] * 64
    assert sizes(batcher, others) == [32] * 4
    for event in spoiled:
        batcher.learn(carried([event], Outcome(202)), [event.seq], ())
    assert sizes(batcher, spoiled) == [32, 32]
    batcher.learn(carried(others[:32], Outcome(207), others[0].seq), (), [others[0].seq])
    assert sizes(batcher, others) == [1, 64, 63]


def test_a_receiver_that_asks_for_time_still_gets_batches() -> None:
    """After a 429 the batches stay as large as they were."""
    batcher, sent = Batcher(1), events(64)
    batcher.learn(carried(sent, Outcome(429, retry_after="5")), (), ())
    assert sizes(batcher, sent) == [64]


@pytest.mark.parametrize("status", range(200, 600))
def test_an_answer_is_about_events_or_about_what_they_are_sent_to(status: int) -> None:
    """Neither a refused key, address or receiver nor a failure is about events; nor is a web page."""
    others = {401, 402, 403, 404, 405, 407, 408, 410, 423, 424, 425, 429, 451}
    about = status not in others and not 300 <= status < 400 and status < 500
    assert is_about_events(Outcome(status)) == about
    assert not is_about_events(Outcome(status, is_html=True))
