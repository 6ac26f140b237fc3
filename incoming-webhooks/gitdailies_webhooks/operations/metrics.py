"""What the receiver measures about itself, for Prometheus. Nothing from outside becomes a label.

Counters are of this process since its start. Gauges are read from the store at each scrape. The DORA
figures are another matter: `api.metric_formats` writes them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from gitdailies_core.errors import StoreUnavailable
from gitdailies_server.shared_metrics import COMMIT_BUCKETS, gauge, shared_metrics
from gitdailies_server.storage.database import Session, Size
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from gitdailies_webhooks.events import change_log
from gitdailies_webhooks.events.intake import CREATED, UNCHANGED

_PREFIX = "gitdailies_webhooks_"

# What a request is for, by the beginning of its path. All else is a page.
_PARTS = {"/webhooks": "events", "/api/": "api", "/healthz": "health", "/readyz": "health"}
_PAGES = "pages"


@dataclass(frozen=True)
class StoreState:
    """What the store says about itself: how many seconds the figures are behind the events, and its size."""

    behind_seconds: float
    size: Size


def store_state(session: Session, size: Callable[[Session], Size], now: int) -> StoreState:
    """Read the state at *now*, in microseconds."""
    since = change_log.behind_since(session, now)
    return StoreState(0.0 if since is None else (now - since) / 1e6, size(session))


class ReceiverMetrics:
    """The counters of one server, and the gauges of its store and process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.reload_failed = False
        self._requests = self._counter(
            "requests", "Requests, by what they are for and the status of the answer", "part", "status"
        )
        self._events = self._counter("events", "Events that were sent with a valid key, by result", "result")
        self._committed = self._counter("committed", "Requests and jobs that were committed")
        self._commit_seconds = Histogram(
            f"{_PREFIX}commit_seconds",
            "How long a commit took to reach stable storage",
            registry=self.registry,
            buckets=COMMIT_BUCKETS,
        )
        for result in (CREATED, UNCHANGED):
            # At 0 from the start, so that the first one is an increase.
            self._events.labels(result)
        ProcessCollector(registry=self.registry)

    def count_request(self, path: str, status: int) -> None:
        """Count a request by the status of its answer."""
        self._requests.labels(_part(path), status).inc()

    def count_events(self, result: str, number: int) -> None:
        """Count events with a result: created, unchanged, or the word of the problem with them."""
        self._events.labels(result).inc(number)

    def count_commit(self, seconds: float, items: int) -> None:
        """Count a commit of *items*. The writer's thread calls this."""
        self._commit_seconds.observe(seconds)
        self._committed.inc(items)

    def add_gauges(self, state: Callable[[], StoreState], fault: Callable[[], str]) -> None:
        """Show at each scrape what *state* reads, and whether *fault* names one."""
        self.registry.register(_Gauges(state, fault, lambda: self.reload_failed))

    def text(self) -> bytes:
        """Return the text exposition. It reads the store, so do not call it in the event loop."""
        return generate_latest(self.registry)

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(_PREFIX + name, about, labels, registry=self.registry)


class _Gauges(Collector):
    def __init__(
        self, state: Callable[[], StoreState], fault: Callable[[], str], reload_failed: Callable[[], bool]
    ) -> None:
        self._state = state
        self._fault = fault
        self._reload_failed = reload_failed

    def describe(self) -> list[Metric]:
        return []  # so that registering does not read the store

    def collect(self) -> Iterator[Metric]:
        readable = True
        try:
            state = self._state()
        except StoreUnavailable:
            readable = False
        else:
            yield _gauge(
                "figures_behind_seconds",
                "For how long the oldest event that the figures do not include has waited, or 0",
                state.behind_seconds,
            )
            yield _gauge("store_bytes", "Size of the store", state.size.bytes)
            yield _gauge("store_free_bytes", "Free space inside the store", state.size.free_bytes)
        failing = bool(self._fault()) or not readable
        yield _gauge("store_failing", "1 while the store cannot be read or written", failing)
        yield _gauge(
            "reload_failed", "1 while gitdailies.yml has errors since its last reload", self._reload_failed()
        )
        yield from shared_metrics(_PREFIX)


def _part(path: str) -> str:
    return next((part for begin, part in _PARTS.items() if path.startswith(begin)), _PAGES)


def _gauge(name: str, about: str, value: float) -> Metric:
    return gauge(_PREFIX + name, about, value)
