"""Read a body into candidates and problems, then decide them against the stored events.

Pure: the time and new ids are arguments. `queries` reads and writes the store.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from hashlib import sha256
from types import MappingProxyType
from typing import Annotated, Any, NamedTuple, TypeAlias

import msgspec
import orjson
from gitdailies_core.error_text import NOTHING, got
from gitdailies_core.errors import BodyTooLarge, InvalidEvent
from gitdailies_core.events import near_misses
from gitdailies_core.events.events import INCIDENT_RESOLVED, Event, kind_of
from gitdailies_core.events.field_types import COMMIT_NAMES, COMMITS, LINE, NAME, TITLE
from gitdailies_core.events.ids import content_id, is_self_made
from gitdailies_core.events.kind import Kind
from gitdailies_core.events.receivers import ID_HEADER
from gitdailies_core.values import strict_json
from gitdailies_core.values.times import text_of
from msgspec import Meta, Struct, structs

from gitdailies_dora.events.problem import FieldFault, Problem, of_error, refusal
from gitdailies_dora.events.reading.plausible import address_faults, refuse_implausible
from gitdailies_dora.events.strict_order import INCIDENT_FIELD, LatestEvent, LatestEvents

MOST_EVENTS = 10_000
MOST_BYTES_ONE = 1024 * 1024
MOST_BYTES_LIST = 8 * 1024 * 1024
CREATED, UNCHANGED, VALID = "created", "unchanged", "valid"
# The problems that an event of a list may have.
REFUSED_IN_LIST = ("conflict", "out-of-order", "forbidden", "invalid")

# Reads JSON as core does. Compact bodies, as our own senders write them, take a fraction of the time.
_decode = strict_json.guarded(orjson.loads, orjson.dumps)

_TEXTS = (NAME, LINE, TITLE)
_QUOTED = re.compile(r'"((?:[^"\\]|\\["\\])*)"')
_ESCAPED = re.compile(r'\\(["\\])')

# The receiver adds this field to the events that it lists. It is removed from an event that comes back.
RECEIVED_AT = "receivedAt"


class Taken(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An event that was accepted, and what there is to say about its fields."""

    status: Annotated[str, Meta(extra_json_schema={"enum": [CREATED, UNCHANGED, VALID]})]
    id: Annotated[str, Meta(description="the event's id: as it was sent, or made here")]
    # `commits[].author` is a name inside commits.
    unknown: Annotated[
        tuple[str, ...],
        Meta(description="fields that this kind of event does not have; they were stored, except in commits"),
    ] = ()
    empty: Annotated[tuple[str, ...], Meta(description="fields that were empty, which means not given")] = ()
    differs: Annotated[
        tuple[str, ...],
        Meta(description="fields with another value than in the event first sent with this id, which stays"),
    ] = ()
    erased: Annotated[
        bool, Meta(description="true: the event with this id was erased, and is not stored again")
    ] = False
    cut: Annotated[
        dict[str, int],
        Meta(description="longer lists than are kept, with the number of items given; the first ones stay"),
    ] = msgspec.field(default_factory=dict)


class ListResult(Taken, frozen=True, kw_only=True, omit_defaults=True):
    """The result for one event of a list: that it was accepted, or what is wrong with it."""

    index: Annotated[int, Meta(ge=0, description="the place in the list, from 0")]
    status: Annotated[str, Meta(extra_json_schema={"enum": [CREATED, UNCHANGED, VALID, *REFUSED_IN_LIST]})]
    id: Annotated[str, Meta(description="the event's id, if it has one")] = ""
    error: Annotated[str, Meta(description="where, what was expected, and what was found")] = ""
    field: Annotated[str, Meta(description="the wrong field")] = ""
    errors: Annotated[
        tuple[FieldFault, ...], Meta(description="each fault of an event that has several")
    ] = ()


class ListResults(Struct, frozen=True, kw_only=True):
    """The results for the events of a list, in its order."""

    results: tuple[ListResult, ...]


class Candidate(NamedTuple):
    """A valid event in full, with id and time.

    *digest* identifies the content as it was sent, without the id. *taken* is the answer if it is stored.
    """

    event: Event
    id: str
    time: datetime
    time_given: bool
    digest: str
    is_of_incident: bool
    taken: Taken


Entry: TypeAlias = Candidate | Problem


@dataclass(frozen=True)
class Submission:
    """The events of one request in its order; each is a candidate, or the problem with it."""

    entries: tuple[Entry, ...]
    is_list: bool


