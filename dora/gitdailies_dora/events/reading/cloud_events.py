"""Read events that come as CloudEvents 1.0, in structured, batched or binary mode. Pure.

The fields of the event have precedence. If it has no id, time, source or kind, the CloudEvent's are used.
Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

from gitdailies_core.error_text import got
from gitdailies_core.errors import InvalidEvent
from gitdailies_core.events.events import KINDS
from gitdailies_core.values import strict_json
from gitdailies_core.values.times import parse, text_of

from gitdailies_dora.events.problem import Problem, of_error
from gitdailies_dora.events.reading import cd_events

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
_PREFIX = "ce-"
_REQUIRED = ("specversion", "id", "source", "type")
_LONGEST_ID = 255
_VISIBLE = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) != "%")


def unwrap(headers: Mapping[str, str], body: bytes) -> Any:
    """Return the event of a request, or the list of a batch; return any other body as it is, in bytes.

    In a batch, a CloudEvent that is not valid is a Problem. Raises UnreadableBody for a CloudEvent that is
    not JSON, InvalidEvent for one that is not valid or that does not contain one of our events.
    """
    media = headers.get("content-type", "").split(";")[0].strip().lower()
    if media == STRUCTURED:
        return _structured_event(strict_json.loads(body, duplicates=False))
    if media == BATCH:
        batch = strict_json.loads(body, duplicates=False)
        if not isinstance(batch, list):
            raise InvalidEvent(f"event: expected a list of CloudEvents, got {got(batch)}")
        return [_one_of_batch(one) for one in batch]
    if f"{_PREFIX}specversion" in headers:
        return _binary_event(headers, body)
    return body


def _one_of_batch(value: Any) -> dict[str, Any] | Problem:
    try:
        return _structured_event(value)
    except InvalidEvent as error:
        return of_error(error)


def _structured_event(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidEvent(f"event: expected a CloudEvent, got {got(value)}")
    data = value.get("data")
    if "data_base64" in value:
        try:
            data = strict_json.loads(base64.b64decode(value["data_base64"], validate=True), duplicates=False)
        except (TypeError, ValueError, binascii.Error):
            raise InvalidEvent(f"data_base64: expected base64, got {got(value['data_base64'])}") from None
    return _event(value, data)


def _binary_event(headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    data = strict_json.loads(body, duplicates=False)
    named = {name: unquote(text) for name, text in headers.items() if name.startswith(_PREFIX)}
    return _event({name.removeprefix(_PREFIX): text for name, text in named.items()}, data)


def _event(attributes: Mapping[str, Any], data: Any) -> dict[str, Any]:
    """Return the event in *data*; raises InvalidEvent for an attribute that is missing or not valid."""
    for name in _REQUIRED:
        if not isinstance(attributes.get(name), str) or not attributes[name]:
            raise InvalidEvent(
                f"{name}: expected text, which every CloudEvent has, got {got(attributes.get(name))}", name
            )
    if attributes["specversion"] != "1.0":
        raise InvalidEvent(f"specversion: expected 1.0, got {got(attributes['specversion'])}", "specversion")
    if not isinstance(data, dict):
        raise InvalidEvent(f"data: expected an event, got {got(data)}")
    type_, source, moment = attributes["type"], attributes["source"], attributes.get("time")
    event = dict(cd_events.event_of(type_, data) if type_.startswith(cd_events.PREFIX) else data)
    # The kind is the last part of a type like `com.example.deployed`.
    _complete(event, "kind", type_.rpartition(".")[2])
    _complete(event, "id", _id(source, attributes["id"]))
    if moment is not None:
        _complete(event, "time", _time(moment))
    kind = next((kind for kind in KINDS if kind.word == event["kind"]), None)
    if kind is not None and kind.field("source") is not None:
        _complete(event, "source", source[:_LONGEST_ID])
    return event


def _complete(event: dict[str, Any], name: str, value: str) -> None:
    if event.get(name) in (None, ""):
        event[name] = value


def _id(source: str, id_: str) -> str:
    """Make an event id of source and id, which together are unique, in the form of our ids."""
    name = quote(f"{source}#{id_}", safe=_VISIBLE, errors="replace")
    return name if len(name) <= _LONGEST_ID else hashlib.sha256(name.encode()).hexdigest()


def _time(text: Any) -> str:
    try:
        return text_of(parse(text, "time"))
    except ValueError as error:
        raise InvalidEvent(str(error), "time") from None
