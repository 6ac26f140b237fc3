"""Events as JSON, with the id that the content of an event gives it. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple

import orjson
from gitdailies_core.events.events import Event
from gitdailies_core.events.ids import content_id

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Encoded(NamedTuple):
    """An event: its kind and fields by wire name, its id and its JSON.

    The id is "", and missing in the JSON, if the event names a source: then its occurrence gives it one.
    """

    values: Mapping[str, Any]
    id: str
    body: str


def encode(event: Event) -> Encoded:
    """Encode any event."""
    wire = event.to_wire()
    encoded = None if event.extra else encode_ascii(wire)
    if encoded is not None:
        return encoded
    body = _encode(wire)
    if event.id or event.get("source"):
        return Encoded(wire, event.id or "", body)
    id_ = content_id(event.digest())
    return Encoded(wire, id_, with_id(body, id_))


def encode_ascii(wire: Mapping[str, Any]) -> Encoded | None:
    """Encode the wire form of an event without unknown fields. Returns None if a text is not ASCII."""
    # Several times as fast as json, and for such an event the same text: its texts hold no control character,
    # and it has no number, which orjson writes in another way. Of other texts, a digest hashes the escapes.
    body = orjson.dumps(wire).decode()
    if not body.isascii():
        return None
    id_ = wire.get("id", "")
    if not id_ and "source" not in wire:
        text = orjson.dumps(wire, option=orjson.OPT_SORT_KEYS)
        id_ = content_id(sha256(text).hexdigest())
        body = with_id(body, id_)
    return Encoded(wire, id_, body)


def with_id(body: str, id_: str) -> str:
    """Add an id of `gitdailies_core.events.ids` to the JSON of an event without one."""
    return f'{body[:-1]},"id":"{id_}"}}'
