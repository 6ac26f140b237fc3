"""The events of one request, and the meaning of its answer for each of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from gitdailies_core.retry import Outcome
from gitdailies_core.values.secret import Secret
from gitdailies_relay.delivery.batches import MOST_IN_A_BATCH, Batch, Batcher, BatchResult, Verdicts, decide
from gitdailies_relay.store.outbox import DEAD_LETTER, DELIVERED, PAUSED, RETRY, ReadyEvent
from gitdailies_server.storage.timestamps import to_us

KEY = Secret("gdk_some", "env KEY")
NOW = datetime(2026, 3, 4, 9, tzinfo=UTC)
DAYS = 7 * 86400.0


def events(count: int, *, first: int = 1, tried_days_ago: float | None = None) -> tuple[ReadyEvent, ...]:
    tried = None if tried_days_ago is None else to_us(NOW - timedelta(days=tried_days_ago))
    return tuple(
        ReadyEvent(seq, f"e{seq}", 0, b"{}", "default", 0 if tried is None else 9, tried)
        for seq in range(first, first + count)
    )


def carried(sent: Sequence[ReadyEvent], outcome: Outcome | None, *refused: int) -> BatchResult:
    return BatchResult(Batch(tuple(sent), KEY), to_us(NOW), outcome, frozenset(refused))


def judged(one: BatchResult) -> Verdicts:
    return decide(one, now=NOW, jitter=lambda: 0.5, give_up_age_seconds=DAYS)


def verdicts(one: BatchResult) -> tuple[list[tuple[int, str]], list[int]]:
    """Return the verdict of each event, and the events that are sent alone."""
    found = judged(one)
    return [(a.seq, a.verdict) for a in found.attempts], [event.seq for event in found.retry_singly]


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


def test_of_a_list_each_event_has_its_own_verdict() -> None:
    """Accepted events are delivered; others are sent alone next, and this attempt is not counted."""
    assert verdicts(carried(events(3), Outcome(207), 2)) == ([(1, DELIVERED), (3, DELIVERED)], [2])


@pytest.mark.parametrize("status", [400, 409, 413, 415, 422])
def test_a_batch_that_is_refused_makes_no_dead_letter(status: int) -> None:
    """The events of a refused batch are all sent alone; one that is refused alone is a dead letter."""
    assert verdicts(carried(events(3), Outcome(status))) == ([], [1, 2, 3])
    assert verdicts(carried(events(1), Outcome(status))) == ([(1, DEAD_LETTER)], [])


@pytest.mark.parametrize("outcome", [Outcome(None, "timed out"), Outcome(500), Outcome(429), Outcome(503)])
def test_no_answer_concerns_all_events_of_a_list(outcome: Outcome) -> None:
    """Each is tried again later, with an attempt counted, as if it had gone alone."""
    assert verdicts(carried(events(3), outcome)) == ([(1, RETRY), (2, RETRY), (3, RETRY)], [])


@pytest.mark.parametrize("status", [401, 403, 404, 302])
def test_a_refused_key_burns_no_event_of_a_list(status: int) -> None:
    """Key or address at fault: each event is paused."""
    assert verdicts(carried(events(2), Outcome(status))) == ([(1, PAUSED), (2, PAUSED)], [])


def test_a_batch_makes_no_dead_letter_by_age() -> None:
    """An event past its age goes alone once more: another of the list may be why nothing answers."""
    old, young = events(2, tried_days_ago=8), events(1, first=3)
    assert verdicts(carried((*old, *young), Outcome(500))) == ([(3, RETRY)], [1, 2])
    assert verdicts(carried(old[:1], Outcome(500))) == ([(1, DEAD_LETTER)], [])


def test_what_cannot_be_read_is_a_dead_letter_and_the_others_are_sent() -> None:
    """A damaged event of a list has its own verdict; without an outcome nothing is decided of others."""
    one = BatchResult(Batch(events(3), KEY), to_us(NOW), Outcome(202), frozenset(), {2: "expected an object"})
    assert verdicts(one) == ([(2, DEAD_LETTER), (1, DELIVERED), (3, DELIVERED)], [])
    assert verdicts(carried(events(2), None)) == ([], [])


def test_events_of_a_list_that_failed_go_alone_until_they_are_done() -> None:
    """After a list without an answer its events go one by one, others in shorter lists, which grow again."""
    batcher, spoiled, others = Batcher(1), events(64), events(128, first=100)
    failed = carried(spoiled, Outcome(500))
    batcher.learn(failed, judged(failed))
    assert sizes(batcher, spoiled) == [1] * 64
    assert sizes(batcher, others) == [32] * 4
    for event in spoiled:
        done = carried([event], Outcome(202))
        batcher.learn(done, judged(done))
    assert sizes(batcher, spoiled) == [32, 32]
    taken = carried(others[:32], Outcome(207), others[0].seq)
    batcher.learn(taken, judged(taken))
    assert sizes(batcher, others) == [1, 64, 63]


def test_a_receiver_that_asks_for_time_still_gets_batches() -> None:
    """After a 429 the batches stay as large as they were."""
    batcher, sent = Batcher(1), events(64)
    one = carried(sent, Outcome(429, retry_after="5"))
    batcher.learn(one, judged(one))
    assert sizes(batcher, sent) == [64]
