"""What the relay measures about itself, for Prometheus. Nothing from outside becomes a label.

Counters are of this process since its start. Gauges are read from the store at each scrape.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import cache, partial

from gitdailies_connection.relay.answers import RelayStatus, ServerState
from gitdailies_core import reasons
from gitdailies_core.events.receivers import RECEIVERS
from gitdailies_core.reasons import INVALID_JSON, UNEXPECTED_PAYLOAD
from gitdailies_server.readiness import Readiness
from gitdailies_server.shared_metrics import ServerMetrics, gauge, of_store, start_at_zero
from gitdailies_server.storage.timestamps import utc_now
from prometheus_client.core import GaugeMetricFamily, Metric

from gitdailies_relay.accepting.acceptance import IGNORED, REPEATED, STORED, Accepted
from gitdailies_relay.delivery.isolation import KINDS as PAUSED_BY
from gitdailies_relay.store.outbox import DELIVERED, VERDICTS
from gitdailies_relay.store.store import DESTINATION

_PREFIX = "gitdailies_relay_"

# The answers to deliveries, less those that only a wrong set-up has.
_STATUSES = ("200", "202", "400", "401", "503")
# An event that waits out a receiver's outage takes hours. Any other takes milliseconds.
_DELAYS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 1800, 7200, 21600, 86400, 259200, 604800)


class RelayMetrics(ServerMetrics):
    """The counters of one server, and the gauges of its store and process."""

    def __init__(self) -> None:
        super().__init__(_PREFIX, "Deliveries, attempts and jobs that were committed")
        self._requests = self.counter(
            "requests", "Requests to /hooks/, by source and status of the answer", "source", "status"
        )
        self._messages = self.counter(
            "messages", "Messages of proven deliveries, by outcome", "source", "outcome"
        )
        self._ignored = self.counter(
            "ignored", "Messages that were not passed on, by reason", "source", "reason"
        )
        self._quarantined = self.counter(
            "quarantined", "Deliveries whose body was quarantined, by reason", "source", "reason"
        )
        self._attempts = self.counter("attempts", "Attempts to deliver an event, by verdict", "verdict")
        about = "How long a request to /hooks/ took, from its head to the answer"
        self._request_seconds = self.histogram("request_seconds", about)
        self._attempt_seconds = self.histogram(
            "attempt_seconds", "How long an attempt took, until its result was stored"
        )
        self._delay_seconds = self.histogram(
            "delivery_delay_seconds", "From the acceptance of an event to its delivery", buckets=_DELAYS
        )
        start_at_zero(self._attempts, VERDICTS)
        # The series of each delivery: to find one by its labels takes longer than to count.
        self._requests_of, self._messages_of = cache(self._requests.labels), cache(self._messages.labels)

    def expect(self, sources: Iterable[str]) -> None:
        """Show all that may be counted of *sources*, at 0."""
        counted = (
            (self._requests, _STATUSES),
            (self._messages, (STORED, REPEATED, IGNORED, *reasons.QUARANTINED)),
            (self._ignored, reasons.IGNORED),
            (self._quarantined, reasons.QUARANTINED),
        )
        for counter, words in counted:
            start_at_zero(counter, sources, words)

    def count_request(self, source: str, status: int, seconds: float) -> None:
        """Count a request by the status of its answer, which came after *seconds*."""
        self._requests_of(source, str(status)).inc()
        self._request_seconds.observe(seconds)

    def count_delivery(self, source: str, accepted: Accepted) -> None:
        """Count what became of a delivery."""
        for outcome in accepted.outcomes:
            self._messages_of(source, outcome).inc()
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

    def add_gauges(
        self, read: Callable[[], RelayStatus], health: Callable[[], ServerState], readiness: Readiness
    ) -> None:
        """Show what these say at each scrape."""
        self.show(partial(_gauges, read, health, readiness))


def _gauges(
    read: Callable[[], RelayStatus], state: Callable[[], ServerState], readiness: Readiness
) -> Iterator[Metric]:
    health = state()
    yield from of_store(_PREFIX, readiness, lambda: _store_gauges(read()))
    is_open = health.circuit == "open"
    yield _gauge("circuit_open", "1 while the receiver fails and is only probed", is_open)
    kinds = (((kind,), kind == health.receiver) for kind in RECEIVERS)
    yield _family("receiver", "1 for what the receiver is taken for", ("kind",), kinds)
    yield _gauge("receiver_sure", "1 once the receiver said what it is", health.receiver_is_sure)
    failed = health.reload_failed
    yield _gauge("reload_failed", "1 while gitdailies.yml has errors since its last reload", failed)


def _store_gauges(status: RelayStatus) -> Iterator[Metric]:
    refused = "Events that the receiver refused or that were given up"
    opened = "How long the oldest of them has been open, or 0"
    yield _gauge("undelivered_events", "Events that wait to be delivered", status.waiting)
    waited = _seconds_since(status.oldest_waiting_since)
    yield _gauge("oldest_undelivered_seconds", "How long the oldest of them has waited, or 0", waited)
    yield _gauge("dead_letter_events", refused, status.dead_letters)
    yield _gauge("open_incidents", "Occurrences that were started and not ended", status.open_incidents)
    open_seconds = _seconds_since(status.oldest_open_incident_since)
    yield _gauge("oldest_open_incident_seconds", opened, open_seconds)
    yield _gauge("store_bytes", "Size of the store", status.bytes)
    yield _gauge("store_free_bytes", "Free space inside the store", status.free_bytes)
    about = "Quarantined bodies that were not replayed, by reason"
    counts = (((code,), count) for code, count in status.quarantined.items())
    yield _family("quarantined_bodies", about, ("reason",), counts)
    about = "1 while a destination is paused, by what"
    paused = {DESTINATION: "", **{one.destination: one.by for one in status.paused}}
    pauses = (((name, by), by == now) for name, now in paused.items() for by in PAUSED_BY)
    yield _family("paused", about, ("destination", "by"), pauses)
    about = "When the last proven delivery of a source came"
    last = (
        ((source,), health.last_delivery.timestamp())
        for source, health in status.sources.items()
        if health.last_delivery is not None
    )
    yield _family("source_last_delivery_timestamp_seconds", about, ("source",), last)
    about = "1 while a source has been silent for much longer than usual"
    silent = (((source,), health.silent) for source, health in status.sources.items())
    yield _family("source_silent", about, ("source",), silent)
    about = "How many fields that decide what counts a source sends no more"
    missing = (((source,), len(health.missing)) for source, health in status.sources.items())
    yield _family("source_missing_fields", about, ("source",), missing)


def _seconds_since(at: datetime | None) -> float:
    return 0.0 if at is None else max((utc_now() - at).total_seconds(), 0.0)


def _gauge(name: str, about: str, value: float) -> Metric:
    return gauge(_PREFIX + name, about, value)


def _family(
    name: str, about: str, labels: Sequence[str], values: Iterable[tuple[tuple[str, ...], float]]
) -> Metric:
    family = GaugeMetricFamily(_PREFIX + name, about, labels=labels)
    for given, value in values:
        family.add_metric(given, float(value))
    return family
