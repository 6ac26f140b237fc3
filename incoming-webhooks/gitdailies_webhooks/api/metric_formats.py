"""Figures as CSV and as Prometheus metrics."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from gitdailies_webhooks.pages.formatting import spreadsheet_safe

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"

_PLACE = ("repo", "environment", "service", "team")
_COLUMNS = (
    *_PLACE,
    *("from", "to", "observedFrom", "asOf", "definitions"),
    *("figure", "measure", "value", "unit"),
)
_DURATIONS = frozenset({"median", "p90", "medianGap", "gapP90"})
_RATIO = "value"

_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")


def measures(report: Mapping[str, Any]) -> Iterator[tuple[str, str, float | None, str]]:
    """Yield figure, measure, number and unit of every number in a report of figures.

    A number in a group has a measure like `byRemedy.median`.
    """
    for figure, numbers in report["figures"].items():
        for measure, number in _flat(numbers):
            unit = "seconds" if measure.rpartition(".")[2] in _DURATIONS else ""
            if measure == _RATIO:
                unit = numbers.get("unit", "ratio")
            if (figure, measure) == ("deploymentFrequency", "denominator"):
                unit = "days"
            yield figure, measure, number, unit


def _flat(numbers: Mapping[str, Any]) -> Iterator[tuple[str, float | None]]:
    for measure, number in numbers.items():
        if isinstance(number, Mapping):
            yield from ((f"{measure}.{inner}", value) for inner, value in number.items())
        elif measure != "unit":
            yield measure, number


def as_csv(report: Mapping[str, Any]) -> str:
    """Write a report as CSV (RFC 4180), one row for each number; null is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    filters, period = report["filter"], report["period"]
    place = [spreadsheet_safe(filters.get(name) or "") for name in _PLACE]
    for figure, measure, number, unit in measures(report):
        shown = "" if number is None else repr(number)
        writer.writerow(
            [
                *place,
                *(period["from"], period["to"] or "", period["observedFrom"] or ""),
                *(report["asOf"], report["definitions"]),
                *(figure, measure, shown, unit),
            ]
        )
    return text.getvalue()


def as_prometheus(report: Mapping[str, Any]) -> bytes:
    """Write a report as gauges, without the nulls, which Prometheus does not have."""
    registry = CollectorRegistry()
    registry.register(_Gauges(report))
    return generate_latest(registry)


class _Gauges(Collector):
    def __init__(self, report: Mapping[str, Any]) -> None:
        self._report = report

    def collect(self) -> Iterator[Metric]:
        filters = self._report["filter"]
        labels = {name: filters.get(name) or "" for name in _PLACE}
        yield definitions_info(self._report["definitions"])
        for figure, measure, number, unit in measures(self._report):
            if number is None:
                continue
            name = f"gitdailies_{snake(figure)}_{snake(measure)}"
            suffix = "_seconds" if unit == "seconds" else "_days" if unit == "days" else ""
            gauge = GaugeMetricFamily(
                name + suffix, f"{figure}: {measure}, in {unit or 'numbers'}", labels=list(labels)
            )
            gauge.add_metric(list(labels.values()), number)
            yield gauge


def definitions_info(version: str) -> Metric:
    """Return the version of the definitions as a metric."""
    return InfoMetricFamily(
        "gitdailies_definitions", "the version of the definitions of the figures", {"version": version}
    )


def snake(name: str) -> str:
    """Write a name like `byRemedy.median` as part of the name of a metric."""
    return _CAPITAL.sub("_", name.replace(".", "_")).lower()
