"""Read a body into candidates and problems, then decide them against the stored events.

Pure: the time and new ids are arguments. `queries` reads and writes the store.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

import orjson
from gitdailies_core.error_text import NOTHING, got
from gitdailies_core.errors import BodyTooLarge, InvalidEvent
from gitdailies_core.events import near_misses
from gitdailies_core.events.dialect import ID_HEADER
from gitdailies_core.events.events import KINDS, Event, Kind, kind_of
from gitdailies_core.events.field_types import COMMIT_NAMES, COMMITS, LINE, NAME, TITLE
from gitdailies_core.events.ids import content_id, is_self_made
from gitdailies_core.values import strict_json
from gitdailies_core.values.times import text_of

from gitdailies_webhooks.events.content_digest import content_digest
from gitdailies_webhooks.events.problem import Problem, of_error, refusal
from gitdailies_webhooks.events.reading.plausible import refuse_address, refuse_implausible
from gitdailies_webhooks.events.strict_order import INCIDENT_FIELD, LatestEvent, LatestEvents

MOST_EVENTS = 10_000
MOST_BYTES_ONE = 1024 * 1024
MOST_BYTES_LIST = 8 * 1024 * 1024
CREATED, UNCHANGED, VALID = "created", "unchanged", "valid"

# Reads JSON as core does. Compact bodies, as our own senders write them, take a fraction of the time.
_decode = strict_json.guarded_names(orjson.loads, orjson.dumps)

_TEXTS = (NAME, LINE, TITLE)
_QUOTED = re.compile(r'"((?:[^"\\]|\\["\\])*)"')
_ESCAPED = re.compile(r'\\(["\\])')

# The receiver adds this field to the events that it lists. It is removed from an event that comes back.
RECEIVED_AT = "receivedAt"


@dataclass(frozen=True)
class Notes:
    """What the answer says about the fields of an event that is not refused, by their names.

    *unknown*: stored, although its kind does not have them; `commits[].author` is a name inside commits, and
    is not stored.
    *empty*: an empty text, which means not given. *cut*: lists that are longer than what is kept, with the
    number of items that were given. *differs*: other than in the event that was first sent with this id.
    *erased*: the event with this id was erased, and is not stored again.
    """

    unknown: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()
    cut: tuple[tuple[str, int], ...] = ()
    differs: tuple[str, ...] = ()
    erased: bool = False

    def to_wire(self) -> dict[str, Any]:
        """Return those that there are, as JSON."""
        lists = {"unknown": self.unknown, "empty": self.empty, "differs": self.differs}
        found: dict[str, Any] = {word: list(names) for word, names in lists.items() if names}
        if self.erased:
            found["erased"] = True
        return {**found, "cut": dict(self.cut)} if self.cut else found


NO_NOTES = Notes()


class Candidate(NamedTuple):
    """A valid event in full, with id and time.

    *digest* identifies the content as it was sent, without the id. *incident* is true for an event of an
    incident. *notes* are what the answer says about its fields.
    """

    event: Event
    id: str
    time: datetime
    time_given: bool
    digest: str
    incident: bool
    notes: Notes


Entry: TypeAlias = Candidate | Problem


@dataclass(frozen=True)
class Submission:
    """The events of one request in its order; each is a candidate, or the problem with it."""

    entries: tuple[Entry, ...]
    is_list: bool


class ExistingEvent(NamedTuple):
    """A stored event, as far as a new one with the same id is compared with it.

    *content* is the event in full: its JSON where it was read from the store.
    """

    digest: str
    time: datetime
    time_given: bool
    content: str | Event = "{}"

    def to_wire(self) -> dict[str, Any]:
        """Return the event as a JSON object."""
        return self.content.to_wire() if isinstance(self.content, Event) else dict(json.loads(self.content))


class Outcome(NamedTuple):
    """The result for one entry; *created* is the candidate to store."""

    status: str
    id: str = ""
    problem: Problem | None = None
    notes: Notes = NO_NOTES
    created: Candidate | None = None

    def to_wire(self) -> dict[str, Any]:
        """Return its JSON in the response."""
        body: dict[str, Any] = {"status": self.status}
        if self.id:
            body["id"] = self.id
        if self.problem is not None:
            problem = self.problem.to_wire()
            body["error"] = problem["detail"]
            body |= {name: problem[name] for name in ("field", "errors") if name in problem}
        return body if self.notes is NO_NOTES else {**body, **self.notes.to_wire()}


def parse(
    body: Any,
    *,
    key_header: str,
    may_send: Callable[[str], bool],
    now: datetime,
    new_id: Callable[[], str],
    kinds: tuple[Kind, ...] = KINDS,
) -> Submission:
    """Read one event or a list; *key_header* is the text of the header Idempotency-Key, or "".

    *body* is bytes, or what they mean where that is read already; an item may be a problem.

    A wrong event becomes a problem among the entries. Raises UnreadableBody for a body that is not JSON,
    BodyTooLarge for too many events, Refusal if header and body contradict each other.
    """
    key_header = _unquoted(key_header)
    value = _decode(body) if isinstance(body, bytes) else body
    if not isinstance(value, list):
        item = _with_header(value, key_header) if key_header else value
        return Submission((_entry(item, may_send=may_send, now=now, new_id=new_id, kinds=kinds),), False)
    if key_header:
        raise refusal("request", f"{ID_HEADER}: cannot be used with a list; give each event an id")
    if len(value) > MOST_EVENTS:
        raise BodyTooLarge(f"body: expected at most {MOST_EVENTS} events, got {len(value)}")
    return Submission(
        tuple(_entry(item, may_send=may_send, now=now, new_id=new_id, kinds=kinds) for item in value), True
    )


def decide(
    entries: Sequence[Entry],
    *,
    existing: Mapping[str, ExistingEvent],
    latest: LatestEvents | None,
    erased: Collection[str] = (),
) -> tuple[Outcome, ...]:
    """Decide the entries one after the other, against *existing* ids and the entries before.

    *erased* are ids of events that were erased: a repeat is known, and is not stored.
    *latest* are the newest stored events if the order is strict, None if any order is accepted.
    """
    by_id = dict(existing)
    outcomes = []
    for entry in entries:
        outcome = _decide_one(entry, by_id, erased, latest)
        outcomes.append(outcome)
        if (new := outcome.created) is not None:
            by_id[new.id] = ExistingEvent(new.digest, new.time, new.time_given, new.event)
            if latest is not None:
                event = LatestEvent(new.id, new.event.kind, new.time)
                latest = latest.including(event, incident=new.incident)
    return tuple(outcomes)


def response(submission: Submission, outcomes: Sequence[Outcome]) -> tuple[int, dict[str, Any]]:
    """Return status and JSON of the response; a single event that is refused gives its problem."""
    if not submission.is_list:
        (outcome,) = outcomes
        if outcome.problem is not None:
            return outcome.problem.status, outcome.problem.to_wire()
        return 202, outcome.to_wire()
    results = [{"index": index, **outcome.to_wire()} for index, outcome in enumerate(outcomes)]
    all_accepted = all(outcome.problem is None for outcome in outcomes)
    return 202 if all_accepted else 207, {"results": results}


def as_check_results(outcomes: Sequence[Outcome]) -> tuple[Outcome, ...]:
    """Return the outcomes of a check that stores nothing: an event that would be stored is valid."""
    return tuple(
        outcome if outcome.problem is not None else outcome._replace(status=VALID, created=None)
        for outcome in outcomes
    )


def _with_header(value: Any, key_header: str) -> Any:
    if not isinstance(value, dict):
        return value
    given = value.get("id")
    if given not in (None, "", key_header):
        raise refusal("request", f"{ID_HEADER}: expected the event's id {got(given)}, got {got(key_header)}")
    return {**value, "id": key_header}


def _entry(
    item: Any,
    *,
    may_send: Callable[[str], bool],
    now: datetime,
    new_id: Callable[[], str],
    kinds: tuple[Kind, ...],
) -> Entry:
    if isinstance(item, Problem):
        return item
    try:
        item, event = _read(item, kinds)
        kind = kind_of(event.kind, kinds)
        if not may_send(event.kind):
            return Problem(
                "forbidden", f"kind: expected a kind that this key may send, got {got(event.kind)}", "kind"
            )
        given = event.time
        refuse_implausible(event, given, now)
    except InvalidEvent as error:
        return of_error(error)
    digest = content_digest(event)
    id_ = event.id or (new_id() if given is None else content_id(digest))
    time = given or now
    return Candidate(
        event=event if event.id and given else _completed(event, kind, id=id_, time=text_of(time)),
        id=id_,
        time=time,
        time_given=given is not None,
        digest=digest,
        incident=INCIDENT_FIELD in kind.names,
        notes=_notes(item, event, kind),
    )


def _read(item: Any, kinds: tuple[Kind, ...]) -> tuple[Any, Event]:
    """Return an event without our own additions and without text of spaces alone, and what it means.

    Raises InvalidEvent with every fault of it. What a sender did not mean is one: a misspelled name, or an
    address as repository.
    """
    if not isinstance(item, dict):
        return item, Event.from_wire(item, kinds)
    near_misses.refuse_kind(item)
    kind = kind_of(item.get("kind"), kinds)
    if RECEIVED_AT in item:
        item = {name: value for name, value in item.items() if name != RECEIVED_AT}
    misspelled: Sequence[InvalidEvent] = ()
    address: Sequence[InvalidEvent] = ()
    try:
        near_misses.refuse(item, kind, kinds)
    except InvalidEvent as error:
        misspelled = error.faults
    try:
        refuse_address(item.get("repo"))
    except InvalidEvent as error:
        address = error.faults
    item = _without_blanks(item, kind)
    try:
        event = Event.from_wire(item, kinds)
    except InvalidEvent as error:
        # The value of an address may hold a token, and a field with another name is not missing.
        more = [fault for fault in error.faults if not (address and fault.field == "repo")]
        more = [fault for fault in more if not (misspelled and str(fault).endswith(f", got {NOTHING}"))]
        raise InvalidEvent.of([*misspelled, *address, *more]) from None
    if misspelled or address:
        raise InvalidEvent.of([*misspelled, *address])
    return item, event


def _without_blanks(item: dict[str, Any], kind: Kind) -> dict[str, Any]:
    """Return an event without text of spaces alone, which is empty text."""
    for value in item.values():
        if isinstance(value, str) and value.isspace():
            break
    else:
        return item
    texts = {field.name for field in kind.fields if field.type in _TEXTS and not field.required}
    return {
        name: "" if name in texts and isinstance(value, str) and not value.strip(" ") else value
        for name, value in item.items()
    }


def _notes(item: Mapping[str, Any], event: Event, kind: Kind) -> Notes:
    """Return what there is to say about the fields of an event; *item* is it as it was sent."""
    unknown, empty, cut = list(event.extra), [], []
    if len(item) > 1 + len(event.values) + len(unknown):
        empty = [name for name, value in item.items() if value == "" and name in kind.names]
    for field in kind.lists:
        kept, given = event.get(field.name), item.get(field.name)
        if kept is None or given is None:
            continue
        if len(given) > len(kept):
            cut.append((field.name, len(given)))
        if field.type is COMMITS:
            inside = {name: None for commit in given for name in commit if name not in COMMIT_NAMES}
            unknown += (f"{field.name}[].{name}" for name in inside)
    return Notes(tuple(unknown), tuple(empty), tuple(cut)) if unknown or empty or cut else NO_NOTES


def _unquoted(text: str) -> str:
    """Return the text of a structured field (RFC 8941), which is quoted; any other text is itself.

    Idempotency-Key is one: https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
    """
    quoted = _QUOTED.fullmatch(text.strip())
    return _ESCAPED.sub(r"\1", quoted[1]) if quoted else text


def _completed(event: Event, kind: Kind, **given: str) -> Event:
    values = {**event.values, **given}
    ordered = {field.name: values[field.name] for field in kind.fields if field.name in values}
    return Event(event.kind, MappingProxyType(ordered), event.extra)


def _decide_one(
    entry: Entry,
    existing: Mapping[str, ExistingEvent],
    erased: Collection[str],
    latest: LatestEvents | None,
) -> Outcome:
    if isinstance(entry, Problem):
        return Outcome(entry.word, problem=entry)
    if entry.id in erased:
        return Outcome(UNCHANGED, entry.id, notes=dataclasses.replace(entry.notes, erased=True))
    if (stored := existing.get(entry.id)) is not None:
        if _same(entry, stored):
            return Outcome(UNCHANGED, entry.id, notes=entry.notes)
        if is_self_made(entry.id):
            # The sender tells the same again at every attempt, with what it knows then. The first one counts.
            notes = dataclasses.replace(entry.notes, differs=_differences(entry, stored))
            return Outcome(UNCHANGED, entry.id, notes=notes)
        detail = f"id: expected the content that was first sent as {entry.id}, got other content"
        return _refused(entry, Problem("conflict", detail, "id"))
    if latest is not None:
        newer = latest.blocking(entry.event.kind, incident=entry.incident, at=entry.time)
        if newer is not None:
            detail = f"time: expected no earlier than {newer}, got {text_of(entry.time)}"
            return _refused(entry, Problem("out-of-order", detail, "time"))
    return Outcome(CREATED, entry.id, notes=entry.notes, created=entry)


def _refused(entry: Candidate, problem: Problem) -> Outcome:
    return Outcome(problem.word, entry.id, problem=problem)


def _same(entry: Candidate, stored: ExistingEvent) -> bool:
    if entry.digest == stored.digest:
        return True
    # An event that was listed here and is sent again has the time that it got here.
    return (
        not stored.time_given
        and entry.time == stored.time
        and content_digest(entry.event, "time") == stored.digest
    )


def _differences(entry: Candidate, stored: ExistingEvent) -> tuple[str, ...]:
    """Return the names of fields that differ from the stored event; the moments of arrival are none."""
    old, new = stored.to_wire(), entry.event.to_wire()
    if not entry.time_given and not stored.time_given:
        old["time"] = new["time"]
    return tuple(name for name in {**old, **new} if old.get(name) != new.get(name))
