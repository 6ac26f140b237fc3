"""What a relay says of its deliveries, services and refused requests: frozen values. Times are aware."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class EventState:
    """An event of a delivery: its id, and where it stands."""

    id: str
    state: str


@dataclass(frozen=True)
class DeliveryRow:
    """A delivery in a list."""

    id: str
    received_at: datetime
    source: str
    words: tuple[str, ...]
    incidents: tuple[str, ...]
    outcome: str
    sentence: str
    steps: tuple[str, ...]
    repos: tuple[str, ...]
    services: tuple[str, ...]
    attempts: int
    last_status: int | None
    events: tuple[EventState, ...]


@dataclass(frozen=True)
class DeliveryPage:
    """A page of the list. `looked_back_to` is set where a page ended before it was full."""

    rows: tuple[DeliveryRow, ...]
    next: str | None
    looked_back_to: datetime | None


@dataclass(frozen=True)
class Message:
    """What was decided about one message, at its arrival or in a replay."""

    at: datetime
    word: str
    proof: str
    outcome: str
    reason: str


@dataclass(frozen=True)
class Attempt:
    """One attempt to send an event."""

    at: datetime
    status: int | None
    verdict: str
    reason: str
    answer: str


@dataclass(frozen=True)
class Event:
    """An event of a delivery, with its attempts. `body` is the event itself."""

    id: str
    body: Mapping[str, Any]
    stored_at: datetime
    state: str
    reason: str
    due_at: datetime | None
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True)
class StoredBody:
    """A stored body with its headers; both are None where they were not asked for."""

    state: str
    code: str
    reason: str
    headers: Mapping[str, str] | None
    body: str | None


@dataclass(frozen=True)
class Deed:
    """What a person did about a delivery or an event of it."""

    at: datetime
    person: str
    action: str
    subject: str
    reason: str


@dataclass(frozen=True)
class Mapped:
    """A service and the line that says where it counts; None where none is sure.

    `file` is the name of its file. An earlier version of the relay does not say it.
    """

    service: str
    line: int | None
    file: str | None = None


@dataclass(frozen=True)
class OpenIncident:
    """An incident of a delivery that is open, where it counts, and since when."""

    incident: str
    repo: str
    started_at: datetime


@dataclass(frozen=True)
class Delivery:
    """One delivery with all that its relay knows of it."""

    id: str
    received_at: datetime
    source: str
    incidents: tuple[str, ...]
    outcome: str
    sentence: str
    steps: tuple[str, ...]
    messages: tuple[Message, ...]
    stored: StoredBody | None
    events: tuple[Event, ...]
    deeds: tuple[Deed, ...]
    mapped: tuple[Mapped, ...]
    open_incidents: tuple[OpenIncident, ...]
    file: str


@dataclass(frozen=True)
class SourceState:
    """A source: when its last delivery came, and whether it is silent for longer than usual."""

    name: str
    last_at: datetime | None
    is_silent: bool


@dataclass(frozen=True)
class Pause:
    """What is paused: a source, or everything where it is ""; why, and since when."""

    source: str
    reason: str
    since: datetime


@dataclass(frozen=True)
class Alert:
    """A sentence that asks for a person, and the filters of the deliveries that it is about; "" for none."""

    text: str
    outcome: str
    source: str


@dataclass(frozen=True)
class RelayState:
    """The state of a relay: its sources, what waits, what is paused, and what needs a person."""

    sources: tuple[SourceState, ...]
    waiting: int
    dead_letters: int
    quarantined: int
    pauses: tuple[Pause, ...]
    alerts: tuple[Alert, ...]
    last_status: int | None
    last_at: datetime | None


@dataclass(frozen=True)
class RefusedGroup:
    """Requests that were refused for the same reason."""

    status: int
    source: str
    client: str
    reason: str
    requests: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True)
class Unmapped:
    """A service without a line: as its tool calls it, its other names, a suggestion, a line to copy.

    `service` is "" and `line` None for deliveries that name no service.
    """

    source: str
    service: str
    aliases: tuple[str, ...]
    deliveries: int
    incidents: int
    last_at: datetime
    suggestion: str | None
    line: str | None


@dataclass(frozen=True)
class Line:
    """A line under services: its number in its file, where it counts, and when it was used last.

    `file` is None for an earlier version of the relay, which has one file.
    """

    name: str
    number: int | None
    ignored: bool
    targets: tuple[str, ...]
    last_at: datetime | None
    file: str | None = None


@dataclass(frozen=True)
class Services:
    """The services of a relay. `writable`: it writes new lines by itself.

    `looked_back_to` is how far back a use of a line was searched, or None: over all events so far.
    """

    file: str
    writable: bool
    waiting: int
    complete: bool
    unmapped: tuple[Unmapped, ...]
    lines: tuple[Line, ...]
    looked_back_to: datetime | None = None


@dataclass(frozen=True)
class Counted:
    """What an action on many would be about, and the token that confirms it."""

    count: int
    more: bool
    confirm: str
    filter: Mapping[str, str]


@dataclass(frozen=True)
class Done:
    """What an action did: how many deliveries it was about, the events, and reasons why there are none."""

    deliveries: int
    events: tuple[str, ...]
    reasons: tuple[str, ...]
