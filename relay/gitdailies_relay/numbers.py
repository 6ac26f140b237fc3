"""What the relay counts of itself, for Prometheus."""

from __future__ import annotations

from functools import cache

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest


class Numbers:
    """Counters of one server; nothing that came from outside becomes a label."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._deliveries = Counter(
            "gitdailies_relay_deliveries",
            "Deliveries received, by source and by what became of them",
            ["source", "outcome"],
            registry=self.registry,
        )
        # labels() takes a lock and checks names; there are as many as sources and outcomes.
        self._delivery = cache(self._deliveries.labels)
        self._attempts = Counter(
            "gitdailies_relay_attempts",
            "Attempts to deliver an event, by what came of them",
            ["verdict"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "gitdailies_relay_attempt_seconds",
            "How long an attempt to deliver took, until its result was stored",
            registry=self.registry,
        )

    def delivery(self, source: str, outcome: str) -> None:
        self._delivery(source, outcome).inc()

    def attempt(self, verdict: str, seconds: float) -> None:
        self._attempts.labels(verdict).inc()
        self._seconds.observe(seconds)

    def text(self) -> bytes:
        """Return the text exposition."""
        return generate_latest(self.registry)
