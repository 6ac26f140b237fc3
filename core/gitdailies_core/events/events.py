"""The events that GitDailies counts: one table of kinds and fields, and the value `Event`.

JSON Schema, OpenAPI, the tables in the documentation and the checks of the command line are
generated from `KINDS`. A new kind is one entry here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from json.encoder import encode_basestring_ascii
from types import MappingProxyType
from typing import Any, Callable

from gitdailies_core.error_text import NOTHING, got, got_of
from gitdailies_core.errors import InvalidEvent
from gitdailies_core.events.field_types import (
    CAUSE,
    COMMITS,
    IDENTIFIER,
    LINE,
    NAME,
    REPO,
    REVERTS,
    SHA,
    TIER,
    TIME,
    TITLE,
    TYPE,
    URL,
    FieldType,
    normalize,
)
from gitdailies_core.values.times import parse, text_of

# Made once. `json.dumps` makes an encoder for each call, which doubles the cost of a small event.
_sorted = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode

_NOTHING: MappingProxyType[str, Any] = MappingProxyType({})
DEPLOYED = "deployed"
INCIDENT_STARTED = "incidentStarted"
INCIDENT_RESOLVED = "incidentResolved"


@dataclass(frozen=True)
class Field:
    """A field of a kind: its wire name, its type, and whether GitDailies documents it."""

    name: str
    type: FieldType
    about: str
    required: bool = False
    documented: bool = False


@dataclass(frozen=True)
class Kind:
    """A kind of event: its wire word, its fields and an example."""

    word: str
    title: str
    fields: tuple[Field, ...]
    example: Mapping[str, Any]

    @cached_property
    def names(self) -> frozenset[str]:
        """The wire names of this kind's fields, and `kind`."""
        return frozenset({"kind", *(field.name for field in self.fields)})

    @cached_property
    def checks(self) -> tuple[tuple[str, FieldType, Callable[[str], bool], bool], ...]:
        return tuple((one.name, one.type, one.type.quick, one.required) for one in self.fields)

    @cached_property
    def lists(self) -> tuple[Field, ...]:
        """The fields that hold a list."""
        return tuple(field for field in self.fields if field.type.is_list)

    @cached_property
    def names_without_lists(self) -> frozenset[str]:
        """The names but for those of lists."""
        return self.names - {field.name for field in self.lists}

    def field(self, name: str) -> Field | None:
        """Find a field by its wire name. Returns None if the kind has no such field."""
        return next((field for field in self.fields if field.name == name), None)


_REPO_FIELD = Field("repo", REPO, "the repository, as owner/name", required=True, documented=True)
_ENVIRONMENT = Field(
    "environment", NAME, "where it happened; left out, it counts as production", documented=True
)
_TIME = Field("time", TIME, "when it happened; left out, the moment of the call", documented=True)
_IDENTITY = Field("id", IDENTIFIER, "names this event; the same at every attempt, so that it counts once")
_SERVICE = Field("service", NAME, "the service, where a repository holds several")
_EVENT_URL = Field("url", URL, "a page about it")
_INCIDENT = Field(
    "incidentId",
    NAME,
    "joins a start to its end: the incident's id at its vendor",
    required=True,
    documented=True,
)
_SOURCE = Field("source", NAME, "the tool that reported the incident")

KINDS: tuple[Kind, ...] = (
    Kind(
        word=DEPLOYED,
        title="deploy occurred",
        fields=(
            _REPO_FIELD,
            Field("commitSHA", SHA, "the commit that was deployed", required=True, documented=True),
            _ENVIRONMENT,
            Field("branch", LINE, "the branch it was built from", documented=True),
            _TIME,
            _IDENTITY,
            _SERVICE,
            Field("run", NAME, "the pipeline run, the same at every attempt; `github-actions:9912004455`"),
            Field("attempt", NAME, "which attempt of the run this is; left out, the first"),
            Field("reporter", NAME, "what reported the deploy; `step/github-actions`"),
            Field("tier", TIER, "what the environment is for, whatever its name"),
            Field("type", TYPE, "what kind of deploy; left out, deploy"),
            _EVENT_URL,
            Field(
                "commits",
                COMMITS,
                "the commits it brought, each with its time, for the lead time; the first 1000 count",
            ),
            Field("commitTime", TIME, "when the deployed commit was made, where `commits` is not known"),
            Field("fixes", NAME, "the id of the incident that it fixes"),
            Field("reverts", REVERTS, "the commits that its commits undo; the first 100 count"),
        ),
        example={
            "kind": DEPLOYED,
            "repo": "larkspur/checkout-api",
            "commitSHA": "4f0c2d6b8e1a9357c0d4e2f6a8b1c3d5e7f90214",
            "branch": "main",
            "environment": "production",
            "time": "2026-03-04T08:55:12Z",
            "id": "deploy-2026-03-04-1",
        },
    ),
    Kind(
        word=INCIDENT_STARTED,
        title="incident started",
        fields=(
            _INCIDENT,
            _REPO_FIELD,
            _ENVIRONMENT,
            _TIME,
            _IDENTITY,
            Field("title", TITLE, "what it is about"),
            Field("severity", LINE, "how bad it is, in the vendor's words"),
            _SERVICE,
            _SOURCE,
            _EVENT_URL,
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
            _REPO_FIELD,
            _ENVIRONMENT,
            _TIME,
            _IDENTITY,
            _SOURCE,
            _SERVICE,
            _EVENT_URL,
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


def kind_of(word: Any, kinds: tuple[Kind, ...] = KINDS) -> Kind:
    """Find a kind by its wire word. Raises InvalidEvent that lists the words."""
    for kind in kinds:
        if kind.word == word:
            return kind
    words = ", ".join(kind.word for kind in kinds)
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
    def make(cls, kind: str, **values: Any) -> Event:
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
    def from_wire(cls, body: Any, kinds: tuple[Kind, ...] = KINDS) -> Event:
        """Check a JSON object against the table. null and "" mean not given.

        Raises InvalidEvent that names each wrong field, the expected value and the actual one.
        """
        if not isinstance(body, dict):
            raise InvalidEvent(f"event: expected an object, got {got(body)}")
        kind = kind_of(body.get("kind"), kinds)
        values: dict[str, Any] = {}
        faults: list[InvalidEvent] = []
        for name, type_, is_quick, required in kind.checks:
            value = body.get(name)
            if isinstance(value, str) and 0 < len(value) <= type_.longest and is_quick(value):
                values[name] = value  # nearly every text; half of a surrogate pair is not printable
            elif value is not None and value != "":
                try:
                    values[name] = normalize(type_, name, value)
                except InvalidEvent as error:
                    faults.append(error)
            elif required:
                fault = f"{name}: expected {type_.expected}, got {got_of(body, name)}"
                faults.append(InvalidEvent(fault, name))
        if faults:
            raise InvalidEvent.of(faults)
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

    def replace(self, **changes: Any) -> Event:
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
        text = _sorted(body) if self.extra else _sorted_values(body)
        return hashlib.sha256(text.encode()).hexdigest()


def _sorted_values(body: Mapping[str, Any]) -> str:
    """Write fields of the table as `_sorted` does: nearly all are text, and no name needs an escape."""
    parts = [
        f'"{name}":{encode_basestring_ascii(value)}'
        if isinstance(value, str)
        else f'"{name}":{_sorted(value)}'
        for name, value in sorted(body.items())
    ]
    return f"{{{','.join(parts)}}}"
