"""What a relay says about its deliveries: one frozen class for each answer.

The relay and its command write JSON from these classes, and the pages read it into them. So a field is named
here, and nowhere else. In JSON, names are in camel case. Times are aware.
"""

from datetime import datetime
from typing import Annotated, Any, TypeAlias

from gitdailies_core.values.times import text_of
from msgspec import UNSET, Meta, Struct, UnsetType, field, to_builtins

Time: TypeAlias = Annotated[datetime, Meta(tz=True)]


class RelayAnswer(Struct, frozen=True, rename="camel"):
    """An answer, or a part of one."""


def for_json(value: Any) -> Any:
    """Return what `json.dumps` writes in place of an answer or a time, as its `default`."""
    return text_of(value) if isinstance(value, datetime) else to_builtins(value, builtin_types=(datetime,))


# One delivery, from its arrival to the receiver's answers.


class DecidedMessage(RelayAnswer, frozen=True):
    """What was decided about one message of a delivery, at its arrival or in a replay.

    `proof` names the secret that proved it. `events` are the ids of its events. `pack` names the source pack
    that read it, with version and hash, and is "" for an adapter in code.
    """

    delivery: str
    received_at: Time
    source: str
    word: str
    proof: str
    outcome: str
    reason: str
    events: tuple[str, ...]
    pack: str = ""


class StoredRequest(RelayAnswer, frozen=True):
    """A stored request, and why it is stored. `state` is quarantined, ignored, replayed or discarded.

    The headers and the body are set only where they were asked for. A body that is not UTF-8 is in base64.
    """

    state: str
    code: str
    reason: str
    replayed_at: Time | None
    headers: dict[str, str] | UnsetType = UNSET
    body: str | UnsetType = UNSET
    body_base64: str | UnsetType = UNSET


class SendingAttempt(RelayAnswer, frozen=True):
    """One attempt to send an event. `answer` is the beginning of what the receiver said."""

    at: Time
    status: int | None
    verdict: str
    reason: str
    answer: str


class ShownEvent(RelayAnswer, frozen=True):
    """An event of a delivery, as it is sent, and its place in the outbox.

    `state` is delivered, dead_letter, discarded, held, blocked (behind another event of its partition) or
    waiting. A held event waits for its `push`, or as its source's `hold` says.
    """

    id: str
    body: dict[str, Any] = field(name="event")
    delivery: str
    stored_at: Time
    state: str
    reason: str | None = None
    held_for: str | None = None
    due_at: Time | None = None
    attempts: tuple[SendingAttempt, ...] = ()


class NotedAction(RelayAnswer, frozen=True):
    """What a person did about a delivery, an event or an incident."""

    at: Time
    person: str
    action: str
    subject: str
    reason: str


class MappedService(RelayAnswer, frozen=True):
    """A service, and file and line that say where it counts now. Both are None where no line is sure.

    `repos` are the repositories of the line.
    """

    service: str
    file: str | None
    line: int | None
    repos: tuple[str, ...] = ()


class OpenIncident(RelayAnswer, frozen=True):
    """An occurrence that is open at one deploy target. `opened_by` is a delivery, `word` the vendor's word.

    They, and the title, are None where the store does not know any more. `merged_into` is the
    incident whose end this one waits for, or None.
    """

    source: str
    incident: str
    repo: str
    environment: str | None
    service: str | None
    started_at: Time
    age_seconds: int
    event: str
    opened_by: str | None
    word: str | None
    title: str | None
    merged_into: str | None


class PausedDelivery(RelayAnswer, frozen=True):
    """A pause: of what, by what, why and since when. `source` is None if it is of everything."""

    destination: str
    source: str | None
    by: str
    reason: str
    since: Time


class ShownDelivery(RelayAnswer, frozen=True):
    """One delivery with all that its relay knows of it. `file` is the name of the relay's gitdailies.yml."""

    id: str = field(name="delivery")
    received_at: Time
    source: str
    incidents: tuple[str, ...]
    messages: tuple[DecidedMessage, ...]
    stored: StoredRequest | None
    events: tuple[ShownEvent, ...]
    actions: tuple[NotedAction, ...]
    outcome: str
    sentence: str
    steps: tuple[str, ...]
    mapped_by: tuple[MappedService, ...]
    open_incidents: tuple[OpenIncident, ...]
    paused: tuple[PausedDelivery, ...]
    file: str


