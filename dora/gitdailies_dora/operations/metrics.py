"""What the receiver measures about itself, for Prometheus. Nothing from outside becomes a label.

Counters are of this process since its start. Gauges are read from the store at each scrape. The DORA
figures are another matter: `api.gauges` writes them.
"""

from collections.abc import Callable, Iterator

from gitdailies_server.readiness import Readiness
from gitdailies_server.shared_metrics import ServerMetrics, gauge, of_store, start_at_zero
from gitdailies_server.storage.database import Session, Size
from prometheus_client.core import Metric

from gitdailies_dora.events.intake import CREATED, REFUSED_IN_LIST, UNCHANGED
from gitdailies_dora.events.records import change_log

_PREFIX = "gitdailies_dora_"

# What a request is for, by the beginning of its path. All else is a page.
_PARTS = {"/webhooks": "events", "/api/": "api", "/healthz": "health", "/readyz": "health"}
_PAGES = "pages"
# Those of successes, and of what somebody has to act on.
_STATUSES = ("200", "202", "401", "403", "422", "500", "503")


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
        about = "How long a request took, from its head to the beginning of the answer"
        self._request_seconds = self.histogram("request_seconds", about, "part")
        start_at_zero(self._requests, [*_PARTS.values(), _PAGES], _STATUSES)
        start_at_zero(self._events, (CREATED, UNCHANGED, *REFUSED_IN_LIST))

    def count_request(self, path: str, status: int, seconds: float) -> None:
        """Count a request by the status of its answer, which began after *seconds*."""
        part = next((part for begin, part in _PARTS.items() if path.startswith(begin)), _PAGES)
        self._requests.labels(part, status).inc()
        self._request_seconds.labels(part).observe(seconds)

    def count_events(self, result: str, number: int) -> None:
        """Count events with a result: created, unchanged, or the word of the problem with them."""
        self._events.labels(result).inc(number)

    def add_gauges(self, state: Callable[[], tuple[float, Size]], readiness: Readiness) -> None:
        """Show at each scrape what *state* reads, and what *readiness* says about the store."""

        def gauges() -> Iterator[Metric]:
            yield from of_store(_PREFIX, readiness, lambda: _store_gauges(*state()))
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
