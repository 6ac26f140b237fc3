"""The totals of a series as Prometheus gauges, with a label for each dimension."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gitdailies_webhooks.api.metric_formats import definitions_info, snake
from gitdailies_webhooks.pages.series_formats import fields

PREFIX = "gitdailies_group_"


def as_gauges(answer: Mapping[str, Any]) -> bytes:
    """Write the totals of each group, without the nulls, which Prometheus does not have."""
    registry = CollectorRegistry()
    registry.register(_Gauges(answer))
    return generate_latest(registry)


class _Gauges(Collector):
    def __init__(self, answer: Mapping[str, Any]) -> None:
        self._answer = answer

    def collect(self) -> Iterator[Metric]:
        by = self._answer["by"]
        yield definitions_info(self._answer["definitions"])
        gauges: dict[str, GaugeMetricFamily] = {}
        for group in self._answer["groups"]:
            labels = [group["by"][name] for name in by]
            for figure, field, value, unit in fields(group["total"]):
                if value is None or isinstance(value, str):
                    continue
                suffix = "_seconds" if unit == "seconds" else ""
                name = f"{PREFIX}{snake(figure)}_{snake(field)}{suffix}"
                if name not in gauges:
                    about = f"{figure}: {field}, in {unit or 'numbers'}, of each group"
                    gauges[name] = GaugeMetricFamily(name, about, labels=by)
                gauges[name].add_metric(labels, value)
        yield from gauges.values()
