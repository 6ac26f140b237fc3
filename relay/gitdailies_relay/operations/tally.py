"""A counter that the event loop alone adds to: without a lock, for what is counted at every delivery."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector


class Tally(Collector):
    """A counter by the values of its labels; any thread may read it."""

    def __init__(self, name: str, about: str, labels: tuple[str, ...], registry: CollectorRegistry) -> None:
        self._name = name
        self._about = about
        self._labels = labels
        self._counts: dict[tuple[str | int, ...], int] = {}
        registry.register(self)

    def add(self, *values: str | int) -> None:
        """Count one more of these values of the labels, in their order."""
        self._counts[values] = self._counts.get(values, 0) + 1

    def describe(self) -> Iterator[CounterMetricFamily]:
        yield CounterMetricFamily(self._name, self._about, labels=self._labels)

    def collect(self) -> Iterator[CounterMetricFamily]:
        family = CounterMetricFamily(self._name, self._about, labels=self._labels)
        # The event loop goes on adding. A list of the items would not do: each is made for it, and
        # that may begin a collection of garbage, in which other threads take their turns.
        for values, count in self._counts.copy().items():
            family.add_metric([str(value) for value in values], count)
        yield family