# Lists.


class EventState(RelayAnswer, frozen=True):
    """An event of a listed delivery, and its state."""

    id: str
    state: str


class ListedDelivery(RelayAnswer, frozen=True):
    """A delivery in a list. `last_status` is that of the receiver's last answer."""

    id: str
    received_at: Time
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


class DeliveryPage(RelayAnswer, frozen=True):
    """A page of the list. `next` is where the next one begins, None on the last.

    `looked_back_to` is set where a page ended before it was full.
    """

    deliveries: tuple[ListedDelivery, ...]
    next: str | None
    looked_back_to: Time | None


class DeadLetter(RelayAnswer, frozen=True):
    """An event that the receiver refused, or that was given up."""

    id: str
    source: str
    incident: str
    stored_at: Time
    attempts: int
    reason: str


class QuarantinedDelivery(RelayAnswer, frozen=True):
    """A delivery that could not be read, or whose service has no line."""

    delivery: str
    source: str
    received_at: Time
    code: str
    reason: str


class FailedTotal(RelayAnswer, frozen=True):
    """How many there are of each."""

    dead_letters: int
    quarantined: int


class FailedPage(RelayAnswer, frozen=True):
    """Dead letters and quarantined deliveries. `next` is where the next page begins, None on the last."""

    dead_letters: tuple[DeadLetter, ...]
    quarantined: tuple[QuarantinedDelivery, ...]
    total: FailedTotal
    next: str | None


class RefusedRequests(RelayAnswer, frozen=True):
    """Requests that were refused for the same reason."""

    status: int
    source: str | None
    client: str | None
    reason: str
    requests: int
    first_at: Time
    last_at: Time


class RefusalPage(RelayAnswer, frozen=True):
    """A page of refused requests. `next` is where the next one begins, None on the last."""

    refusals: tuple[RefusedRequests, ...]
    next: str | None


class OpenIncidents(RelayAnswer, frozen=True):
    """A page of open incidents, and how many there are in all."""

    incidents: tuple[OpenIncident, ...]
    total: int


# The timeline of an incident.


class OccurrenceState(RelayAnswer, frozen=True):
    """An occurrence of an incident at one deploy target."""

    source: str
    repo: str | None
    environment: str | None
    service: str | None
    occurrence: str
    state: str
    started_at: Time | None
    ended_at: Time | None
    merged_into: str | None


class IncidentTimeline(RelayAnswer, frozen=True):
    """What came and what was sent about an incident. It is None for a delivery that names none."""

    incident: str | None
    deliveries: tuple[DecidedMessage, ...]
    occurrences: tuple[OccurrenceState, ...]
    events: tuple[ShownEvent, ...]


# The state of a relay.


class SourceHealth(RelayAnswer, frozen=True):
    """When the last delivery of a source came, and whether it is silent for longer than usual.

    The usual silence is None where it is not known. `missing` are fields that decide, and come no more.
    """

    last_delivery: Time | None = None
    usual_silence_seconds: int | None = None
    silent: bool = False
    missing: tuple[str, ...] = ()


class ServerState(RelayAnswer, frozen=True):
    """What the process of a relay knows without its store. `circuit` is open or closed."""

    version: str
    store: str
    store_fault: str | None
    circuit: str
    circuit_reason: str | None
    reload_failed: bool
    receiver: str
    receiver_is_sure: bool


class KnownKind(RelayAnswer, frozen=True):
    """What a receiver was by its last sure answer, and since when."""

    kind: str
    since: Time


class RelayAlert(RelayAnswer, frozen=True):
    """A reason to look at the relay: a code, a sentence, and the deliveries that it is about.

    `outcome` and `source` are filters of the list of deliveries, None where they do not narrow it down. An
    alert with neither is not about deliveries.
    """

    code: str
    text: str
    outcome: str | None = None
    source: str | None = None


