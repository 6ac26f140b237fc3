"""Figures as CSV and as Prometheus metrics."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

CSV = "text/csv; charset=utf-8"
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"

_COLUMNS = ("repo", "environment", "service", "from", "to", "asOf", "figure", "measure", "value", "unit")
_DURATIONS = frozenset({"median", "p90", "medianGap", "gapP90"})
_RATIO = "value"

# A spreadsheet takes a text that begins so for a formula.
_FORMULA = re.compile(r"^[=+\-@\t\r]")
_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")


def measures(told: Mapping[str, Any]) -> Iterator[tuple[str, str, float | None, str]]:
    """Yield figure, measure, number and unit of every number in an answer."""
    for figure, numbers in told["figures"].items():
        for measure, number in numbers.items():
            if measure == "unit":
                continue
            unit = "seconds" if measure in _DURATIONS else ""
            if measure == _RATIO:
                unit = numbers.get("unit", "ratio")
            if (figure, measure) == ("deploymentFrequency", "denominator"):
                unit = "days"
            yield figure, measure, number, unit


def as_csv(told: Mapping[str, Any]) -> str:
    """Write an answer as CSV (RFC 4180), a row a number; what is null is empty."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    where, period = told["filter"], told["period"]
    place = [_plain(where[name] or "") for name in ("repo", "environment", "service")]
    for figure, measure, number, unit in measures(told):
        shown = "" if number is None else repr(number)
        writer.writerow(
            [*place, period["from"], period["to"] or "", told["asOf"], figure, measure, shown, unit]
        )
    return text.getvalue()


def as_prometheus(told: Mapping[str, Any]) -> bytes:
    """Write an answer as gauges; what is null is left out, as Prometheus has no word for it."""
    registry = CollectorRegistry()
    registry.register(_Gauges(told))
    return generate_latest(registry)


class _Gauges(Collector):
    def __init__(self, told: Mapping[str, Any]) -> None:
        self._told = told

    def collect(self) -> Iterator[GaugeMetricFamily]:
        where = self._told["filter"]
        labels = {name: where[name] or "" for name in ("repo", "environment", "service")}
        for figure, measure, number, unit in measures(self._told):
            if number is None:
                continue
            name = f"gitdailies_{_snake(figure)}_{_snake(measure)}"
            suffix = "_seconds" if unit == "seconds" else "_days" if unit == "days" else ""
            gauge = GaugeMetricFamily(
                name + suffix, f"{figure}: {measure}, in {unit or 'numbers'}", labels=list(labels)
            )
            gauge.add_metric(list(labels.values()), number)
            yield gauge


def _snake(name: str) -> str:
    return _CAPITAL.sub("_", name).lower()


def _plain(text: str) -> str:
    return f"'{text}" if _FORMULA.search(text) else text
