"""Metrics that both servers have, for Prometheus: lost log lines, the version, buckets for commits."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib.metadata import version

from prometheus_client import disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from gitdailies_server.logging.setup import lines_dropped

# A timestamp next to each counter is for a format that few read. The start of the process says as much.
disable_created_metrics()  # type: ignore[no-untyped-call]

VERSION = version("gitdailies-integrations")
# Seconds.
COMMIT_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


def gauge(name: str, about: str, value: float, **labels: str) -> Metric:
    """Return a gauge with one value."""
    family = GaugeMetricFamily(name, about, labels=list(labels))
    family.add_metric(list(labels.values()), float(value))
    return family


def shared_metrics(prefix: str) -> Iterator[Metric]:
    """Yield what any server says of its process: lost log lines, and the version that runs."""
    yield CounterMetricFamily(
        f"{prefix}log_lines_dropped",
        "Log lines that were dropped because they were not read in time",
        value=lines_dropped(),
    )
    yield gauge(
        f"{prefix}build_info",
        "1, with the version that runs",
        1,
        version=VERSION,
        python=platform.python_version(),
    )