class RelayStatus(RelayAnswer, frozen=True):
    """The state of a relay. `server` is None where none runs.

    `deliveries` and `replays` count messages by source and outcome. `renamed` has what
    `repositories` lacks.
    """

    paused: tuple[PausedDelivery, ...]
    waiting: int
    held: int
    waiting_for_push: int
    retrying: int
    refused: int
    dead_letters: int
    oldest_waiting_since: Time | None
    open_incidents: int
    oldest_open_incident_since: Time | None
    last_attempt: SendingAttempt | None
    receiver: KnownKind | None
    quarantined: dict[str, int]
    sources: dict[str, SourceHealth]
    deliveries: dict[str, dict[str, int]]
    replays: dict[str, dict[str, int]]
    bytes: int
    free_bytes: int
    server: ServerState | None
    alerts: tuple[RelayAlert, ...] = ()
    renamed: tuple[str, ...] = ()


class Explanation(IncidentTimeline, frozen=True):
    """The timeline of an incident, those of `others` that the id may mean, and what may hold up events."""

    others: tuple[IncidentTimeline, ...]
    paused: tuple[PausedDelivery, ...]
    server: ServerState | None


# Services.


class UnmappedService(RelayAnswer, frozen=True):
    """A service without a line. It is None for deliveries that name none. `open` incidents have no end."""

    source: str
    service: str | None
    aliases: tuple[str, ...]
    deliveries: int
    incidents: int
    open: int
    last_received_at: Time


class SuggestedService(UnmappedService, frozen=True):
    """The same, with the repository that is most like it, and a line to copy."""

    suggestion: str | None
    line: str | None


class LineTarget(RelayAnswer, frozen=True):
    """Where a service counts. `service` is None for its own name, and "" for none."""

    repo: str
    environment: str | None
    service: str | None = None


class ServiceUse(RelayAnswer, frozen=True):
    """A line under services: its place, where it counts, its last incident, and names in its events."""

    name: str
    file: str | None
    line: int | None
    ignored: bool
    targets: tuple[LineTarget, ...]
    last_seen_at: Time | None
    services: tuple[str, ...] = ()


class ServiceReport(RelayAnswer, frozen=True):
    """The services of a relay. `writable`: it writes new lines by itself.

    `complete` says whether every waiting body was read; else the newest were. `looked_back_to` is the
    time of the oldest delivery that was read for the lines, or None if every one so far was.
    """

    file: str
    writable: bool
    waiting: int
    complete: bool
    looked_back_to: Time | None
    unmapped: tuple[SuggestedService, ...]
    mapped: tuple[ServiceUse, ...]


# Actions.


class ActedDelivery(RelayAnswer, frozen=True):
    """What an action did about one delivery: the ids of its events, or reasons why there are none."""

    delivery: str
    events: tuple[str, ...]
    reasons: tuple[str, ...]


class ReplayResult(RelayAnswer, frozen=True):
    """What a replay did: deliveries in their order, and the ids of events that are sent again.

    `left_out` names, each with the reason, what could not be replayed.
    """

    deliveries: tuple[ActedDelivery, ...]
    events: tuple[str, ...]
    left_out: tuple[str, ...]


class ActionResult(RelayAnswer, frozen=True):
    """What an action did. `more`: other deliveries may match, too; only for an action on many."""

    action: str
    deliveries: tuple[ActedDelivery, ...]
    events: tuple[str, ...]
    more: bool | UnsetType = UNSET


class CountedDeliveries(RelayAnswer, frozen=True):
    """What an action on many would be about, and the token that confirms it."""

    count: int
    more: bool
    confirm: str
    filter: dict[str, str]


class PauseResult(RelayAnswer, frozen=True):
    """Whether a pause or its end changed anything, and what is paused now."""

    changed: bool
    paused: tuple[PausedDelivery, ...]


class ExampleDelivery(RelayAnswer, frozen=True):
    """The delivery that an example became."""

    delivery: str


class AskedHandshake(RelayAnswer, frozen=True):
    """A subscription that a delivery asks to confirm, at an address, or why it is refused."""

    delivery: str
    received_at: Time
    topic: str | None
    address: str | None
    refusal: str | None


class RelayProblem(RelayAnswer, frozen=True):
    """Why a request has no answer: a word for the status, and a sentence where there is one."""

    status: str
    reason: str | UnsetType = UNSET


class Conflict(CountedDeliveries, frozen=True):
    """Other deliveries match than were counted: which, and why nothing was done."""

    status: str
    reason: str


class Unavailable(RelayProblem, frozen=True, kw_only=True):
    """The store cannot be read. The process still knows its own state."""

    server: ServerState
