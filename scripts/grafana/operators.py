"""The dashboard for operators: the metrics of relay and incoming webhooks, over Prometheus. A table."""

from __future__ import annotations

from typing import Any

from scripts.grafana.panels import Dashboard, Panel, Row

PLUGIN = "prometheus"
_R, _W = "gitdailies_relay", "gitdailies_webhooks"
# What several instances of a server are filtered by.
_I = 'instance=~"$instance"'


def _query(expression: str, legend: str = "") -> dict[str, Any]:
    return {"expr": expression, "legendFormat": legend or "__auto", "range": True, "editorMode": "code"}


def _now(expression: str, legend: str = "") -> dict[str, Any]:
    return {
        "expr": expression,
        "legendFormat": legend or "__auto",
        "instant": True,
        "range": False,
        "editorMode": "code",
    }


def _rate(metric: str, by: str) -> dict[str, Any]:
    return _query(f"sum by ({by}) (rate({metric}{{{_I}}}[$__rate_interval]))", f"{{{{{by}}}}}")


def _quantile(metric: str, share: float) -> dict[str, Any]:
    inner = f"sum by (le) (rate({metric}_bucket{{{_I}}}[$__rate_interval]))"
    return _query(f"histogram_quantile({share}, {inner})", f"p{share * 100:g}")


def _sum(metric: str) -> dict[str, Any]:
    return _now(f"sum({metric}{{{_I}}})")


def _most(metric: str) -> dict[str, Any]:
    return _now(f"max({metric}{{{_I}}})")


