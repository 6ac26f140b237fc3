"""Metrics that both servers have, for Prometheus: commits, lost log lines, the version."""

import platform
import time
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version
from itertools import product

from gitdailies_core.errors import StoreBusy, StoreUnavailable
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gitdailies_server.logging.setup import lines_dropped
from gitdailies_server.readiness import Readiness

# A timestamp next to each counter is for a format that few read. The start of the process says as much.
disable_created_metrics()  # type: ignore[no-untyped-call]

VERSION = version("gitdailies-integrations")
# Seconds.
_COMMIT_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


class ServerMetrics(Collector):
    """The metrics of one server, whose names begin with *prefix*. *committed* says what its commits hold."""

    def __init__(self, prefix: str, committed: str) -> None:
        self.registry = CollectorRegistry()
        self._prefix = prefix
        self._committed = self.counter("committed", committed)
        about = "How long a commit took to reach stable storage"
        self._commit_seconds = self.histogram("commit_seconds", about, buckets=_COMMIT_BUCKETS)
        ProcessCollector(registry=self.registry)

    def count_commit(self, seconds: float, items: int) -> None:
        """Count a commit of *items*. The writer's thread calls this."""
        self._commit_seconds.observe(seconds)
        self._committed.inc(items)

    def text(self) -> bytes:
        """Return the text exposition. It reads the store, so do not call it in the event loop."""
        return generate_latest(self.registry)

    def counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(self._prefix + name, about, labels, registry=self.registry)

    def histogram(
        self, name: str, about: str, *labels: str, buckets: tuple[float, ...] = Histogram.DEFAULT_BUCKETS
    ) -> Histogram:
        return Histogram(self._prefix + name, about, labels, registry=self.registry, buckets=buckets)

    def show(self, gauges: Callable[[], Iterable[Metric]]) -> None:
        """Show at each scrape what *gauges* returns, and what any server says about its process."""
        self._gauges = gauges
        self.registry.register(self)

    def describe(self) -> list[Metric]:
        return []  # so that registering does not read the store

    def collect(self) -> Iterator[Metric]:
        yield from self._gauges()
        yield from _of_process(self._prefix)


def of_store(prefix: str, readiness: Readiness, read: Callable[[], Iterable[Metric]]) -> Iterator[Metric]:
    """Yield what *read* reads from the store, if that answers, and how the store is."""
    readable = True
    if readiness.answers:
        try:
            yield from list(read())
        except StoreUnavailable as error:
            # It answers where readers have all connections.
            readable = isinstance(error, StoreBusy)
    writer = readiness.store.writer
    about = "1 while the store cannot be read or written, or a commit does not end"
    yield gauge(f"{prefix}store_failing", about, bool(writer.fault or readiness.unfit) or not readable)
    about = "For how long the oldest write has waited for its commit, or 0"
    yield gauge(f"{prefix}commit_waiting_seconds", about, writer.waiting_seconds)


def start_at_zero(counter: Counter | Histogram, *words: Iterable[str]) -> None:
    """Show a series for each combination of *words*, so that the first one that is counted is an increase."""
    for labels in product(*words):
        counter.labels(*labels)


def gauge(name: str, about: str, value: float, **labels: str) -> Metric:
    """Return a gauge with one value."""
    family = GaugeMetricFamily(name, about, labels=list(labels))
    family.add_metric(list(labels.values()), float(value))
    return family


def _of_process(prefix: str) -> Iterator[Metric]:
    yield CounterMetricFamily(
        f"{prefix}log_lines_dropped",
        "Log lines that were dropped because they were not read in time",
        value=lines_dropped(),
    )
    yield gauge(f"{prefix}time_seconds", "The time by the server's clock", time.time())
    yield gauge(
        f"{prefix}build_info",
        "1, with the version that runs",
        1,
        version=VERSION,
        python=platform.python_version(),
    )
