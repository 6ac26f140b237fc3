"""What the relay measures about itself, for Prometheus. Nothing from outside becomes a label.

Counters are of this process since its start. Gauges are read from the store at each scrape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gitdailies_core.errors import StoreUnavailable
from gitdailies_core.events.dialect import RECEIVERS
from gitdailies_core.reasons import INVALID_JSON, UNEXPECTED_PAYLOAD
from gitdailies_server.shared_metrics import COMMIT_BUCKETS, VERSION, gauge, shared_metrics
from gitdailies_server.storage.database import Size
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gitdailies_relay.accepting.acceptance import Accepted
from gitdailies_relay.delivery.pauses import KINDS as PAUSED_BY
from gitdailies_relay.operations.reports import StoreState
from gitdailies_relay.operations.source_health import SourceHealth
from gitdailies_relay.store.outbox import DELIVERED, VERDICTS

_PREFIX = "gitdailies_relay_"

# An event that waits out a receiver's outage takes hours. Any other takes milliseconds.
_DELAYS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 1800, 7200, 21600, 86400, 259200, 604800)


@dataclass(frozen=True)
class ProcessHealth:
    """The health of the process: what it knows without the store."""

    circuit_open: bool
    circuit_reason: str
    store_fault: str
    reload_failed: bool
    receiver: str
    receiver_is_sure: bool

    def to_json(self, store: str) -> dict[str, Any]:
        """Return it for JSON, with the version and the location of the *store*."""
        return {
            "version": VERSION,
            "store": store,
            "storeFault": self.store_fault or None,
            "circuit": "open" if self.circuit_open else "closed",
            "circuitReason": self.circuit_reason if self.circuit_open else None,
            "reloadFailed": self.reload_failed,
            "receiver": self.receiver,
            "receiverIsSure": self.receiver_is_sure,
        }


class LockFreeCounter(Collector):
    """A counter without a lock, for what every delivery counts. Only the event loop may add to it.

    Any thread may read it.
    """

    def __init__(self, name: str, about: str, labels: tuple[str, ...], registry: CollectorRegistry) -> None:
        self._name = name
        self._about = about
        self._labels = labels
        self._counts: dict[tuple[str | int, ...], int] = {}
        registry.register(self)

    def add(self, *values: str | int) -> None:
        """Count one more for these values of the labels, in their order."""
        self._counts[values] = self._counts.get(values, 0) + 1

    def describe(self) -> Iterator[CounterMetricFamily]:
        yield CounterMetricFamily(self._name, self._about, labels=self._labels)

    def collect(self) -> Iterator[CounterMetricFamily]:
        family = CounterMetricFamily(self._name, self._about, labels=self._labels)
        # The event loop goes on adding, so the counts are copied in one step. A list of the items
        # would not do: making its tuples may start a garbage collection, and then other threads run.
        for values, count in self._counts.copy().items():
            family.add_metric([str(value) for value in values], count)
        yield family


class RelayMetrics:
    """The counters of one server, and the gauges of its store and process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = self._lock_free_counter(
            "requests", "Requests to /hooks/, by source and status of the answer", "source", "status"
        )
        self._messages = self._lock_free_counter(
            "messages", "Messages of proven deliveries, by outcome", "source", "outcome"
        )
        self._ignored = self._counter(
            "ignored", "Messages that were not passed on, by reason", "source", "reason"
        )
        self._quarantined = self._counter(
            "quarantined", "Deliveries whose body was quarantined, by reason", "source", "reason"
        )
        self._attempts = self._counter("attempts", "Attempts to deliver an event, by verdict", "verdict")
        self._committed = self._counter("committed", "Deliveries, attempts and jobs that were committed")
        self._attempt_seconds = self._histogram(
            "attempt_seconds", "How long an attempt took, until its result was stored"
        )
        self._delay_seconds = self._histogram(
            "delivery_delay_seconds", "From the acceptance of an event to its delivery", _DELAYS
        )
        self._commit_seconds = self._histogram(
            "commit_seconds", "How long a commit took to reach stable storage", COMMIT_BUCKETS
        )
        for verdict in VERDICTS:
            # At 0 from the start, so that the first one is an increase.
            self._attempts.labels(verdict)
        ProcessCollector(registry=self.registry)

    def count_request(self, source: str, status: int) -> None:
        """Count a request by the status of its answer. Only the event loop may call this."""
        self._requests.add(source, status)

    def count_delivery(self, source: str, accepted: Accepted) -> None:
        """Count what became of a delivery. Only the event loop may call this."""
        for outcome in accepted.outcomes:
            self._messages.add(source, outcome)
        code = accepted.quarantine_code
        if code:
            self._quarantined.labels(source, code).inc()
        # A body that could not be read has one reason, the fault in it, and no message to ignore.
        if code not in (UNEXPECTED_PAYLOAD, INVALID_JSON):
            for reason in accepted.reasons:
                self._ignored.labels(source, reason.code).inc()

    def count_attempt(self, verdict: str, seconds: float, age_seconds: float) -> None:
        """Count an attempt; *age_seconds* since its event was accepted."""
        self._attempts.labels(verdict).inc()
        self._attempt_seconds.observe(seconds)
        if verdict == DELIVERED:
            # A clock that was set back must not make it negative.
            self._delay_seconds.observe(max(age_seconds, 0.0))

    def count_commit(self, seconds: float, items: int) -> None:
        """Count a commit of *items*. The writer's thread calls this."""
        self._commit_seconds.observe(seconds)
        self._committed.inc(items)

    def add_gauges(
        self, store_state: Callable[[], tuple[StoreState, Size]], health: Callable[[], ProcessHealth]
    ) -> None:
        """Show what these two return at each scrape."""
        self.registry.register(_Gauges(store_state, health))

    def text(self) -> bytes:
        """Return the text exposition. It reads the store, so do not call it in the event loop."""
        return generate_latest(self.registry)

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(_PREFIX + name, about, labels, registry=self.registry)

    def _lock_free_counter(self, name: str, about: str, *labels: str) -> LockFreeCounter:
        return LockFreeCounter(_PREFIX + name, about, labels, self.registry)

    def _histogram(
        self, name: str, about: str, buckets: tuple[float, ...] = Histogram.DEFAULT_BUCKETS
    ) -> Histogram:
        return Histogram(_PREFIX + name, about, registry=self.registry, buckets=buckets)


