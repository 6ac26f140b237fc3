"""What the relay counts of itself, for Prometheus. Nothing that came from outside becomes a label.

Counters are of this process since its start; gauges are read from the store when they are asked for.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from gitdailies_core.errors import StoreUnavailable
from gitdailies_server.storage.database import Size
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gitdailies_relay.accepting.acceptance import Accepted
from gitdailies_relay.accepting.interpret import SHAPE, UNREADABLE
from gitdailies_relay.delivery.pauses import ADDRESS, KEY, MANUAL
from gitdailies_relay.operations.reports import Stored
from gitdailies_relay.operations.tally import Tally
from gitdailies_relay.store.outbox import AGAIN, BURIED, DONE, PAUSED

# A moment beside each counter, for a format that few read; the start of the process says as much.
disable_created_metrics()  # type: ignore[no-untyped-call]

VERSION = version("gitdailies-integrations")
_PREFIX = "gitdailies_relay_"

# A delivery that waits out a receiver's outage takes hours; one that does not, milliseconds.
_DELAYS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 1800, 7200, 21600, 86400, 259200, 604800)
_COMMITS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
_PAUSES = (MANUAL, KEY, ADDRESS)


@dataclass(frozen=True)
class Standing:
    """How the process stands: what it can say without the store."""

    circuit_open: bool
    circuit_reason: str
    store_fault: str
    reload_failed: bool

    def told(self, store: str) -> dict[str, Any]:
        """Say it as JSON, beside the version and the store's place."""
        return {
            "version": VERSION,
            "store": store,
            "storeFault": self.store_fault or None,
            "circuit": "open" if self.circuit_open else "closed",
            "circuitReason": self.circuit_reason if self.circuit_open else None,
            "reloadFailed": self.reload_failed,
        }


class Numbers:
    """Counters of one server, and what it tells of itself when it is asked."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = self._tally(
            "requests", "Requests to /hooks/, by source and status of the answer", "source", "status"
        )
        self._messages = self._tally(
            "messages", "Messages of proven deliveries, by what became of them", "source", "outcome"
        )
        self._ignored = self._counter(
            "ignored", "Messages that were not passed on, by why", "source", "reason"
        )
        self._kept = self._counter("kept", "Bodies kept for a replay, by why", "source", "why")
        self._attempts = self._counter(
            "attempts", "Attempts to deliver an event, by what came of them", "verdict"
        )
        self._committed = self._counter("committed", "Deliveries, attempts and jobs that were committed")
        self._attempt_seconds = self._histogram(
            "attempt_seconds", "How long an attempt took, until its result was stored"
        )
        self._delay_seconds = self._histogram(
            "delivery_delay_seconds", "From the acceptance of an event to its arrival", _DELAYS
        )
        self._commit_seconds = self._histogram(
            "commit_seconds", "How long a commit took to reach stable storage", _COMMITS
        )
        for verdict in (DONE, AGAIN, PAUSED, BURIED):
            # At 0 from the start, so that the first of them is an increase.
            self._attempts.labels(verdict)
        ProcessCollector(registry=self.registry)

    def delivery(self, source: str, became: Accepted | int) -> None:
        """Count what the store said of a delivery, or the status that a request was answered with.

        In the event loop alone.
        """
        if isinstance(became, int):
            self._requests.add(source, became)
            return
        for outcome in became.outcomes:
            self._messages.add(source, outcome)
        if became.why:
            self._kept.labels(source, became.why).inc()
        # Of a body that could not be read the only reason is the fault in it.
        if became.why not in (SHAPE, UNREADABLE):
            for reason in became.reasons:
                self._ignored.labels(source, reason.code).inc()

    def attempt(self, verdict: str, seconds: float, age_seconds: float) -> None:
        """Count an attempt; *age_seconds* since its event was accepted."""
        self._attempts.labels(verdict).inc()
        self._attempt_seconds.observe(seconds)
        if verdict == DONE:
            # A clock that was set back must not make it negative.
            self._delay_seconds.observe(max(age_seconds, 0.0))

    def commit(self, seconds: float, items: int) -> None:
        """Count a commit of *items*; called by the writer's thread."""
        self._commit_seconds.observe(seconds)
        self._committed.inc(items)

    def tell(self, stored: Callable[[], tuple[Stored, Size]], standing: Callable[[], Standing]) -> None:
        """Ask these two at every scrape."""
        self.registry.register(_Gauges(stored, standing))

    def text(self) -> bytes:
        """Return the text exposition. Reads the store, so not in the event loop."""
        return generate_latest(self.registry)

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(_PREFIX + name, about, labels, registry=self.registry)

    def _tally(self, name: str, about: str, *labels: str) -> Tally:
        return Tally(_PREFIX + name, about, labels, self.registry)

    def _histogram(
        self, name: str, about: str, buckets: tuple[float, ...] = Histogram.DEFAULT_BUCKETS
    ) -> Histogram:
        return Histogram(_PREFIX + name, about, registry=self.registry, buckets=buckets)


class _Gauges(Collector):
    def __init__(self, stored: Callable[[], tuple[Stored, Size]], standing: Callable[[], Standing]) -> None:
        self._stored = stored
        self._standing = standing

    def describe(self) -> list[Metric]:
        return []  # so that registering does not read the store

    def collect(self) -> Iterator[Metric]:
        standing = self._standing()
        readable = True
        try:
            yield from _of_store(*self._stored())
        except StoreUnavailable:
            readable = False
        failing = bool(standing.store_fault) or not readable
        yield _gauge("store_failing", "1 while the store cannot be read or written", failing)
        yield _gauge("circuit_open", "1 while the receiver fails and is only probed", standing.circuit_open)
        yield _gauge(
            "reload_failed", "1 while the last reading of gitdailies.yml was faulty", standing.reload_failed
        )
        yield _gauge(
            "build_info",
            "1, with the version that runs",
            1,
            version=VERSION,
            python=platform.python_version(),
        )


def _of_store(stored: Stored, size: Size) -> Iterator[Metric]:
    waited = 0.0 if stored.oldest_at is None else max((stored.now - stored.oldest_at) / 1e6, 0.0)
    yield _gauge("undelivered_events", "Events that are still to be delivered", stored.undelivered)
    yield _gauge("oldest_undelivered_seconds", "How long the oldest of them has waited, or 0", waited)
    yield _gauge("buried_events", "Events that were set aside and wait for a replay", stored.buried)
    yield _gauge("store_bytes", "Size of the store", size.bytes)
    yield _gauge("store_free_bytes", "What of that is free for what comes", size.free_bytes)
    kept = GaugeMetricFamily(
        f"{_PREFIX}kept_bodies", "Bodies that wait for a replay, by why they were kept", labels=["why"]
    )
    for why, count in stored.kept.items():
        kept.add_metric([why], count)
    yield kept
    paused = GaugeMetricFamily(
        f"{_PREFIX}paused", "1 while a destination is paused, by what", labels=["destination", "by"]
    )
    for destination, by in stored.paused.items():
        for what in _PAUSES:
            paused.add_metric([destination, what], float(by == what))
    yield paused


def _gauge(name: str, about: str, value: float, **labels: str) -> Metric:
    family = GaugeMetricFamily(_PREFIX + name, about, labels=list(labels))
    family.add_metric(list(labels.values()), float(value))
    return family
