"""What the receiver measures about itself, for Prometheus. Nothing from outside becomes a label.

Counters are of this process since its start. Gauges are read from the store at each scrape. The DORA
figures are another matter: `api.metric_formats` writes them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gitdailies_core.errors import StoreUnavailable
from gitdailies_server.shared_metrics import ServerMetrics, gauge
from gitdailies_server.storage.database import Session, Size
from prometheus_client.core import Metric

from gitdailies_dora.events.intake import CREATED, UNCHANGED
from gitdailies_dora.events.records import change_log

_PREFIX = "gitdailies_dora_"

# What a request is for, by the beginning of its path. All else is a page.
_PARTS = {"/webhooks": "events", "/api/": "api", "/healthz": "health", "/readyz": "health"}
_PAGES = "pages"


def store_state(session: Session, size: Callable[[Session], Size], now: int) -> tuple[float, Size]:
    """Read how many seconds the figures are behind the events at *now* (µs), and the size of the store."""
    since = change_log.behind_since(session, now)
    return 0.0 if since is None else (now - since) / 1e6, size(session)


class ReceiverMetrics(ServerMetrics):
    """The counters of one server, and the gauges of its store and process."""

    def __init__(self) -> None:
        super().__init__(_PREFIX, "Requests and jobs that were committed")
        self.reload_failed = False
        self._requests = self.counter(
            "requests", "Requests, by what they are for and the status of the answer", "part", "status"
        )
        self._events = self.counter("events", "Events that were sent with a valid key, by result", "result")
        for result in (CREATED, UNCHANGED):
            # At 0 from the start, so that the first one is an increase.
            self._events.labels(result)

    def count_request(self, path: str, status: int) -> None:
        """Count a request by the status of its answer."""
        part = next((part for begin, part in _PARTS.items() if path.startswith(begin)), _PAGES)
        self._requests.labels(part, status).inc()

    def count_events(self, result: str, number: int) -> None:
        """Count events with a result: created, unchanged, or the word of the problem with them."""
        self._events.labels(result).inc(number)

    def add_gauges(self, state: Callable[[], tuple[float, Size]], fault: Callable[[], str]) -> None:
        """Show at each scrape what *state* reads, and whether *fault* names one."""

        def gauges() -> Iterator[Metric]:
            readable = True
            try:
                yield from _store_gauges(*state())
            except StoreUnavailable:
                readable = False
            failing = bool(fault()) or not readable
            yield _gauge("store_failing", "1 while the store cannot be read or written", failing)
            about = "1 while gitdailies.yml has errors since its last reload"
            yield _gauge("reload_failed", about, self.reload_failed)

        self.show(gauges)


def _store_gauges(behind_seconds: float, size: Size) -> Iterator[Metric]:
    about = "For how long the oldest event that the figures do not include has waited, or 0"
    yield _gauge("figures_behind_seconds", about, behind_seconds)
    yield _gauge("store_bytes", "Size of the store", size.bytes)
    yield _gauge("store_free_bytes", "Free space inside the store", size.free_bytes)


def _gauge(name: str, about: str, value: float) -> Metric:
    return gauge(_PREFIX + name, about, value)
