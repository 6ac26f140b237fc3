"""Reads what a relay answers. Pure: an answer of another form is a PayloadError that names the place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from gitdailies_core.error_text import got
from gitdailies_core.errors import PayloadError
from gitdailies_core.sources.fields import Fields

from gitdailies_connection.relay.values import (
    Alert,
    Attempt,
    Counted,
    Deed,
    Delivery,
    DeliveryPage,
    DeliveryRow,
    Done,
    Event,
    EventState,
    Line,
    Mapped,
    Message,
    OpenIncident,
    Pause,
    RefusedGroup,
    RelayState,
    Services,
    SourceState,
    StoredBody,
    Unmapped,
)

# Longer texts are cut, and longer lists too: a relay of ours sends none.
_LONGEST_TEXT, _LONGEST_LIST = 2000, 500


def page_of(answer: Any) -> DeliveryPage:
    """Read a page of the list of deliveries."""
    fields = Fields(answer)
    rows = tuple(_row(one) for one in fields.objects("deliveries")[:_LONGEST_LIST])
    return DeliveryPage(rows, _optional(fields, "next"), fields.optional_time("lookedBackTo"))


def delivery_of(answer: Any) -> Delivery:
    """Read one delivery."""
    fields = Fields(answer)
    stored = fields.optional_object("stored")
    return Delivery(
        id=_text(fields, "delivery"),
        received_at=fields.time("receivedAt"),
        source=_text(fields, "source"),
        incidents=_texts(fields, "incidents"),
        outcome=_text(fields, "outcome"),
        sentence=_text(fields, "sentence"),
        steps=_texts(fields, "steps"),
        messages=tuple(_message(one) for one in fields.objects("messages")[:_LONGEST_LIST]),
        stored=None if stored is None else _stored(stored),
        events=tuple(_event(one) for one in fields.objects("events")[:_LONGEST_LIST]),
        deeds=tuple(_deed(one) for one in fields.objects("actions")[:_LONGEST_LIST]),
        mapped=tuple(
            Mapped(_text(one, "service"), _optional_number(one, "line"), _optional(one, "file"))
            for one in fields.objects("mappedBy")[:_LONGEST_LIST]
        ),
        open_incidents=tuple(
            OpenIncident(_text(one, "incident"), _text(one, "repo"), one.time("startedAt"))
            for one in fields.objects("openIncidents")[:_LONGEST_LIST]
        ),
        file=_text(fields, "file"),
    )


def state_of(answer: Any) -> RelayState:
    """Read the status of a relay."""
    fields = Fields(answer)
    sources, last = fields.object("sources"), fields.optional_object("lastAttempt")
    names = list(_mapping(fields, "sources"))[:_LONGEST_LIST]
    return RelayState(
        sources=tuple(
            SourceState(name, one.optional_time("lastDelivery"), _truth(one, "silent"))
            for name in names
            for one in [sources.object(name)]
        ),
        waiting=_number(fields, "waiting"),
        dead_letters=_number(fields, "deadLetters"),
        quarantined=sum(
            value for value in _mapping(fields, "quarantined").values() if isinstance(value, int)
        ),
        pauses=pauses_of(answer),
        alerts=_alerts(fields),
        last_status=None if last is None else _optional_number(last, "status"),
        last_at=None if last is None else last.time("at"),
    )


def pauses_of(answer: Any) -> tuple[Pause, ...]:
    """Read what is paused, of a status or of what came of a pause."""
    return tuple(
        Pause(_optional(one, "source") or "", _text(one, "reason"), one.time("since"))
        for one in Fields(answer).objects("paused")[:_LONGEST_LIST]
    )


def _alerts(fields: Fields) -> tuple[Alert, ...]:
    """Read the alerts of a status; a relay of an earlier version has none, or none with filters."""
    if not fields.has("alerts"):
        return ()
    return tuple(
        Alert(_text(one, "text"), _optional(one, "outcome") or "", _optional(one, "source") or "")
        for one in fields.objects("alerts")[:_LONGEST_LIST]
    )


def refusals_of(answer: Any) -> tuple[tuple[RefusedGroup, ...], str | None]:
    """Read a page of refused requests, and where the next page begins."""
    fields = Fields(answer)
    groups = tuple(
        RefusedGroup(
            _number(one, "status"),
            _optional(one, "source") or "",
            _optional(one, "client") or "",
            _text(one, "reason"),
            _number(one, "requests"),
            one.time("firstAt"),
            one.time("lastAt"),
        )
        for one in fields.objects("refusals")[:_LONGEST_LIST]
    )
    return groups, _optional(fields, "next")


def services_of(answer: Any) -> Services:
    """Read the report of services."""
    fields = Fields(answer)
    return Services(
        file=_text(fields, "file"),
        writable=_truth(fields, "writable"),
        waiting=_number(fields, "waiting"),
        complete=_truth(fields, "complete"),
        unmapped=tuple(_unmapped(one) for one in fields.objects("unmapped")[:_LONGEST_LIST]),
        lines=tuple(_line(one) for one in fields.objects("mapped")[: 10 * _LONGEST_LIST]),
        looked_back_to=fields.optional_time("lookedBackTo"),
    )


def counted_of(answer: Any) -> Counted:
    """Read what an action on many would be about."""
    fields = Fields(answer)
    chosen = {
        name: value[:_LONGEST_TEXT]
        for name, value in _mapping(fields, "filter").items()
        if isinstance(value, str)
    }
    return Counted(_number(fields, "count"), _truth(fields, "more"), _text(fields, "confirm"), chosen)


def example_of(answer: Any) -> str:
    """Read which delivery an example became."""
    return _text(Fields(answer), "delivery")


def done_of(answer: Any) -> Done:
    """Read what an action did."""
    fields = Fields(answer)
    deliveries = fields.objects("deliveries")
    reasons = dict.fromkeys(reason for one in deliveries for reason in _texts(one, "reasons"))
    return Done(len(deliveries), _texts(fields, "events"), tuple(reasons)[:10])


def _row(one: Fields) -> DeliveryRow:
    return DeliveryRow(
        id=_text(one, "id"),
        received_at=one.time("receivedAt"),
        source=_text(one, "source"),
        words=_texts(one, "words"),
        incidents=_texts(one, "incidents"),
        outcome=_text(one, "outcome"),
        sentence=_text(one, "sentence"),
        steps=_texts(one, "steps"),
        repos=_texts(one, "repos"),
        services=_texts(one, "services"),
        attempts=_number(one, "attempts"),
        last_status=_optional_number(one, "lastStatus"),
        events=tuple(
            EventState(_text(event, "id"), _text(event, "state"))
            for event in one.objects("events")[:_LONGEST_LIST]
        ),
    )


def _message(one: Fields) -> Message:
    return Message(
        one.time("receivedAt"),
        _optional(one, "word") or "",
        _optional(one, "proof") or "",
        _text(one, "outcome"),
        _optional(one, "reason") or "",
    )


def _event(one: Fields) -> Event:
    return Event(
        _text(one, "id"),
        _mapping(one, "event"),
        one.time("storedAt"),
        _text(one, "state"),
        _optional(one, "reason") or "",
        one.optional_time("dueAt"),
        tuple(
            Attempt(
                attempt.time("at"),
                _optional_number(attempt, "status"),
                _text(attempt, "verdict"),
                _optional(attempt, "reason") or "",
                _optional(attempt, "answer") or "",
            )
            for attempt in one.objects("attempts")[:_LONGEST_LIST]
        ),
    )


def _stored(one: Fields) -> StoredBody:
    headers = _mapping(one, "headers") if one.has("headers") else None
    body = one.raw("body")
    encoded = one.raw("bodyBase64")
    if body is None and isinstance(encoded, str):
        body = f"not UTF-8, in base64: {encoded}"
    if body is not None and not isinstance(body, str):
        raise PayloadError(f"{one.where('body')}: expected text, got {got(body)}")
    return StoredBody(
        _text(one, "state"),
        _text(one, "code"),
        _optional(one, "reason") or "",
        None if headers is None else {name: str(value) for name, value in headers.items()},
        None if body is None else _indented(body),
    )


def _indented(body: str) -> str:
    """Return JSON with line breaks, and any other text as it is."""
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return body


def _deed(one: Fields) -> Deed:
    return Deed(
        one.time("at"),
        _text(one, "person"),
        _text(one, "action"),
        _text(one, "subject"),
        _optional(one, "reason") or "",
    )


def _unmapped(one: Fields) -> Unmapped:
    return Unmapped(
        _text(one, "source"),
        _optional(one, "service") or "",
        _texts(one, "aliases"),
        _number(one, "deliveries"),
        _number(one, "incidents"),
        one.time("lastReceivedAt"),
        _optional(one, "suggestion"),
        _optional(one, "line"),
    )


def _line(one: Fields) -> Line:
    targets = []
    for target in one.objects("targets")[:_LONGEST_LIST]:
        environment = _optional(target, "environment")
        targets.append(_text(target, "repo") + (f" in {environment}" if environment else ""))
    return Line(
        _text(one, "name"),
        _optional_number(one, "line"),
        _truth(one, "ignored"),
        tuple(targets),
        one.optional_time("lastSeenAt"),
        _optional(one, "file"),
    )


def _text(fields: Fields, name: str) -> str:
    return fields.text(name)[:_LONGEST_TEXT]


def _optional(fields: Fields, name: str) -> str | None:
    value = fields.optional_text(name)
    return None if value is None else value[:_LONGEST_TEXT]


def _texts(fields: Fields, name: str) -> tuple[str, ...]:
    value = fields.raw(name)
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise PayloadError(f"{fields.where(name)}: expected a list of texts, got {got(value)}")
    return tuple(one[:_LONGEST_TEXT] for one in value[:_LONGEST_LIST])


def _number(fields: Fields, name: str) -> int:
    value = fields.raw(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise PayloadError(f"{fields.where(name)}: expected a whole number, got {got(value)}")
    return value


def _optional_number(fields: Fields, name: str) -> int | None:
    return _number(fields, name) if fields.has(name) else None


def _truth(fields: Fields, name: str) -> bool:
    value = fields.raw(name)
    if not isinstance(value, bool):
        raise PayloadError(f"{fields.where(name)}: expected true or false, got {got(value)}")
    return value


def _mapping(fields: Fields, name: str) -> Mapping[str, Any]:
    value = fields.raw(name)
    if not isinstance(value, dict):
        raise PayloadError(f"{fields.where(name)}: expected an object, got {got(value)}")
    return value