class ExistingEvent(NamedTuple):
    """The parts of a stored event that a new one with the same id is compared with.

    *content* is the event in full: its JSON where it was read from the store.
    """

    digest: str
    time: datetime
    time_given: bool
    content: str | Event = "{}"

    def to_wire(self) -> dict[str, Any]:
        """Return the event as a JSON object."""
        return self.content.to_wire() if isinstance(self.content, Event) else dict(json.loads(self.content))


class EntryResult(NamedTuple):
    """The result for one entry: the answer about an event that was taken, or the problem with it.

    *id* is that of the event if it has one. *created* is the candidate to store.
    """

    answer: Taken | Problem
    id: str = ""
    created: Candidate | None = None

    @property
    def status(self) -> str:
        return self.answer.word if isinstance(self.answer, Problem) else self.answer.status

    def in_list(self, index: int) -> ListResult:
        """Return the result with its place in the list."""
        if isinstance(self.answer, Taken):
            return ListResult(index=index, **structs.asdict(self.answer))
        about = self.answer.details
        return ListResult(
            index=index,
            status=self.answer.word,
            id=self.id,
            error=about.detail,
            field=about.field,
            errors=about.errors,
        )


def parse(
    body: Any,
    *,
    key_header: str,
    forbidden: Callable[[Event], Problem | None],
    now: datetime,
    new_id: Callable[[], str],
) -> Submission:
    """Read one event or a list; *key_header* is the text of the header Idempotency-Key, or "".

    *body* is bytes, or what they mean where that is read already; an item may be a problem. *forbidden* says
    why the key may not send an event.

    A wrong event becomes a problem among the entries. Raises UnreadableBody for a body that is not JSON,
    BodyTooLarge for too many events, Refusal if header and body contradict each other.
    """
    key_header = _unquoted(key_header)
    entry = partial(_entry, forbidden=forbidden, now=now, new_id=new_id)
    value = _decode(body) if isinstance(body, bytes) else body
    if not isinstance(value, list):
        item = _with_header(value, key_header) if key_header else value
        return Submission((entry(item),), False)
    if key_header:
        raise refusal("request", f"{ID_HEADER}: cannot be used with a list; give each event an id")
    if len(value) > MOST_EVENTS:
        raise BodyTooLarge(f"body: expected at most {MOST_EVENTS} events, got {len(value)}")
    return Submission(tuple(map(entry, value)), True)


def decide(
    entries: Sequence[Entry],
    *,
    existing: Mapping[str, ExistingEvent],
    latest: LatestEvents | None,
    erased: Collection[str] = (),
) -> tuple[EntryResult, ...]:
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
                latest = latest.including(event, incident=new.is_of_incident)
    return tuple(outcomes)


def response(
    submission: Submission, outcomes: Sequence[EntryResult]
) -> tuple[int, Taken | ListResults | Problem]:
    """Return status and answer; a single event that is refused gives its problem."""
    if submission.is_list:
        results = tuple(outcome.in_list(index) for index, outcome in enumerate(outcomes))
        all_accepted = all(isinstance(outcome.answer, Taken) for outcome in outcomes)
        return 202 if all_accepted else 207, ListResults(results=results)
    ((answer, *_),) = outcomes
    return answer.status if isinstance(answer, Problem) else 202, answer


def as_check_results(outcomes: Sequence[EntryResult]) -> tuple[EntryResult, ...]:
    """Return the outcomes of a check that stores nothing: an event that would be stored is valid."""
    return tuple(
        one._replace(answer=structs.replace(one.answer, status=VALID), created=None)
        if isinstance(one.answer, Taken)
        else one
        for one in outcomes
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
    forbidden: Callable[[Event], Problem | None],
    now: datetime,
    new_id: Callable[[], str],
) -> Entry:
    if isinstance(item, Problem):
        return item
    try:
        item, event = _read(item)
        kind = kind_of(event.kind)
        if (problem := forbidden(event)) is not None:
            return problem
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
        is_of_incident=INCIDENT_FIELD in kind.names,
        taken=_taken(id_, item, event, kind),
    )


