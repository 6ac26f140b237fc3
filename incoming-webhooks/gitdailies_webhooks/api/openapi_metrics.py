"""Figures in the OpenAPI document: the operations, and the schemas of their responses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gitdailies_webhooks.api.metrics import LISTED, MOST_LISTED
from gitdailies_webhooks.api.openapi_responses import record, ref
from gitdailies_webhooks.events.query import TEXT
from gitdailies_webhooks.figures.metrics import FAIL_RATE, FIGURES, FREQUENCY, LEAD_TIME, RECOVERY, REWORK
from gitdailies_webhooks.figures.settings import DEFINITIONS

_MOMENT = "a date (its midnight in the server's time zone) or a time like 2026-03-04T09:12:41Z"
_FILTER_WORDS: Mapping[str, str] = {
    "repo": "only this repository, in upper or lower case; default: all of them",
    "environment": "this environment; default: production under all its names",
    "service": "only events that name this service, in upper or lower case",
    "team": "only this team of gitdailies.yml; none is for what is in no team",
    "from": f"the first moment of the period: {_MOMENT}; default: 90 days before its end",
    "to": f"the moment at which the period is over: {_MOMENT}; default: it is not over",
    "now": f"compute figures as of this moment: {_MOMENT}, not in the future; later events are ignored",
}
_FILTERS = ("repo", "environment", "service", "team")
_TIME = {"type": "string", "format": "date-time"}
_COUNT = {"type": "integer", "minimum": 0}
_NUMBER = {"type": ["number", "null"]}
_SECONDS = {"type": ["number", "null"], "description": "seconds; null if there is none"}
_NUMBERS: Mapping[str, Mapping[str, Any]] = {
    FREQUENCY: {
        "value": _NUMBER,
        "unit": {"const": "deploys/day"},
        "numerator": _COUNT,
        "denominator": {
            "type": "number",
            "minimum": 0,
            "description": "days from `observedFrom` to the end or now, by the local clock",
        },
        "count": {**_COUNT, "description": "gaps between deploys"},
        "medianGap": _SECONDS,
        "gapP90": _SECONDS,
    },
    LEAD_TIME: {
        "median": _SECONDS,
        "p90": _SECONDS,
        "count": _COUNT,
        "unknownDeploys": _COUNT,
        "unknownCommits": _COUNT,
    },
    FAIL_RATE: {
        "value": _NUMBER,
        "numerator": {**_COUNT, "description": "settled deploys that failed"},
        "denominator": {**_COUNT, "description": "settled deploys: at least one window old"},
        "pending": {**_COUNT, "description": "not failed and younger than the window; in neither number"},
        "failedYoung": {**_COUNT, "description": "failed and younger than the window; in neither number"},
        "unlinked": {**_COUNT, "description": "incidents that are attributed to no deploy"},
        "attributedIn72h": {**_COUNT, "description": "those that a window of 72 hours would attribute"},
    },
    RECOVERY: {
        "median": _SECONDS,
        "p90": _SECONDS,
        "count": _COUNT,
        "open": {**_COUNT, "description": "failed deploys with an outage that has not ended"},
        "byRemedy": {
            "type": "object",
            "description": "failed deploys without an incident: from the deploy to its first remedy",
            "properties": {"median": _SECONDS, "p90": _SECONDS, "count": _COUNT},
            "required": ["median", "p90", "count"],
            "additionalProperties": False,
        },
        "withoutIncident": {**_COUNT, "description": "failed deploys with neither"},
    },
    REWORK: {"value": _NUMBER, "numerator": _COUNT, "denominator": _COUNT},
}

Describe = Callable[..., dict[str, Any]]


def operations(json: Describe, problems: Describe) -> dict[str, Any]:
    """Return the paths; *json* and *problems* describe responses as in the rest of the document."""
    refused = problems("request", "unauthorized", "forbidden", "too-many", "busy")
    filters = [_parameter(name, dict(TEXT), text) for name, text in _FILTER_WORDS.items()]
    figures = json("The five figures.", ref("Figures"))
    figures["content"]["text/csv"] = {"schema": {"type": "string"}}
    form = _parameter("format", {"enum": ["json", "csv"]}, "form of the response; overrides Accept")
    return {
        "/api/metrics": {
            "get": {
                "operationId": "figures",
                "summary": "Five figures, with counts and denominators",
                "parameters": [*filters, form],
                "responses": {"200": figures, **refused},
            }
        },
        "/api/metrics/why": {
            "get": {
                "operationId": "why",
                "summary": "Events of the period, each with the reason why it counts or not",
                "parameters": [
                    *filters,
                    _parameter("id", dict(TEXT), "only this event, whenever it happened"),
                    _parameter(
                        "limit",
                        {"type": "integer", "minimum": 1, "maximum": MOST_LISTED, "default": LISTED},
                        "the largest number of events",
                    ),
                    _parameter("after", dict(TEXT), "`next` of the page before"),
                ],
                "responses": {
                    "200": json("Events with their verdicts.", ref("Reasons")),
                    **problems("request", "unauthorized", "forbidden", "too-many", "not-found", "busy"),
                },
            }
        },
        "/api/metrics/prometheus": {
            "get": {
                "operationId": "prometheus",
                "summary": "The five figures as gauges, for Prometheus",
                "parameters": filters,
                "responses": {
                    "200": {
                        "description": "Text format 0.0.4, without the nulls.",
                        "content": {"text/plain": {"schema": {"type": "string"}}},
                    },
                    **refused,
                },
            }
        },
    }


def schemas() -> dict[str, Any]:
    """Return the schemas, by name among the components."""
    text = {"type": ["string", "null"]}
    definitions = {"type": "string", "description": f"the version of the definitions, such as {DEFINITIONS}"}
    numbers = {name: record(_NUMBERS[name], tuple(_NUMBERS[name])) for name in FIGURES}
    verdict = {
        "figure": {"enum": [*FIGURES, "all"]},
        "counts": {"type": "boolean"},
        "word": {"type": "string"},
        "reason": {"type": "string"},
        "advice": {"type": "string", "description": "what to do about it; empty if nothing is to do"},
    }
    return {
        "Figures": record(
            {
                "definitions": definitions,
                "period": record(
                    {
                        "from": _TIME,
                        "to": {**_TIME, "type": ["string", "null"]},
                        "now": _TIME,
                        "observedFrom": {
                            **_TIME,
                            "type": ["string", "null"],
                            "description": "from when days count: not before the day of the first event",
                        },
                        "days": {"type": "number", "minimum": 0},
                        "timezone": {"type": "string"},
                    },
                    ("from", "to", "now", "observedFrom", "days", "timezone"),
                ),
                "filter": record(dict.fromkeys(_FILTERS, text), _FILTERS),
                "asOf": {**_TIME, "description": "includes every event received before this"},
                "windowSeconds": {"type": "number"},
                "figures": record(numbers, tuple(numbers)),
            },
            ("definitions", "period", "filter", "asOf", "windowSeconds", "figures"),
        ),
        "Reasons": record(
            {
                "definitions": definitions,
                "events": {"type": "array", "items": ref("ReasonedEvent")},
                "next": {**text, "description": "the `after` of the next page"},
            },
            ("definitions", "events", "next"),
        ),
        "Verdict": record(verdict, tuple(verdict)),
        "ReasonedEvent": record(
            {
                "id": {"type": "string"},
                "kind": {"type": "string"},
                "time": _TIME,
                "verdicts": {"type": "array", "items": ref("Verdict")},
            },
            ("id", "kind", "time", "verdicts"),
        ),
    }


def _parameter(name: str, schema: Mapping[str, Any], text: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": text, "schema": dict(schema)}
