"""Events as JSON, with the id that the content of an event gives it, and their places in a plan. Pure."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

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


class Entry(NamedTuple):
    """An event of a plan: its id, kind, time (RFC 3339), and full form as JSON."""

    id: str
    kind: str
    at: str
    body: str

    @property
    def event(self) -> Event:
        """The event itself. Raises InvalidEvent only if the plan is damaged."""
        return Event.from_wire(json.loads(self.body))


def encode(event: Event) -> Encoded:
    """Encode any event."""
    wire = event.to_wire()
    body = _encode(wire)
    if event.id or event.get("source"):
        return Encoded(wire, event.id or "", body)
    id_ = content_id(event.digest())
    return Encoded(wire, id_, with_id(body, id_))


def with_id(body: str, id_: str) -> str:
    """Add an id of `gitdailies_core.events.ids` to the JSON of an event without one."""
    return f'{body[:-1]},"id":"{id_}"}}'


def summary_of(entries: Iterable[Entry]) -> dict[str, Any]:
    """Return the summary of *entries*, which are in order, as a JSON object.

    It has `events` (their number), `first` and `last` (the event by kind), and `months` (the oldest first,
    each with its number of events by kind).
    """
    first: dict[str, Entry] = {}
    last: dict[str, Entry] = {}
    months: Counter[tuple[str, str]] = Counter()
    for entry in entries:
        first.setdefault(entry.kind, entry)
        last[entry.kind] = entry
        months[entry.at[:7], entry.kind] += 1
    names = sorted({month for month, _ in months})
    return {
        "events": months.total(),
        "first": {kind: json.loads(entry.body) for kind, entry in first.items()},
        "last": {kind: json.loads(entry.body) for kind, entry in last.items()},
        "months": [{"month": name, **{kind: months[name, kind] for kind in first}} for name in names],
    }