class _Gauges(Collector):
    def __init__(
        self, store_state: Callable[[], tuple[StoreState, Size]], health: Callable[[], ProcessHealth]
    ) -> None:
        self._store_state = store_state
        self._health = health

    def describe(self) -> list[Metric]:
        return []  # so that registering does not read the store

    def collect(self) -> Iterator[Metric]:
        health = self._health()
        readable = True
        try:
            yield from _store_gauges(*self._store_state())
        except StoreUnavailable:
            readable = False
        failing = bool(health.store_fault) or not readable
        yield _gauge("store_failing", "1 while the store cannot be read or written", failing)
        yield _gauge("circuit_open", "1 while the receiver fails and is only probed", health.circuit_open)
        receiver = GaugeMetricFamily(
            f"{_PREFIX}receiver", "1 for what the receiver is taken for", labels=["kind"]
        )
        for kind in RECEIVERS:
            receiver.add_metric([kind], float(kind == health.receiver))
        yield receiver
        yield _gauge("receiver_sure", "1 once the receiver said what it is", health.receiver_is_sure)
        yield _gauge(
            "reload_failed", "1 while gitdailies.yml has errors since its last reload", health.reload_failed
        )
        yield from shared_metrics(_PREFIX)


def _store_gauges(state: StoreState, size: Size) -> Iterator[Metric]:
    waited = 0.0 if state.oldest_at is None else max((state.now - state.oldest_at) / 1e6, 0.0)
    yield _gauge("undelivered_events", "Events that wait to be delivered", state.undelivered)
    yield _gauge("oldest_undelivered_seconds", "How long the oldest of them has waited, or 0", waited)
    yield _gauge(
        "dead_letter_events", "Events that the receiver refused or that were given up", state.dead_letters
    )
    yield _gauge("open_incidents", "Occurrences that were started and not ended", state.open_incidents)
    opened = 0.0 if state.oldest_open_at is None else max((state.now - state.oldest_open_at) / 1e6, 0.0)
    yield _gauge("oldest_open_incident_seconds", "How long the oldest of them has been open, or 0", opened)
    yield _gauge("store_bytes", "Size of the store", size.bytes)
    yield _gauge("store_free_bytes", "Free space inside the store", size.free_bytes)
    quarantined = GaugeMetricFamily(
        f"{_PREFIX}quarantined_bodies",
        "Quarantined bodies that were not replayed, by reason",
        labels=["reason"],
    )
    for code, count in state.quarantined.items():
        quarantined.add_metric([code], count)
    yield quarantined
    paused = GaugeMetricFamily(
        f"{_PREFIX}paused", "1 while a destination is paused, by what", labels=["destination", "by"]
    )
    for destination, paused_by in state.paused.items():
        for by in PAUSED_BY:
            paused.add_metric([destination, by], float(by == paused_by))
    yield paused
    yield from _source_gauges(state.sources)


def _source_gauges(sources: Sequence[SourceHealth]) -> Iterator[Metric]:
    last = GaugeMetricFamily(
        f"{_PREFIX}source_last_delivery_timestamp_seconds",
        "When the last proven delivery of a source came",
        labels=["source"],
    )
    silent = GaugeMetricFamily(
        f"{_PREFIX}source_silent",
        "1 while a source has been silent for much longer than usual",
        labels=["source"],
    )
    for health in sources:
        if health.last_at is not None:
            last.add_metric([health.source], health.last_at / 1e6)
        silent.add_metric([health.source], float(health.is_silent))
    yield last
    yield silent


def _gauge(name: str, about: str, value: float) -> Metric:
    return gauge(_PREFIX + name, about, value)
