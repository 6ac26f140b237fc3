"""When a receiver that fails is left alone, on a clock of the test."""

from gitdailies_relay.delivery.isolation import (
    FAILURES_TO_OPEN,
    LONGEST_BACKOFF_SECONDS,
    LONGEST_UNTRIED_SECONDS,
    CircuitBreaker,
)


def opened(at: float = 100.0) -> CircuitBreaker:
    circuit = CircuitBreaker()
    for _ in range(FAILURES_TO_OPEN):
        circuit.failed(at)
    return circuit


def waits(circuit: CircuitBreaker, *, untried: bool) -> list[float]:
    """Let eight probes fail, each when it is due; return how long each was waited for."""
    now, found = 100.0, []
    for _ in range(8):
        begun = now
        while not circuit.probe_due(now, untried=untried):
            now += 0.125
        found.append(now - begun)
        circuit.failed(now)
    return found


def test_a_probe_is_due_soon_then_ever_later() -> None:
    """Each failed probe doubles the wait, up to the longest."""
    longest = LONGEST_BACKOFF_SECONDS
    assert waits(opened(), untried=False) == [0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, longest]


def test_an_event_that_was_never_tried_waits_less() -> None:
    """It may show that only the others failed, so a second after a probe it may be the next one."""
    circuit, longest = opened(), LONGEST_UNTRIED_SECONDS
    for at in (100.5, 101.5, 103.5, 107.5, 115.5):
        circuit.failed(at)
    assert not circuit.probe_due(115.5 + longest)
    assert circuit.probe_due(115.5 + longest, untried=True)
    assert not circuit.probe_due(115.4 + longest, untried=True)


def test_it_opens_at_the_third_failure_in_a_row() -> None:
    """Two failures leave it closed, and a success starts a new count."""
    circuit, closed = CircuitBreaker(), []
    for at, has_failed in enumerate((True, True, False, True, True, True)):
        if has_failed:
            circuit.failed(at)
        else:
            circuit.succeeded()
        closed.append(circuit.closed)
    assert closed == [True] * 5 + [False]


def test_failures_at_the_same_time_count_as_one() -> None:
    """Sixteen failures at once open it for an eighth of a second, as three would, and then for a quarter."""
    circuit = CircuitBreaker()
    for number in range(16):
        circuit.failed(100.0 + number / 1000)
    assert circuit.probe_due(100.2)
    circuit.failed(100.2)
    assert circuit.probe_due(100.5)


def test_retry_after_opens_it_at_once_and_for_that_long() -> None:
    """An answer that asks for a minute is heard, even after a shorter wish."""
    circuit = CircuitBreaker()
    circuit.failed(100.0, 60.0)
    circuit.failed(101.0, 5.0)
    assert not circuit.closed
    assert not circuit.probe_due(159.9)
    assert circuit.probe_due(160.0)


def test_one_event_that_was_never_tried_finds_out_whether_the_wish_was_for_all() -> None:
    """After a second one such event may go; if it is asked to wait too, nothing goes before the time."""
    circuit = CircuitBreaker()
    circuit.failed(100.0, 60.0)
    assert not circuit.probe_due(100.9, untried=True)
    assert circuit.probe_due(101.0, untried=True)
    circuit.probed()
    circuit.failed(101.1, 59.0)
    assert not circuit.probe_due(150.0, untried=True)
    assert circuit.probe_due(160.2, untried=True)
