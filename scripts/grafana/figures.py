"""The dashboard of figures, over the API with the data source Infinity. A table.

A query is an address and a jq program, which makes flat rows of the answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from scripts.grafana.panels import Dashboard, Panel, Row

PLUGIN = "yesoreyeram-infinity-datasource"
# A variable holds a piece of the address, such as `&repo=larkspur%2Fshop`; for all of them it is `&`.
ALL = "&"
_PERIOD = "from=${__from:date:iso}&to=${__to:date:iso}"
_FILTERS = "${team}${repo}${environment}"
SERIES = "/api/metrics/series"


def _query(address: str, program: str, columns: Mapping[str, str], form: str = "table") -> dict[str, Any]:
    """Return a query; *columns* are the fields of the rows, with the type of each."""
    return {
        "type": "json",
        "source": "url",
        "parser": "jq-backend",
        "format": form,
        "url": address,
        "url_options": {"method": "GET", "data": ""},
        "root_selector": program,
        "columns": [{"selector": name, "text": name, "type": type_} for name, type_ in columns.items()],
        "filters": [],
    }


def _total(fields: Mapping[str, str]) -> dict[str, Any]:
    """Return the query of numbers of the whole period, each a path below `total`."""
    made = ", ".join(f"{json.dumps(name)}: .total.{path}" for name, path in fields.items())
    return _query(
        f"{SERIES}?{_PERIOD}{_FILTERS}", f"[.groups[] | {{{made}}}]", dict.fromkeys(fields, "number")
    )


def _over_time(fields: Mapping[str, str]) -> dict[str, Any]:
    """Return the query of numbers of each whole bucket, each a path below the bucket."""
    made = ", ".join(f"{json.dumps(name)}: .{path}" for name, path in fields.items())
    return _query(
        f"{SERIES}?interval=${{interval}}&{_PERIOD}{_FILTERS}",
        f'[.groups[].buckets[] | select(.whole) | {{"Time": .from, {made}}}]',
        {"Time": "timestamp", **dict.fromkeys(fields, "number")},
        "timeseries",
    )


_STAT = {"reduceOptions": {"values": False, "calcs": ["lastNotNull"], "fields": "/.*/"}, "colorMode": "none"}
_LINES = {"legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []}}


def _stat(title: str, about: str, unit: str, fields: Mapping[str, str], counts: tuple[str, ...]) -> Panel:
    """Return a panel of a figure and, below it, of the counts behind it."""
    return Panel(
        title,
        about,
        "stat",
        [_total(fields)],
        unit,
        width=COLUMNS_OF_A_FIGURE,
        height=6,
        options=_STAT,
        units=dict.fromkeys(counts, "short"),
    )


COLUMNS_OF_A_FIGURE = 8


def _chart(title: str, about: str, unit: str, fields: Mapping[str, str], *, bars: bool = False) -> Panel:
    custom: dict[str, Any] = {"drawStyle": "bars", "fillOpacity": 60} if bars else {"showPoints": "always"}
    custom["spanNulls"] = False
    return Panel(
        title, about, "timeseries", [_over_time(fields)], unit, options=_LINES, custom=custom, places=None
    )


def _names(by: str) -> str:
    """Return the jq program of the choices of a filter."""
    first = "production" if by == "environment" else "All"
    return (
        f'[{{"__text": "{first}", "__value": "{ALL}"}}] + [.groups[].by.{by} | select(. != null and . != "")'
        f' | {{"__text": ., "__value": ("{ALL}{by}=" + @uri)}}]'
    )


def _variable(by: str, label: str) -> dict[str, Any]:
    address = f"{SERIES}?by={by}&limit=1000&{_PERIOD}"
    query = _query(address, _names(by), {"__text": "string", "__value": "string"})
    return {
        "type": "query",
        "name": by,
        "label": label,
        "datasource": {"type": PLUGIN, "uid": "${source}"},
        "query": {"queryType": "infinity", "refId": "variable", "infinityQuery": {"refId": by, **query}},
        "refresh": 2,
        "multi": False,
        "includeAll": False,
        "sort": 0,
        "current": {"text": "production" if by == "environment" else "All", "value": ALL},
    }


def _annotation(kind: str, name: str, color: str, title: str, *, shown: bool) -> dict[str, Any]:
    """Return marks at the times of events of a kind; *title* is the jq program of the title of one."""
    query = _query(
        f"/api/events?kind={kind}&limit=1000&{_PERIOD}${{repo}}",
        f'[.events[] | {{"time": .time, "title": ({title}), "text": (.repo // "")}}]',
        {"time": "timestamp", "title": "string", "text": "string"},
    )
    return {
        "name": name,
        "datasource": {"type": PLUGIN, "uid": "${source}"},
        "enable": shown,
        "hide": False,
        "iconColor": color,
        "target": {"refId": "Anno", **query},
    }


_ROW_FIELDS = {
    "Deploys": "deploymentFrequency.deploys",
    "Deploys a day": "deploymentFrequency.value",
    "Lead time": "changeLeadTime.median",
    "Commits": "changeLeadTime.commits",
    "Fail rate": "changeFailRate.value",
    "Failed": "changeFailRate.failed",
    "Settled": "changeFailRate.settled",
    "Recovery": "failedDeploymentRecoveryTime.median",
    "Recovered": "failedDeploymentRecoveryTime.recovered",
    "Open": "failedDeploymentRecoveryTime.open",
    "Rework": "deploymentReworkRate.value",
}


def _table() -> Panel:
    made = ", ".join(f"{json.dumps(name)}: .total.{path}" for name, path in _ROW_FIELDS.items())
    return Panel(
        "Repositories by team",
        "A repository of two teams is in two rows. A total over different repositories says little.",
        "table",
        [
            _query(
                f"{SERIES}?by=team,repo&limit=1000&{_PERIOD}{_FILTERS}",
                f'[.groups[] | {{"Team": .by.team, "Repository": .by.repo, {made}}}]',
                {"Team": "string", "Repository": "string", **dict.fromkeys(_ROW_FIELDS, "number")},
            )
        ],
        width=24,
        height=14,
        options={"showHeader": True, "cellHeight": "sm"},
        units={"Lead time": "s", "Recovery": "s", "Fail rate": "percentunit", "Rework": "percentunit"},
    )


DASHBOARD = Dashboard(
    uid="gitdailies-figures",
    title="GitDailies: DORA figures",
    about="The five figures from GET /api/metrics/series. Each figure shows its counts.",
    plugin=PLUGIN,
    annotations=[
        _annotation("incidentStarted", "Incidents", "red", '.title // .incidentId // "incident"', shown=True),
        _annotation("deployed", "Deploys", "green", '"deploy " + .commitSHA[0:12]', shown=False),
    ],
    links=[{"title": "API of incoming webhooks", "type": "link", "url": "/docs", "targetBlank": True}],
    variables=[
        _variable("team", "Team"),
        _variable("repo", "Repository"),
        _variable("environment", "Environment"),
        {
            "type": "custom",
            "name": "interval",
            "label": "Interval",
            "query": "week,day,month",
            "multi": False,
            "includeAll": False,
            "current": {"text": "week", "value": "week"},
        },
    ],
    rows=[
        Row(
            "Figures",
            [
                _stat(
                    "Deployment frequency",
                    "Deploys of every type, divided by the observed days.",
                    "short",
                    {"A day": "deploymentFrequency.value", "Deploys": "deploymentFrequency.deploys"},
                    ("Deploys",),
                ),
                _stat(
                    "Change lead time",
                    "From a commit to the first deploy with it. Median and 90th percentile.",
                    "s",
                    {
                        "Median": "changeLeadTime.median",
                        "p90": "changeLeadTime.p90",
                        "Commits": "changeLeadTime.commits",
                    },
                    ("Commits",),
                ),
                _stat(
                    "Change fail rate",
                    "Failed deploys, divided by settled deploys. Pending: too young to be judged.",
                    "percentunit",
                    {
                        "Rate": "changeFailRate.value",
                        "Failed": "changeFailRate.failed",
                        "Settled": "changeFailRate.settled",
                        "Pending": "changeFailRate.pending",
                    },
                    ("Failed", "Settled", "Pending"),
                ),
                _stat(
                    "Failed deployment recovery time",
                    "From the first incident of a failed deploy until none is open. Median and p90.",
                    "s",
                    {
                        "Median": "failedDeploymentRecoveryTime.median",
                        "p90": "failedDeploymentRecoveryTime.p90",
                        "Recovered": "failedDeploymentRecoveryTime.recovered",
                        "Open": "failedDeploymentRecoveryTime.open",
                    },
                    ("Recovered", "Open"),
                ),
                _stat(
                    "Deployment rework rate",
                    "Rollbacks, hotfixes and deploys that fix an incident, divided by all deploys.",
                    "percentunit",
                    {
                        "Rate": "deploymentReworkRate.value",
                        "Rework": "deploymentReworkRate.rework",
                        "Deploys": "deploymentReworkRate.deploys",
                    },
                    ("Rework", "Deploys"),
                ),
            ],
        ),
        Row(
            "Over time",
            [
                _chart(
                    "Deploys",
                    "Each bar is a whole interval.",
                    "short",
                    {"Deploys": "deploymentFrequency.deploys"},
                    bars=True,
                ),
                _chart(
                    "Change lead time",
                    "Median and 90th percentile of the commits deployed in each interval.",
                    "s",
                    {"Median": "changeLeadTime.median", "p90": "changeLeadTime.p90"},
                ),
                _chart(
                    "Change fail rate",
                    "With its 95 % confidence interval. Few deploys say little.",
                    "percentunit",
                    {
                        "Rate": "changeFailRate.value",
                        "Low": "changeFailRate.low",
                        "High": "changeFailRate.high",
                    },
                ),
                _chart(
                    "Recovery time",
                    "Median of the failed deploys of each interval that have recovered.",
                    "s",
                    {"Median": "failedDeploymentRecoveryTime.median"},
                ),
                _chart(
                    "Rework rate",
                    "With its 95 % confidence interval.",
                    "percentunit",
                    {
                        "Rate": "deploymentReworkRate.value",
                        "Low": "deploymentReworkRate.low",
                        "High": "deploymentReworkRate.high",
                    },
                ),
            ],
        ),
        Row("Comparison", [_table()]),
    ],
)
