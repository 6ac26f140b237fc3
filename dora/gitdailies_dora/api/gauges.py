"""Figures as Prometheus gauges: those of a selection, and the totals of groups."""

import re
from collections.abc import Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from gitdailies_dora.figures.answers.numbers import Figures, each_number
from gitdailies_dora.figures.answers.report import FiguresAnswer, SeriesAnswer
from gitdailies_dora.pages.overview.formats import SELECTED, selected

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
# What the names of gauges begin with, if they are of a selection, and if they are of groups.
OF_SELECTION, OF_GROUPS = "gitdailies_", "gitdailies_group_"

_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")


def as_gauges(answer: FiguresAnswer) -> bytes:
    """Write the figures of a selection, without the nulls, which Prometheus does not have."""
    return _written(OF_SELECTION, SELECTED, [(selected(answer), answer.figures)], answer.definitions)


def series_as_gauges(answer: SeriesAnswer) -> bytes:
    """Write the totals of each group, with a label for each dimension."""
    groups = [([group.by[name] for name in answer.by], group.total) for group in answer.groups]
    return _written(OF_GROUPS, answer.by, groups, answer.definitions)


def gauge_name(prefix: str, figure: str, field: str, unit: str) -> str:
    """Return the name of the gauge of a number."""
    suffix = "_seconds" if unit == "seconds" else ""
    return f"{prefix}{_snake(figure)}_{_snake(field)}{suffix}"


def _written(
    prefix: str, labels: Sequence[str], of: Iterable[tuple[Sequence[str], Figures]], definitions: str
) -> bytes:
    gauges: dict[str, GaugeMetricFamily] = {}
    for values, figures in of:
        for figure, field, value, unit in each_number(figures):
            if value is None or isinstance(value, str):
                continue
            name = gauge_name(prefix, figure, field, unit)
            if name not in gauges:
                about = f"{figure}: {field}, in {unit or 'numbers'}"
                gauges[name] = GaugeMetricFamily(name, about, labels=labels)
            gauges[name].add_metric(values, value)
    version = InfoMetricFamily(
        "gitdailies_definitions", "the version of the definitions of the figures", {"version": definitions}
    )
    registry = CollectorRegistry()
    registry.register(_Gauges([version, *gauges.values()]))
    return generate_latest(registry)


class _Gauges(Collector):
    def __init__(self, found: Iterable[Metric]) -> None:
        self._found = found

    def collect(self) -> Iterator[Metric]:
        yield from self._found


def _snake(name: str) -> str:
    return _CAPITAL.sub("_", name.replace(".", "_")).lower()
