"""What a dashboard is made of: panels with their queries, variables, and the JSON of them. Pure.

The JSON is Grafana's classic model of dashboards. Rows are filled from left to
right.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

COLUMNS = 24
# The data source of the figures needs it. docs/do/grafana.md names it.
OLDEST_GRAFANA = "11.6"
SCHEMA_VERSION = 38
# Data sources are chosen in the dashboard, so that no id of an installation is in the file.
SOURCE = "${source}"


@dataclass(frozen=True)
class Panel:
    """A panel: its title, what it says, its kind, its unit, and its queries.

    *kind* is a panel type of Grafana. *places* are the digits behind the point. *options* and *custom* are
    those of the kind. *units* are those of single fields.
    """

    title: str
    about: str
    kind: str
    queries: Sequence[Mapping[str, Any]]
    unit: str = "short"
    width: int = 8
    height: int = 8
    places: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    custom: Mapping[str, Any] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """A heading, and the panels below it."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True)
class Dashboard:
    """A dashboard: its id for links, its title, its data source, its variables and its rows."""

    uid: str
    title: str
    about: str
    plugin: str
    rows: Sequence[Row]
    variables: Sequence[Mapping[str, Any]] = ()
    since: str = "now-90d"
    refresh: str = "5m"
    links: Sequence[Mapping[str, Any]] = ()
    annotations: Sequence[Mapping[str, Any]] = ()


def source(plugin: str) -> dict[str, str]:
    """Return the reference to the data source that the reader chose."""
    return {"type": plugin, "uid": SOURCE}


def text_of(dashboard: Dashboard) -> str:
    """Return the file of a dashboard."""
    return json.dumps(_json(dashboard), indent=2, ensure_ascii=False) + "\n"


def _json(dashboard: Dashboard) -> dict[str, Any]:
    chosen = {
        "type": "datasource",
        "name": "source",
        "label": "Data source",
        "query": dashboard.plugin,
        "multi": False,
        "includeAll": False,
        "refresh": 1,
    }
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.about,
        "tags": ["gitdailies"],
        "timezone": "browser",
        "editable": True,
        "graphTooltip": 1,
        "schemaVersion": SCHEMA_VERSION,
        "refresh": dashboard.refresh,
        "time": {"from": dashboard.since, "to": "now"},
        "templating": {"list": [chosen, *dashboard.variables]},
        "annotations": {"list": list(dashboard.annotations)},
        "links": list(dashboard.links),
        "panels": list(_panels(dashboard)),
    }


def _panels(dashboard: Dashboard) -> Iterator[dict[str, Any]]:
    number, top = 0, 0
    for row in dashboard.rows:
        number += 1
        yield {
            "id": number,
            "type": "row",
            "title": row.title,
            "collapsed": False,
            "gridPos": {"x": 0, "y": top, "w": COLUMNS, "h": 1},
            "panels": [],
        }
        top, left, line = top + 1, 0, 0
        for panel in row.panels:
            if left + panel.width > COLUMNS:
                top, left, line = top + line, 0, 0
            number += 1
            place = {"x": left, "y": top, "w": panel.width, "h": panel.height}
            yield _panel(number, place, panel, dashboard.plugin)
            left, line = left + panel.width, max(line, panel.height)
        top += line


def _panel(number: int, place: Mapping[str, int], panel: Panel, plugin: str) -> dict[str, Any]:
    defaults: dict[str, Any] = {"unit": panel.unit, "custom": dict(panel.custom), "noValue": "–"}
    if panel.places is not None:
        defaults["decimals"] = panel.places
    overrides = [
        {
            "matcher": {"id": "byName", "options": name},
            "properties": [{"id": "unit", "value": unit}],
        }
        for name, unit in panel.units.items()
    ]
    targets = [
        {"refId": chr(ord("A") + index), "datasource": source(plugin), **query}
        for index, query in enumerate(panel.queries)
    ]
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": source(plugin),
        "gridPos": dict(place),
        "fieldConfig": {"defaults": defaults, "overrides": overrides},
        "options": dict(panel.options),
        "targets": targets,
    }
