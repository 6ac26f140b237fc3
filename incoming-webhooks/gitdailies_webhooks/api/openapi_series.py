"""Series in the OpenAPI document: the operation, and the schemas of its response."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gitdailies_webhooks.api.openapi_responses import record, ref
from gitdailies_webhooks.api.series import PROMETHEUS_FORM
from gitdailies_webhooks.derived.series.question import BEFORE, LISTED, MOST_DAYS, MOST_LISTED, NONE
from gitdailies_webhooks.events.query import TEXT
from gitdailies_webhooks.figures.comparison import FEW, HIGHER, LOWER, UNCLEAR
from gitdailies_webhooks.figures.metrics import FAIL_RATE, FIGURES, FREQUENCY, LEAD_TIME, RECOVERY, REWORK
from gitdailies_webhooks.figures.selection import DEFAULT_DAYS
from gitdailies_webhooks.figures.series import (
    DIMENSIONS,
    LONGEST_ROLLING,
    MOST_DIMENSIONS,
    MOST_NUMBERS,
    SHORTEST_ROLLING,
)
from gitdailies_webhooks.figures.tally import WORDS
from gitdailies_webhooks.figures.trend import INTERVALS
from gitdailies_webhooks.pages.series_formats import FORMS

_MOMENT = "a date (its midnight in the server's time zone) or a time like 2026-03-04T09:12:41Z"
_TIME = {"type": "string", "format": "date-time"}
_MAYBE_TIME = {"type": ["string", "null"], "format": "date-time"}
_COUNT = {"type": "integer", "minimum": 0}
_NUMBER = {"type": ["number", "null"]}
_SECONDS = {"type": ["number", "null"], "description": "seconds; null if there is none"}
_LOW = {**_NUMBER, "description": "the lower end of the 95 % interval (Wilson); null of nothing"}
_HIGH = {**_NUMBER, "description": "the upper end of the 95 % interval (Wilson); null of nothing"}

# The figures of a group or a bucket: the component of each, and its fields.
_FIELDS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    FREQUENCY: (
        "SeriesFrequency",
        {
            "value": {**_NUMBER, "description": "deploys a day"},
            "deploys": _COUNT,
            "days": {"type": "number", "minimum": 0, "description": "days that were observed"},
            "since": {
                **_MAYBE_TIME,
                "description": "from when days count, if that is later than the span begins",
            },
        },
    ),
    LEAD_TIME: (
        "SeriesLeadTime",
        {
            "median": _SECONDS,
            "p25": _SECONDS,
            "p75": _SECONDS,
            "p90": _SECONDS,
            "commits": _COUNT,
            "unknown": {**_COUNT, "description": "commits without a known lead time"},
            "unknownDeploys": {**_COUNT, "description": "deploys whose commits are not known"},
        },
    ),
    FAIL_RATE: (
        "SeriesFailRate",
        {
            "value": _NUMBER,
            "failed": {**_COUNT, "description": "settled deploys that failed"},
            "settled": {**_COUNT, "description": "deploys that are at least one window old"},
            "low": _LOW,
            "high": _HIGH,
            "pending": _COUNT,
            "failedYoung": _COUNT,
            "unlinked": {**_COUNT, "description": "incidents that are attributed to no deploy"},
            "attributedIn72h": _COUNT,
        },
    ),
    RECOVERY: (
        "SeriesRecovery",
        {
            "median": _SECONDS,
            "p90": _SECONDS,
            "recovered": _COUNT,
            "open": _COUNT,
            "byRemedy": ref("SeriesByRemedy"),
            "withoutIncident": _COUNT,
        },
    ),
    REWORK: (
        "SeriesRework",
        {"value": _NUMBER, "rework": _COUNT, "deploys": _COUNT, "low": _LOW, "high": _HIGH},
    ),
}
# The fields of a figure over a span. The value is null of fewer than five events.
_ROLLING: Mapping[str, tuple[str, ...]] = {
    LEAD_TIME: ("median", "commits"),
    FAIL_RATE: ("value", "failed", "settled"),
    RECOVERY: ("median", "recovered"),
    REWORK: ("value", "rework", "deploys"),
}
_WORDS: Mapping[str, str] = {
    "interval": "the length of buckets, by the server's time zone; weeks begin on Monday",
    "from": f"the first moment of the period: {_MOMENT}",
    "to": f"the moment at which the period is over: {_MOMENT}; default: it is not over",
    "now": f"compute figures as of this moment: {_MOMENT}, not in the future; later events are ignored",
    "repo": "only this repository, in upper or lower case",
    "team": "only this team of gitdailies.yml; none is for what is in no team",
    "environment": "this environment; default: production under all its names, and all if they are groups",
    "service": "only events that name this service, in upper or lower case",
}

Describe = Callable[..., dict[str, Any]]


def operations(json: Describe, problems: Describe) -> dict[str, Any]:
    """Return the path; *json* and *problems* describe responses as in the rest of the document."""
    found = json("The figures of each group.", ref("Series"))
    found["content"]["text/csv"] = {"schema": {"type": "string"}}
    found["content"]["text/plain"] = {"schema": {"type": "string"}}
    found["content"]["text/markdown"] = {"schema": {"type": "string"}}
    found["headers"] = {"ETag": {"schema": {"type": "string"}, "description": "for If-None-Match"}}
    pattern = f"({'|'.join(DIMENSIONS)})"
    return {
        "/api/metrics/series": {
            "get": {
                "operationId": "series",
                "summary": "Five figures of each team, repository, service or environment, over time",
                "description": (
                    f"At most {MOST_NUMBERS:,} groups times buckets, and fewer with rolling. Groups are "
                    "those with an event in the period. With compare, `change` says whether a figure "
                    "differs clearly from the period before: by 95 % for one group, by 99.8 % for several."
                ),
                "parameters": [
                    _parameter(
                        "by",
                        {"type": "string", "pattern": f"^({NONE}|{pattern}(,{pattern})?)?$"},
                        f"what the groups are, at most {MOST_DIMENSIONS} names with a comma between them",
                    ),
                    _parameter("interval", {"enum": [NONE, *INTERVALS], "default": NONE}, _WORDS["interval"]),
                    *(_parameter(name, dict(TEXT), _WORDS[name]) for name in ("from", "to", "now")),
                    _parameter(
                        "days",
                        {"type": "integer", "minimum": 1, "maximum": MOST_DAYS, "default": DEFAULT_DAYS},
                        "the length of the period, if from is not given",
                    ),
                    *(_repeated(name, _WORDS[name]) for name in ("repo", "team", "environment", "service")),
                    _parameter("compare", {"enum": [BEFORE]}, "compare with the period before"),
                    _parameter(
                        "rolling",
                        {"enum": [f"{weeks}w" for weeks in range(SHORTEST_ROLLING, LONGEST_ROLLING + 1)]},
                        "add the figures of 2 to 13 weeks up to the end of each bucket; it needs an interval",
                    ),
                    _parameter(
                        "limit",
                        {"type": "integer", "minimum": 1, "maximum": MOST_LISTED, "default": LISTED},
                        "the largest number of groups",
                    ),
                    _parameter("after", dict(TEXT), "`next` of the page before"),
                    _parameter(
                        "format",
                        {"enum": [*FORMS, PROMETHEUS_FORM], "default": "json"},
                        "form of the response; prometheus has the totals as gauges",
                    ),
                ],
                "responses": {
                    "200": found,
                    "304": {"description": "The response is still the one of the given ETag."},
                    **problems("request", "unauthorized", "forbidden", "too-many", "busy"),
                },
            }
        }
    }


def schemas() -> dict[str, Any]:
    """Return the schemas, by name among the components."""
    numbers = {figure: ref(_FIELDS[figure][0]) for figure in FIGURES}
    names = {"type": "array", "items": {"type": "string"}}
    change = {
        figure: {"enum": [WORDS[figure].get(word, word) for word in (HIGHER, LOWER, UNCLEAR, FEW)]}
        for figure in FIGURES
    }
    series = {
        "definitions": {"type": "string", "description": "the version of the definitions"},
        "asOf": {**_TIME, "description": "includes every event received before this"},
        "timeZone": {"type": "string"},
        "windowSeconds": {"type": "number"},
        "by": {"type": "array", "items": {"enum": list(DIMENSIONS)}},
        "interval": {"enum": [*INTERVALS, None]},
        "rolling": {"type": ["string", "null"], "description": "the span of rolling values, such as 4w"},
        "from": _TIME,
        "to": _MAYBE_TIME,
        "now": _TIME,
        "before": {"oneOf": [ref("SeriesBefore"), {"type": "null"}]},
        "confidence": {**_NUMBER, "description": "that of `change`; null without compare"},
        "filter": ref("SeriesFilter"),
        "groups": {"type": "array", "items": ref("SeriesGroup")},
        "next": {"type": ["string", "null"], "description": "the `after` of the next page"},
    }
    by = {name: {"type": "string"} for name in DIMENSIONS}
    group = {
        "by": record(by, ()),
        "total": ref("SeriesFigures"),
        "before": {"oneOf": [ref("SeriesFigures"), {"type": "null"}]},
        "change": {"oneOf": [ref("SeriesChange"), {"type": "null"}]},
        "buckets": {"type": "array", "items": ref("SeriesBucket")},
    }
    bucket = {
        "from": _TIME,
        "to": _MAYBE_TIME,
        "whole": {"type": "boolean", "description": "whether all of the unit is in the period, and over"},
        **numbers,
    }
    rolling = {
        "from": {**_TIME, "description": "the begin of the span, which ends with the bucket"},
        **{
            figure: record(fields := {name: _FIELDS[figure][1][name] for name in names_}, tuple(fields))
            for figure, names_ in _ROLLING.items()
        },
    }
    return {
        "Series": record(series, tuple(series)),
        "SeriesBefore": record({"from": _TIME}, ("from",)),
        "SeriesFilter": record(dict.fromkeys(DIMENSIONS, names), DIMENSIONS),
        "SeriesGroup": record(group, ("by", "total", "buckets")),
        "SeriesChange": record(change, FIGURES),
        "SeriesBucket": record({**bucket, "rolling": ref("RollingFigures")}, tuple(bucket)),
        "RollingFigures": record(rolling, tuple(rolling)),
        "SeriesFigures": record(numbers, FIGURES),
        "SeriesByRemedy": record(
            {"median": _SECONDS, "p90": _SECONDS, "count": _COUNT}, ("median", "p90", "count")
        ),
        **{name: record(fields, tuple(fields)) for name, fields in _FIELDS.values()},
    }


def _parameter(name: str, schema: Mapping[str, Any], text: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": text, "schema": dict(schema)}


def _repeated(name: str, text: str) -> dict[str, Any]:
    return {
        **_parameter(name, {"type": "array", "items": dict(TEXT)}, f"{text}; may be repeated"),
        "explode": True,
    }
