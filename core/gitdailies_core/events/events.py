"""The events that GitDailies counts: one table of kinds and fields, and the value `Event`.

JSON Schema, OpenAPI, the tables in the documentation and the checks of the command line are
generated from `KINDS`. A new kind is one entry here.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from gitdailies_core.error_text import NOTHING, got
from gitdailies_core.errors import InvalidEvent
from gitdailies_core.events.field_types import CAUSE, LINE, NAME, TITLE
from gitdailies_core.events.kind import (
    DEPLOY,
    ENVIRONMENT,
    EVENT_URL,
    IDENTITY,
    REPO_FIELD,
    SERVICE,
    TIME_FIELD,
    Field,
    Kind,
)
from gitdailies_core.values.times import parse, text_of

# Made once. `json.dumps` makes an encoder for each call, which doubles the cost of a small event.
_sorted = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode

_NOTHING: MappingProxyType[str, Any] = MappingProxyType({})
DEPLOYED = DEPLOY.word
INCIDENT_STARTED = "incidentStarted"
INCIDENT_RESOLVED = "incidentResolved"


_INCIDENT = Field(
    "incidentId",
    NAME,
    "joins a start to its end: the incident's id at its vendor",
    required=True,
    documented=True,
)
_SOURCE = Field("source", NAME, "the tool that reported the incident")

KINDS: tuple[Kind, ...] = (
    DEPLOY,
    Kind(
        word=INCIDENT_STARTED,
        title="incident started",
        fields=(
            _INCIDENT,
            REPO_FIELD,
            ENVIRONMENT,
            TIME_FIELD,
            IDENTITY,
            Field("title", TITLE, "what it is about"),
            Field("severity", LINE, "how bad it is, in the vendor's words"),
            SERVICE,
            _SOURCE,
            EVENT_URL,
            Field("causedBy", CAUSE, "the commit that caused it, or `none` if no deploy did"),
        ),
        example={
            "kind": INCIDENT_STARTED,
            "incidentId": "Q1LARK7XW2M4CD",
            "repo": "larkspur/checkout-api",
            "environment": "production",
            "time": "2026-03-04T09:12:41Z",
            "title": "Checkout returns 502 for card payments",
            "source": "pagerduty",
        },
    ),
    Kind(
        word=INCIDENT_RESOLVED,
        title="incident resolved",
        fields=(
            _INCIDENT,
            REPO_FIELD,
            ENVIRONMENT,
            TIME_FIELD,
            IDENTITY,
            _SOURCE,
            SERVICE,
            EVENT_URL,
            Field("causedBy", CAUSE, "the same, where it is known only at the end"),
            Field("mergedInto", NAME, "the incident that this one was merged into"),
            Field("resolution", LINE, "how it ended; `merged` closes it without counting a recovery"),
        ),
        example={
            "kind": INCIDENT_RESOLVED,
            "incidentId": "Q1LARK7XW2M4CD",
            "repo": "larkspur/checkout-api",
            "environment": "production",
            "time": "2026-03-04T10:02:18.204Z",
            "source": "pagerduty",
        },
    ),
)


def kind_of(word: Any) -> Kind:
    """Find a kind by its wire word. Raises InvalidEvent that lists the words."""
    for kind in KINDS:
        if kind.word == word:
            return kind
    words = ", ".join(kind.word for kind in KINDS)
    raise InvalidEvent(f"kind: expected one of {words}, got {NOTHING if word is None else got(word)}", "kind")


@dataclass(frozen=True)
class Event:
    """One event, checked against the table. Build it with `make` or `from_wire`.

    `values` maps wire names to plain JSON values. Times are RFC 3339 text in UTC. No value is
    empty. `extra` holds unknown fields unchanged.
    """

    kind: str
    values: MappingProxyType[str, Any]
    extra: MappingProxyType[str, Any]

    @classmethod
    def make(cls, kind: str, **values: Any) -> "Event":
        """Build an event from wire names. A time may be a datetime, and None means not given.

        Raises InvalidEvent for an unknown kind or field and for a wrong value.
        """
        values["kind"] = kind
        event = cls.from_wire(values)
        for name in event.extra:
            names = ", ".join(field.name for field in kind_of(kind).fields)
            raise InvalidEvent(f"{name}: expected one of {names}, got another name", name)
        return event

    @classmethod
    def from_wire(cls, body: Any) -> "Event":
        """Check a JSON object against the table. null and "" mean not given.

        Raises InvalidEvent that names each wrong field, the expected value and the actual one.
        """
        if not isinstance(body, dict):
            raise InvalidEvent(f"event: expected an object, got {got(body)}")
        kind = kind_of(body.get("kind"))
        values = kind.checked(body)
        extra = _NOTHING
        if not body.keys() <= kind.names:
            extra = MappingProxyType({name: body[name] for name in body if name not in kind.names})
        return cls(kind.word, MappingProxyType(values), extra)

    def get(self, name: str) -> Any:
        """Return a value by its wire name, or None."""
        return self.values.get(name)

    @property
    def id(self) -> str | None:
        return self.values.get("id")

    @property
    def time(self) -> datetime | None:
        """When it happened, aware UTC. None means when the receiver gets the event."""
        text = self.values.get("time")
        return None if text is None else parse(text, "time")

    def replace(self, **changes: Any) -> "Event":
        """Return the event with changed values. None removes a value."""
        plain = {name: text_of(v) if isinstance(v, datetime) else v for name, v in changes.items()}
        values = {name: v for name, v in {**self.values, **plain}.items() if v is not None}
        return Event.from_wire({"kind": self.kind, **values, **self.extra})

    def to_wire(self) -> dict[str, Any]:
        """Return the event as a JSON object: `kind` first, then the fields in the table's order."""
        # Copies of a proxy are those of its dict, which are faster than reading it name by name.
        return {"kind": self.kind, **self.values.copy(), **self.extra.copy()}

    def digest(self, *without: str) -> str:
        """Return a hash of the content. Two events with equal content have equal digests.

        The order of names does not matter. *without* names values to leave out.
        """
        body = self.to_wire()
        for name in without:
            if name in self.values:
                body.pop(name, None)
        return hashlib.sha256(_sorted(body).encode()).hexdigest()
