"""The dashboards for Grafana below deployment/grafana, from their tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from scripts.grafana import figures, operators
from scripts.grafana.panels import text_of

FOLDER = "deployment/grafana/dashboards"


def texts(root: Path) -> Mapping[str, str]:  # noqa: ARG001  nothing is read
    """Return the file of each dashboard."""
    return {
        f"{FOLDER}/{dashboard.uid.removeprefix('gitdailies-')}.json": text_of(dashboard)
        for dashboard in (figures.DASHBOARD, operators.DASHBOARD)
    }
