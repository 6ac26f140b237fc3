"""A counter without a lock, as Prometheus reads it."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Iterator

import pytest
from gitdailies_relay.operations.metrics import LockFreeCounter
from prometheus_client import CollectorRegistry, generate_latest


def exposition(registry: CollectorRegistry) -> list[str]:
    return generate_latest(registry).decode().splitlines()


def test_each_combination_of_labels_is_counted_by_itself() -> None:
    """Numbers become texts, what a label may not hold is escaped, and there is a counter before the first."""
    registry = CollectorRegistry()
    counter = LockFreeCounter("answers", "Answers by source", ("source", "status"), registry)
    assert exposition(registry) == ["# HELP answers_total Answers by source", "# TYPE answers_total counter"]

    counter.add("pagerduty", 202)
    counter.add("pagerduty", 202)
    counter.add('a"b', 401)
    assert exposition(registry)[2:] == [
        'answers_total{source="pagerduty",status="202"} 2.0',
        'answers_total{source="a\\"b",status="401"} 1.0',
    ]


@pytest.fixture
def restless() -> Iterator[None]:
    """Threads take turns as often as they can, also wherever garbage may be collected."""
    interval, threshold = sys.getswitchinterval(), gc.get_threshold()

    def work(_phase: str, _of: object) -> None:
        sum(range(50))

    sys.setswitchinterval(1e-6)
    gc.set_threshold(1)
    gc.callbacks.append(work)
    yield
    gc.callbacks.remove(work)
    gc.set_threshold(*threshold)
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("restless")
def test_a_reader_in_another_thread_never_fails_and_never_sees_less() -> None:
    """While 5,000 combinations come up, each reading holds whole lines, and no fewer than the last."""
    registry = CollectorRegistry()
    counter = LockFreeCounter("answers", "Answers", ("number",), registry)
    sizes: list[int] = []
    faults: list[Exception] = []
    reading, done = threading.Event(), threading.Event()

    def read() -> None:
        while not done.is_set():
            try:
                sizes.append(len(exposition(registry)))
            except RuntimeError as fault:
                faults.append(fault)
            reading.set()

    reader = threading.Thread(target=read)
    reader.start()
    # Otherwise a late thread would read nothing.
    assert reading.wait(30)
    for number in range(5_000):
        counter.add(number)
    done.set()
    reader.join()

    assert faults == []
    assert sizes
    assert sizes == sorted(sizes)
    assert len(exposition(registry)) == 5_002
