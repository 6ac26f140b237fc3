"""What becomes of a body: candidates or problems, then, against what is stored, outcomes.

Pure: the moment and the names of nameless events come in as arguments, `statements` reads and
writes the store.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, TypeAlias

from gitdailies_core.error_text import got
from gitdailies_core.errors import BodyTooLarge, InvalidEvent
from gitdailies_core.events.dialect import ID_HEADER
from gitdailies_core.events.events import KINDS, Event, Kind, kind_of
from gitdailies_core.events.ids import content_id
from gitdailies_core.values import strict_json
from gitdailies_core.values.times import text_of

from gitdailies_webhooks.events.problem import Problem, of_error, refusal
from gitdailies_webhooks.events.strict_order import INCIDENT_FIELD, Mark, Newest

MOST_EVENTS = 10_000
MOST_BYTES_ONE = 1024 * 1024
MOST_BYTES_LIST = 8 * 1024 * 1024
AHEAD = timedelta(minutes=5)

CREATED, UNCHANGED, VALID = "created", "unchanged", "valid"

# The receiver's own word in what it lists: an event that was read here and is sent again has it.
RECEIVED_AT = "receivedAt"


@dataclass(frozen=True)
class Candidate:
    """An event that may be taken: in full form, with id and time.

    *digest* is of the content as it was sent, the id aside; *incident* says whether its kind
    belongs to an incident; *unknown* names the fields that the table does not know.
    """

    event: Event
    id: str
    time: datetime
    time_given: bool
    digest: str
    incident: bool
    unknown: tuple[str, ...]


Entry: TypeAlias = Candidate | Problem


@dataclass(frozen=True)
class Submission:
    """The events of one request, in its order, each a candidate or what is wrong with it."""

    entries: tuple[Entry, ...]
    is_list: bool


@dataclass(frozen=True)
class Known:
    """What the store tells of an event whose id is taken."""

    digest: str
    time: datetime
    time_given: bool


@dataclass(frozen=True)
class Outcome:
    """What became of one entry; *created* is the candidate to write."""

    status: str
    id: str = ""
    problem: Problem | None = None
    unknown: tuple[str, ...] = ()
    created: Candidate | None = None

    def to_wire(self) -> dict[str, Any]:
        """Return what the answer says of it."""
        body: dict[str, Any] = {"status": self.status}
        if self.id:
            body["id"] = self.id
        if self.problem is not None:
            said = self.problem.to_wire()
            body["error"] = said["detail"]
            if "field" in said:
                body["field"] = said["field"]
        if self.unknown:
            body["unknown"] = list(self.unknown)
        return body


def read(
    body: bytes,
    *,
    key_header: str,
    may_send: Callable[[str], bool],
    now: datetime,
    new_id: Callable[[], str],
    kinds: tuple[Kind, ...] = KINDS,
) -> Submission:
    """Read one event or a list; *key_header* is the Idempotency-Key, or "".

    Raises UnreadableBody (or BodyTooLarge) for what is not JSON, Refusal where header and body
    contradict each other. What is wrong with an event is an entry.
    """
    value = strict_json.loads(body, duplicates=False)
    if not isinstance(value, list):
        item = _with_header(value, key_header) if key_header else value
        return Submission((_entry(item, may_send=may_send, now=now, new_id=new_id, kinds=kinds),), False)
    if key_header:
        raise refusal(
            "request", f"{ID_HEADER}: expected it with one event only, got it with a list; give each an id"
        )
    if len(value) > MOST_EVENTS:
        raise BodyTooLarge(f"body: expected at most {MOST_EVENTS} events, got {len(value)}")
    return Submission(
        tuple(_entry(item, may_send=may_send, now=now, new_id=new_id, kinds=kinds) for item in value), True
    )


def decide(
    entries: Sequence[Entry], *, known: Mapping[str, Known], newest: Newest | None
) -> tuple[Outcome, ...]:
    """Decide each entry in turn, against *known* ids and what the entries before it add.

    *newest* is where a strict order stands, or None where any order will do.
    """
    taken = dict(known)
    outcomes = []
    for entry in entries:
        outcome = _decide_one(entry, taken, newest)
        outcomes.append(outcome)
        if outcome.created is not None:
            made = outcome.created
            taken[made.id] = Known(made.digest, made.time, made.time_given)
            if newest is not None:
                newest = newest.after(Mark(made.id, made.event.kind, made.time), incident=made.incident)
    return tuple(outcomes)


def answer(submission: Submission, outcomes: Sequence[Outcome]) -> tuple[int, dict[str, Any]]:
    """Return status and body of the answer; the one event that was refused is its problem."""
    if not submission.is_list:
        (outcome,) = outcomes
        if outcome.problem is not None:
            return outcome.problem.status, outcome.problem.to_wire()
        return 202, outcome.to_wire()
    results = [{"index": index, **outcome.to_wire()} for index, outcome in enumerate(outcomes)]
    taken = all(outcome.problem is None for outcome in outcomes)
    return 202 if taken else 207, {"results": results}


def only_checked(outcomes: Sequence[Outcome]) -> tuple[Outcome, ...]:
    """Return the outcomes of a check that stores nothing: what would be taken is valid."""
    return tuple(
        outcome if outcome.problem is not None else dataclasses.replace(outcome, status=VALID, created=None)
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
    try:
        if isinstance(item, dict) and RECEIVED_AT in item:
            item = {name: value for name, value in item.items() if name != RECEIVED_AT}
        event = Event.from_wire(item, kinds)
        kind = kind_of(event.kind, kinds)
        if not may_send(event.kind):
            return Problem(
                "forbidden", f"kind: expected one that this key may send, got {got(event.kind)}", "kind"
            )
        given = event.time
        if given is not None and given > now + AHEAD:
            raise InvalidEvent(
                f"time: expected at most 5 minutes after {text_of(now)}, got {got(event.get('time'))}", "time"
            )
    except InvalidEvent as error:
        return of_error(error)
    digest = content(event)
    name = event.id or (new_id() if given is None else content_id(digest))
    time = given or now
    return Candidate(
        event=_completed(event, kind, id=name, time=text_of(time)),
        id=name,
        time=time,
        time_given=given is not None,
        digest=digest,
        incident=kind.field(INCIDENT_FIELD) is not None,
        unknown=tuple(event.extra),
    )


def content(event: Event, *besides: str) -> str:
    """Hash what an event says, its id (and *besides*) aside: an id names, it says nothing."""
    return event.digest("id", *besides)


def _completed(event: Event, kind: Kind, **given: str) -> Event:
    values = {**event.values, **given}
    ordered = {field.name: values[field.name] for field in kind.fields if field.name in values}
    return Event(event.kind, MappingProxyType(ordered), event.extra)


def _decide_one(entry: Entry, taken: Mapping[str, Known], newest: Newest | None) -> Outcome:
    if isinstance(entry, Problem):
        return Outcome(entry.word, problem=entry)
    if (there := taken.get(entry.id)) is not None:
        if _same(entry, there):
            return Outcome(UNCHANGED, entry.id, unknown=entry.unknown)
        return _refused(
            entry, Problem("conflict", f"id: expected the content first sent as {entry.id}, got other", "id")
        )
    if newest is not None:
        mark = newest.before(entry.event.kind, incident=entry.incident, at=entry.time)
        if mark is not None:
            detail = f"time: expected no earlier than {mark}, got {text_of(entry.time)}"
            return _refused(entry, Problem("out-of-order", detail, "time"))
    return Outcome(CREATED, entry.id, unknown=entry.unknown, created=entry)


def _refused(entry: Candidate, problem: Problem) -> Outcome:
    return Outcome(problem.word, entry.id, problem=problem)


def _same(entry: Candidate, there: Known) -> bool:
    if entry.digest == there.digest:
        return True
    # Read back from the receiver and sent again, an event carries the time that it was given here.
    return not there.time_given and entry.time == there.time and content(entry.event, "time") == there.digest