def _read(item: Any) -> tuple[Any, Event]:
    """Return an event without our own additions and without text of spaces alone, and what it means.

    Raises InvalidEvent with every fault of it. What a sender did not mean is one: a misspelled name, or an
    address as repository.
    """
    if not isinstance(item, dict):
        return item, Event.from_wire(item)
    near_misses.refuse_kind(item)
    kind = kind_of(item.get("kind"))
    if RECEIVED_AT in item:
        item = {name: value for name, value in item.items() if name != RECEIVED_AT}
    misspelled: Sequence[InvalidEvent] = ()
    try:
        near_misses.refuse(item, kind)
    except InvalidEvent as error:
        misspelled = error.faults
    address = address_faults(item.get("repo"))
    item = _without_blanks(item, kind)
    try:
        event = Event.from_wire(item)
    except InvalidEvent as error:
        # The value of an address may hold a token, and a field with another name is not missing.
        more = [fault for fault in error.faults if not (address and fault.field == "repo")]
        more = [fault for fault in more if not (misspelled and str(fault).endswith(f", got {NOTHING}"))]
        raise InvalidEvent.of([*misspelled, *address, *more]) from None
    unsure = _unsure_environment(event)
    if misspelled or address or unsure:
        raise InvalidEvent.of([*misspelled, *address, *unsure])
    return item, event


def _unsure_environment(event: Event) -> list[InvalidEvent]:
    """Return a fault for each unknown field of an event that would count as production by its silence.

    One of the fields may be the environment. What names its reporter or its tool was not written by hand.
    """
    if event.kind == INCIDENT_RESOLVED or any(map(event.get, ("environment", "reporter", "source"))):
        return []
    text = (
        "this field does not exist, and may be the environment: without one, the event counts as production"
    )
    return [
        InvalidEvent(f"{shown}: {text}; name `environment`, or leave the field out", shown)
        for shown in map(near_misses.shown, event.extra)
    ]


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


def _taken(id_: str, item: Mapping[str, Any], event: Event, kind: Kind) -> Taken:
    """Return the answer if an event is stored; *item* is it as it was sent."""
    unknown, empty, cut = list(event.extra), [], {}
    if len(item) > 1 + len(event.values) + len(unknown):
        empty = [name for name, value in item.items() if value == "" and name in kind.names]
    for field in kind.lists:
        kept, given = event.get(field.name), item.get(field.name)
        if kept is None or given is None:
            continue
        if len(given) > len(kept):
            cut[field.name] = len(given)
        if field.type is COMMITS:
            inside = {name: None for commit in given for name in commit if name not in COMMIT_NAMES}
            unknown += (f"{field.name}[].{name}" for name in inside)
    return Taken(status=CREATED, id=id_, unknown=tuple(unknown), empty=tuple(empty), cut=cut)


def _unquoted(text: str) -> str:
    """Return the text of a structured field (RFC 8941), which is quoted; any other text is itself.

    Idempotency-Key is one: https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
    """
    quoted = _QUOTED.fullmatch(text.strip())
    return _ESCAPED.sub(r"\1", quoted[1]) if quoted else text


def content_digest(event: Event, *without: str) -> str:
    """Hash an event without its id, which is a name and no content, and *without* these fields."""
    if not event.extra:
        body = event.to_wire()
        for name in ("id", *without):
            body.pop(name, None)
        # In half of the time, the text that core hashes: fields of the table hold no numbers and no
        # control characters. For other texts than ASCII, core hashes the escapes.
        text = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
        if text.isascii():
            return sha256(text).hexdigest()
    return event.digest("id", *without)


def _completed(event: Event, kind: Kind, **given: str) -> Event:
    values = {**event.values, **given}
    ordered = {field.name: values[field.name] for field in kind.fields if field.name in values}
    return Event(event.kind, MappingProxyType(ordered), event.extra)


def _decide_one(
    entry: Entry,
    existing: Mapping[str, ExistingEvent],
    erased: Collection[str],
    latest: LatestEvents | None,
) -> EntryResult:
    if isinstance(entry, Problem):
        return EntryResult(entry)
    if entry.id in erased:
        return _unchanged(entry, erased=True)
    if (stored := existing.get(entry.id)) is not None:
        if _same(entry, stored):
            return _unchanged(entry)
        if is_self_made(entry.id):
            # Retries may carry newer details. The first content counts.
            return _unchanged(entry, differs=_differences(entry, stored))
        detail = f"id: expected the content that was first sent as {entry.id}, got other content"
        return EntryResult(Problem("conflict", detail, "id"), entry.id)
    if latest is not None:
        newer = latest.blocking(entry.event.kind, incident=entry.is_of_incident, at=entry.time)
        if newer is not None:
            detail = f"time: expected no earlier than {newer}, got {text_of(entry.time)}"
            return EntryResult(Problem("out-of-order", detail, "time"), entry.id)
    return EntryResult(entry.taken, entry.id, entry)


def _unchanged(entry: Candidate, *, differs: tuple[str, ...] = (), erased: bool = False) -> EntryResult:
    taken = structs.replace(entry.taken, status=UNCHANGED, differs=differs, erased=erased)
    return EntryResult(taken, entry.id)


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
