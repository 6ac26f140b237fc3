"""When a receiver that fails is left alone, on a clock of the test."""

from __future__ import annotations

from gitdailies_relay.delivery.circuit_breaker import (
    FAILURES_TO_OPEN,
    LONGEST_BACKOFF_SECONDS,
    CircuitBreaker,
)


def opened(at: float = 100.0) -> CircuitBreaker:
    circuit = CircuitBreaker()
    for event in range(FAILURES_TO_OPEN):
        circuit.failed(at, 0.0, event)
    return circuit


def test_it_opens_at_the_third_failure_in_a_row() -> None:
    """Two failures leave it closed, a success between them starts a new count, the third opens it."""
    circuit = CircuitBreaker()
    circuit.failed(1.0, 0.0, 1)
    circuit.failed(1.1, 0.0, 2)
    circuit.succeeded()
    circuit.failed(1.2, 0.0, 3)
    circuit.failed(1.3, 0.0, 4)
    assert circuit.closed
    circuit.failed(1.4, 0.0, 5)
    assert not circuit.closed


def test_a_probe_is_due_half_a_second_later_then_ever_later() -> None:
    """Each failed probe doubles the wait, up to the longest."""
    circuit, now, waits = opened(100.0), 100.0, []
    for _ in range(8):
        begun = now
        while not circuit.probe_due(now):
            now += 0.25
        waits.append(now - begun)
        circuit.failed(now, 0.0, 1)
    assert waits == [
        0.5,
        1.0,
        2.0,
        4.0,
        8.0,
        LONGEST_BACKOFF_SECONDS,
        LONGEST_BACKOFF_SECONDS,
        LONGEST_BACKOFF_SECONDS,
    ]


def test_it_knows_why_the_last_failure_was_until_a_success() -> None:
    """The reason is that of the last failure, and a success takes it away."""
    circuit = opened()
    circuit.failed(100.0, 0.0, 1, reason="connection refused")
    circuit.failed(101.0, 0.0, reason="answered 503")
    assert circuit.reason == "answered 503"
    circuit.succeeded()
    assert circuit.reason == ""


def test_failures_at_the_same_time_count_as_one() -> None:
    """Sixteen requests that fail together open it for half a second, as three would, and then for one."""
    circuit = CircuitBreaker()
    for event in range(16):
        circuit.failed(100.0 + event / 1000, 0.0, event)
    assert circuit.probe_due(100.6)
    circuit.failed(100.6, 0.0, 1)
    assert circuit.probe_due(101.7)


def test_retry_after_opens_it_at_once_and_for_that_long() -> None:
    """An answer that asks for a minute blocks every event for a minute, even after a shorter request."""
    circuit = CircuitBreaker()
    circuit.failed(100.0, 60.0, 1)
    circuit.failed(101.0, 5.0, 2)
    assert circuit.blocks(3)
    assert not circuit.probe_due(159.9)
    assert circuit.probe_due(160.0)


def test_a_failed_probe_after_retry_after_waits_again() -> None:
    """A probe that fails without asking for time does not let the next one follow at once."""
    circuit = CircuitBreaker()
    circuit.failed(100.0, 1.0, 1)
    circuit.failed(101.0, 0.0, 2)
    assert not circuit.probe_due(101.1)


def test_one_event_that_fails_blocks_no_other() -> None:
    """However often one event fails, only it is blocked, and a success makes no other due."""
    circuit, now = CircuitBreaker(), 100.0
    circuit.succeeded()
    for _ in range(20):
        circuit.failed(now, 0.0, 7)
        now += 20.0
    assert circuit.blocks(7)
    assert not circuit.blocks(8)
    assert circuit.succeeded() is False
    assert not circuit.blocks(7)


def test_different_events_that_fail_block_all() -> None:
    """Three different events that fail in a row open the circuit for all, and the first success closes it."""
    circuit = opened()
    assert circuit.blocks(99)
    assert circuit.succeeded() is True
    assert circuit.closed
    assert not circuit.blocks(99)
    assert circuit.succeeded() is False


def test_the_first_answer_after_failures_ends_an_outage_that_a_former_process_saw() -> None:
    """One failure before the first success is enough to make all due; after it, no longer."""
    circuit = CircuitBreaker()
    circuit.failed(100.0, 0.0, 1)
    assert circuit.closed
    assert circuit.succeeded() is True
    circuit.failed(101.0, 0.0, 1)
    assert circuit.succeeded() is False


def test_a_first_answer_without_failures_makes_nothing_due() -> None:
    """A receiver that answers at once was not away."""
    assert CircuitBreaker().succeeded() is False


def test_a_receiver_that_is_down_blocks_all() -> None:
    """FAILURES_TO_OPEN failures without an event open the circuit for all."""
    circuit = CircuitBreaker()
    for _ in range(FAILURES_TO_OPEN):
        assert circuit.closed
        circuit.failed(100.0, 0.0)
    assert circuit.blocks(1)
