"""The OpenAPI 3.1 document of this receiver, made of core's table of kinds and the table of problems."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gitdailies_core.events.dialect import ID_HEADER, KEY_HEADER, OURS
from gitdailies_core.events.events import KINDS, Kind
from gitdailies_core.events.field_types import IDENTIFIER
from gitdailies_core.events.schema import DRAFT, kind_schema
from gitdailies_server.http.permission_to_send import ALLOWED, ORIGIN, RATE

from gitdailies_webhooks.api import openapi_details, openapi_metrics, openapi_review, openapi_series
from gitdailies_webhooks.api.openapi_components import with_components
from gitdailies_webhooks.api.openapi_responses import one_of, record, ref, schemas
from gitdailies_webhooks.derived.event_filters import OUTCOMES
from gitdailies_webhooks.events import intake
from gitdailies_webhooks.events.problem import MEDIA_TYPE, OF_SERVER, PROBLEMS
from gitdailies_webhooks.events.query import (
    DIRECTIONS,
    FILTERS,
    FORWARD,
    LATEST_AFTER,
    LISTED,
    MOST_LISTED,
    ORDERS,
    OUTCOME,
    RECEIVED,
    TEAM,
    TEXT,
)

VERSION = "1.0.0"
_MIB = 1024 * 1024

_FILTER_WORDS: Mapping[str, str] = {
    "kind": "only events of this kind",
    "repo": "only events of this repository, in upper or lower case; if empty, events without one",
    "environment": "only events of this environment, in upper or lower case; if empty, events without one",
    "service": "only events of this service, in upper or lower case; if empty, events without one",
    "incidentId": "only events of this incident",
}
_PERIOD_WORDS: Mapping[str, str] = {
    "from": "only events that happened at this moment or later: a date (its midnight in the server's time "
    "zone) or a time like 2026-03-04T09:12:41Z",
    "to": "only events that happened before this moment",
}


def document(kinds: tuple[Kind, ...] = KINDS) -> dict[str, Any]:
    """Return the document; `info.x-gitdailies-receiver` shows senders that all our fields are accepted."""
    return with_components(_document_of(kinds))


def _document_of(kinds: tuple[Kind, ...]) -> dict[str, Any]:
    details = openapi_details.operations(_json, _problems)
    return {
        "openapi": "3.1.0",
        "jsonSchemaDialect": DRAFT,
        "info": {
            "title": "GitDailies incoming webhooks",
            "version": VERSION,
            "description": "Accepts deploys and incidents, counts each once, and lists them. "
            "Unknown fields are stored with an event, and the response names them.",
            "x-gitdailies-receiver": OURS,
        },
        "servers": [{"url": "/", "description": "the server that this document comes from"}],
        "security": [{"key": []}, {"bearer": []}],
        "paths": {
            "/webhooks": {"post": _send(kinds), "options": _permit()},
            "/webhooks/ping": {"post": _ping()},
            "/api/events": {"get": _list(kinds)},
            **details,
            "/api/events/{id}": {**details["/api/events/{id}"], "delete": _delete()},
            **openapi_details.corrections_of(_json, _problems, _body),
            **openapi_metrics.operations(_json, _problems),
            **openapi_review.operations(_json, _problems, _body),
            **openapi_series.operations(_json, _problems),
            "/healthz": {"get": _alive()},
            "/readyz": {"get": _ready()},
            "/openapi.json": {"get": _document()},
        },
        "components": {
            "securitySchemes": {
                "key": {
                    "type": "apiKey",
                    "in": "header",
                    "name": KEY_HEADER,
                    "description": "A webhook key; it never belongs in the address.",
                },
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The same key, or the read token of a person.",
                },
            },
            "schemas": {
                **{kind.word: kind_schema(kind) for kind in kinds},
                "Event": one_of(kinds),
                **schemas(kinds),
                **openapi_metrics.schemas(),
                **openapi_review.schemas(),
                **openapi_series.schemas(),
                **openapi_details.schemas(),
            },
        },
    }


def _send(kinds: tuple[Kind, ...]) -> dict[str, Any]:
    return {
        "operationId": "send",
        "summary": "Send one event, or a list of them",
        "description": (
            "The response comes after the events are on stable storage.\n\n"
            f"* Size: one event has at most {intake.MOST_BYTES_ONE // _MIB}\u00a0MiB. A list has at most "
            f"{intake.MOST_EVENTS:,} events in {intake.MOST_BYTES_LIST // _MIB}\u00a0MiB. They are accepted "
            "one by one, from first to last.\n"
            "* An event with a known id is `unchanged` if its content is the same. Else it is a conflict.\n"
            "* An id that a sender of ours makes begins with `deploy-`, `incident-` or `content-`, and has "
            "32 hexadecimal digits. An event with such an id is `unchanged` even if its content is not the "
            "same. `differs` names the fields.\n"
            "* An event with a time and without an id gets an id made of its content. Without both, each "
            "request stores a new event.\n"
            "* `time` lies between the year 2000 and 5 minutes after now. The time of a commit lies between "
            "the years 1970 and 2199.\n"
            "* A name that is close to that of a field, like `environmnet`, is refused. So is an address as "
            "`repo`."
        ),
        "parameters": [
            {
                "name": ID_HEADER,
                "in": "header",
                "description": "The event's id, if the body has none; not allowed with a list.",
                "schema": {
                    "type": "string",
                    "maxLength": IDENTIFIER.longest,
                    "pattern": IDENTIFIER.pattern,
                },
            },
            {
                "name": "validate",
                "in": "query",
                "description": "Check everything and store nothing.",
                "schema": {"type": "boolean", "default": False},
            },
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {
                        "oneOf": [
                            ref("Event"),
                            {"type": "array", "items": ref("Event"), "maxItems": intake.MOST_EVENTS},
                        ]
                    },
                    "examples": {
                        kind.word: {"summary": kind.title, "value": dict(kind.example)} for kind in kinds
                    },
                }
            },
        },
        "responses": {
            "200": _json("Checked only: the events are valid.", {"oneOf": [ref("Taken"), ref("Results")]}),
            "202": _json("All events were accepted.", {"oneOf": [ref("Taken"), ref("Results")]}),
            "207": _json("A list; some of its events were refused.", ref("Results")),
            **_problems(
                "request",
                "unreadable",
                "unauthorized",
                "too-many",
                "forbidden",
                "timeout",
                "conflict",
                "out-of-order",
                "too-large",
                "media-type",
                "invalid",
            ),
        },
    }


def _ping() -> dict[str, Any]:
    return {
        "operationId": "ping",
        "summary": "Confirm key and path; nothing is stored",
        "responses": {
            "200": _json("The key is valid.", ref("Pong")),
            **_problems("request", "unauthorized", "too-many"),
        },
    }


def _permit() -> dict[str, Any]:
    names = {
        ALLOWED: "The origin that asked.",
        RATE: "`*`: as many deliveries as the sender has.",
        "Allow": "The method that sends.",
    }
    headers = {name: {"description": about, "schema": dict(TEXT)} for name, about in names.items()}
    return {
        "operationId": "permit",
        "summary": "Answer a sender of CloudEvents that asks whether it may send",
        "security": [],
        "parameters": [
            {
                "name": "WebHook-Request-Origin",
                "in": "header",
                "required": True,
                "description": "The name in DNS of the sender.",
                "schema": {"type": "string", "pattern": f"^{ORIGIN}$"},
            }
        ],
        "responses": {
            "200": {"description": "The sender may send, with a key.", "headers": headers},
            **_problems("method"),
        },
    }


def _list(kinds: tuple[Kind, ...]) -> dict[str, Any]:
    words = {"type": "string", "enum": [kind.word for kind in kinds]}
    filters = [
        _query_parameter(name, _FILTER_WORDS[name], words if name == "kind" else TEXT) for name in FILTERS
    ]
    return {
        "operationId": "listEvents",
        "summary": "List events, by arrival or by time, in either direction",
        "description": "For keys that may read. `next` is the `after` of the next request with the same "
        "filters, order and direction, or null if no more events follow. `end` is the `after` of a later "
        "request in the order of arrival, for what was stored since this list was made.",
        "parameters": [
            {
                "name": "limit",
                "in": "query",
                "schema": {"type": "integer", "minimum": 1, "maximum": MOST_LISTED, "default": LISTED},
            },
            {
                "name": "after",
                "in": "query",
                "description": "the `next` of the page before; by arrival, it is the number of an event",
                "schema": {
                    "oneOf": [
                        {"type": "integer", "minimum": 0, "maximum": LATEST_AFTER, "default": 0},
                        {"type": "string", "pattern": "^-?[0-9]{1,18},[0-9]{1,18}$"},
                    ]
                },
            },
            *filters,
            _query_parameter(
                TEAM, "only events of this team of gitdailies.yml; none is for what is in no team", TEXT
            ),
            _query_parameter(
                OUTCOME,
                "only deploys, or starts of incidents, with this outcome now. `environment` then means where "
                "an event counts; `production` includes all its names",
                {"type": "string", "enum": sorted({word for words in OUTCOMES.values() for word in words})},
            ),
            *(_query_parameter(name, about, TEXT) for name, about in _PERIOD_WORDS.items()),
            _query_parameter(
                "q", "only events that contain this text anywhere, in upper or lower case", TEXT
            ),
            _query_parameter(
                "order",
                "by arrival, or by time: events of one moment by arrival",
                {"type": "string", "enum": list(ORDERS), "default": RECEIVED},
            ),
            _query_parameter(
                "direction",
                "backward: the last event of the order first",
                {"type": "string", "enum": list(DIRECTIONS), "default": FORWARD},
            ),
        ],
        "responses": {
            "200": _json("The events with all their fields.", ref("Events")),
            **_problems("request", "unauthorized", "too-many", "forbidden", "busy"),
        },
    }


def _query_parameter(name: str, about: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": about, "schema": dict(schema)}


def _delete() -> dict[str, Any]:
    return {
        "operationId": "deleteEvent",
        "summary": "Delete one event; the audit trail keeps a copy",
        "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
        "responses": {
            "200": _json("The event was deleted.", ref("Deleted")),
            **_problems("request", "unauthorized", "too-many", "forbidden", "not-found"),
        },
    }


def _alive() -> dict[str, Any]:
    schema = record({"status": {"const": "alive"}}, ("status",))
    return {
        "operationId": "alive",
        "summary": "Show that the server runs",
        "security": [],
        "responses": {"200": _json("It runs.", schema), **_problems()},
    }


def _ready() -> dict[str, Any]:
    schema = record({"status": {"enum": ["ready", "unavailable"]}, "reason": {"type": "string"}}, ("status",))
    problems = _problems()
    cannot = _json("The store cannot be written, or the server is stopping.", schema)
    cannot["content"] |= problems["503"]["content"]
    return {
        "operationId": "ready",
        "summary": "Show whether events can be stored now",
        "security": [],
        "responses": {
            **problems,
            "200": _json("The store was written a moment ago.", schema),
            "503": cannot,
        },
    }


def _document() -> dict[str, Any]:
    return {
        "operationId": "document",
        "summary": "This reference, as an OpenAPI document",
        "security": [],
        "responses": {
            "200": _json("OpenAPI 3.1.", {"type": "object", "required": ["openapi"]}),
            **_problems(),
        },
    }


def _problems(*words: str) -> dict[str, Any]:
    """Return the responses for these problems and for those of every path, by status."""
    by_status: dict[str, list[str]] = {}
    for word in (*words, "key-in-url", "fault", "unavailable", *OF_SERVER.values()):
        by_status.setdefault(str(PROBLEMS[word].status), []).append(word)
    return {
        status: {
            "description": "; ".join(f"`{word}`: {PROBLEMS[word].title}" for word in sorted(found)),
            "content": {MEDIA_TYPE: {"schema": ref("Problem")}},
        }
        for status, found in sorted(by_status.items())
    }


def _body(schema: Mapping[str, Any], examples: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body with examples, by their titles."""
    named = {
        f"example{number}": {"summary": title, "value": dict(value)}
        for number, (title, value) in enumerate(examples.items(), 1)
    }
    return {
        "required": True,
        "content": {"application/json": {"schema": dict(schema), "examples": named}},
    }


def _json(description: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": dict(schema)}}}