_LINES = {"legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []}}
_STACKED = {"fillOpacity": 20, "stacking": {"mode": "normal", "group": "A"}}
_STAT = {"reduceOptions": {"values": False, "calcs": ["lastNotNull"], "fields": ""}, "colorMode": "none"}


def _stat(title: str, about: str, query: dict[str, Any], unit: str = "short") -> Panel:
    return Panel(title, about, "stat", [query], unit, width=4, height=4, options=_STAT)


def _lines(
    title: str, about: str, queries: list[dict[str, Any]], unit: str, *, stacked: bool = False
) -> Panel:
    custom = _STACKED if stacked else {"fillOpacity": 0}
    return Panel(title, about, "timeseries", queries, unit, options=_LINES, custom=custom)


DASHBOARD = Dashboard(
    uid="gitdailies-operators",
    title="GitDailies: relay and incoming webhooks",
    about="For operators: deliveries, waiting events, stores. The alerts are in deployment/alerts.yml.",
    plugin=PLUGIN,
    since="now-24h",
    refresh="1m",
    variables=[
        {
            "type": "query",
            "name": "instance",
            "label": "Instance",
            "datasource": {"type": PLUGIN, "uid": "${source}"},
            "query": f'label_values({{__name__=~"{_R}_build_info|{_W}_build_info"}}, instance)',
            "refresh": 2,
            "multi": True,
            "includeAll": True,
            "allValue": ".*",
            "sort": 1,
            "current": {"text": "All", "value": "$__all"},
        }
    ],
    rows=[
        Row(
            "Relay",
            [
                _stat("Waiting", "Events that wait to be delivered.", _sum(f"{_R}_undelivered_events")),
                _stat(
                    "Oldest waits",
                    "How long the oldest event has waited.",
                    _most(f"{_R}_oldest_undelivered_seconds"),
                    "s",
                ),
                _stat(
                    "Dead letters",
                    "Events that the receiver refused, or that were given up.",
                    _sum(f"{_R}_dead_letter_events"),
                ),
                _stat(
                    "Quarantined",
                    "Bodies that could not be read or mapped, and were not replayed.",
                    _sum(f"{_R}_quarantined_bodies"),
                ),
                _stat("Open incidents", "Occurrences without an end.", _sum(f"{_R}_open_incidents")),
                _stat(
                    "Silent sources",
                    "Sources silent for much longer than usual.",
                    _sum(f"{_R}_source_silent"),
                ),
                _lines(
                    "Requests", "Deliveries by source.", [_rate(f"{_R}_requests_total", "source")], "reqps"
                ),
                _lines(
                    "Answers", "Deliveries by status.", [_rate(f"{_R}_requests_total", "status")], "reqps"
                ),
                _lines("Outcomes", "Messages by outcome.", [_rate(f"{_R}_messages_total", "outcome")], "ops"),
                _lines(
                    "Attempts",
                    "Attempts to deliver, by verdict.",
                    [_rate(f"{_R}_attempts_total", "verdict")],
                    "ops",
                ),
                _lines(
                    "Delay",
                    "From accepting an event to its delivery.",
                    [_quantile(f"{_R}_delivery_delay_seconds", share) for share in (0.5, 0.95)],
                    "s",
                ),
                _lines(
                    "Attempt",
                    "How long an attempt takes until its result is stored.",
                    [_quantile(f"{_R}_attempt_seconds", share) for share in (0.5, 0.95)],
                    "s",
                ),
                _lines(
                    "Ignored",
                    "Messages that were not passed on, by reason.",
                    [_rate(f"{_R}_ignored_total", "reason")],
                    "ops",
                ),
                _lines(
                    "Quarantine",
                    "Bodies that were quarantined, by reason.",
                    [_rate(f"{_R}_quarantined_total", "reason")],
                    "ops",
                ),
                _lines(
                    "Stopped",
                    "1 while deliveries are stopped: the receiver fails, or a person paused them.",
                    [
                        _query(
                            f"max by (instance) ({_R}_circuit_open{{{_I}}})", "receiver fails {{instance}}"
                        ),
                        _query(
                            f"max by (destination, by) ({_R}_paused{{{_I}}})", "paused {{destination}} {{by}}"
                        ),
                    ],
                    "short",
                ),
                _lines(
                    "Last delivery",
                    "The time since the last authenticated delivery of each source.",
                    [
                        _query(
                            f"time() - max by (source) ({_R}_source_last_delivery_timestamp_seconds{{{_I}}})",
                            "{{source}}",
                        )
                    ],
                    "s",
                ),
            ],
        ),
        Row(
            "Incoming webhooks",
            [
                _stat(
                    "Figures behind",
                    "How long the oldest event that is not yet in the figures has waited.",
                    _most(f"{_W}_figures_behind_seconds"),
                    "s",
                ),
                _stat("Store", "Size of the store.", _sum(f"{_W}_store_bytes"), "bytes"),
                _stat(
                    "Store fails",
                    "1 while the store cannot be read or written.",
                    _most(f"{_W}_store_failing"),
                ),
                _stat("Reload failed", "1 while gitdailies.yml has errors.", _most(f"{_W}_reload_failed")),
                _stat(
                    "Log lines lost", "Since the start of the process.", _sum(f"{_W}_log_lines_dropped_total")
                ),
                _stat("Instances", "Servers that answer.", _now(f"count({_W}_build_info{{{_I}}})")),
                _lines(
                    "Requests",
                    "By purpose.",
                    [_rate(f"{_W}_requests_total", "part")],
                    "reqps",
                    stacked=True,
                ),
                _lines("Answers", "By status.", [_rate(f"{_W}_requests_total", "status")], "reqps"),
                _lines(
                    "Events",
                    "Events by result.",
                    [_rate(f"{_W}_events_total", "result")],
                    "ops",
                    stacked=True,
                ),
            ],
        ),
        Row(
            "Both",
            [
                _lines(
                    "Commit",
                    "How long a commit takes to reach stable storage, at the 99th percentile.",
                    [
                        {**_quantile(f"{_R}_commit_seconds", 0.99), "legendFormat": "relay"},
                        {**_quantile(f"{_W}_commit_seconds", 0.99), "legendFormat": "incoming webhooks"},
                    ],
                    "s",
                ),
                _lines(
                    "Stores",
                    "Size of the stores.",
                    [
                        _query(f"sum({_R}_store_bytes{{{_I}}})", "relay"),
                        _query(f"sum({_W}_store_bytes{{{_I}}})", "incoming webhooks"),
                    ],
                    "bytes",
                ),
                _lines(
                    "Memory",
                    "Memory of the processes.",
                    [_query(f"process_resident_memory_bytes{{{_I}}}", "{{instance}}")],
                    "bytes",
                ),
            ],
        ),
    ],
)
