"""Read a body into candidates and problems, then decide them against the stored events.

Pure: the time and new ids are arguments. `queries` reads and writes the store.
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
from gitdailies_webhooks.events.strict_order import INCIDENT_FIELD, LatestEvent, LatestEvents

MOST_EVENTS = 10_000
MOST_BYTES_ONE = 1024 * 1024
MOST_BYTES_LIST = 8 * 1024 * 1024
AHEAD = timedelta(minutes=5)

CREATED, UNCHANGED, VALID = "created", "unchanged", "valid"

# The receiver adds this field to the events that it lists. It is removed from an event that comes back.
RECEIVED_AT = "receivedAt"


@dataclass(frozen=True)
class Candidate:
    """A valid event in full, with id and time.

    *digest* identifies the content as it was sent, without the id. *incident* is true for an event of an
    incident. *unknown* are the names of fields that its kind does not have.
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
    """The events of one request in its order; each is a candidate, or the problem with it."""

    entries: tuple[Entry, ...]
    is_list: bool


@dataclass(frozen=True)
class ExistingEvent:
    """A stored event, as far as a new one with the same id is compared with it."""

    digest: str
    time: datetime
    time_given: bool


@dataclass(frozen=True)
class Outcome:
    """The result for one entry; *created* is the candidate to store."""

    status: str
    id: str = ""
    problem: Problem | None = None
    unknown: tuple[str, ...] = ()
    created: Candidate | None = None

    def to_wire(self) -> dict[str, Any]:
        """Return its JSON in the response."""
        body: dict[str, Any] = {"status": self.status}
        if self.id:
            body["id"] = self.id
        if self.problem is not None:
            problem = self.problem.to_wire()
            body["error"] = problem["detail"]
            if "field" in problem:
                body["field"] = problem["field"]
        if self.unknown:
            body["unknown"] = list(self.unknown)
        return body


def parse(
    body: bytes,
    *,
    key_header: str,
    may_send: Callable[[str], bool],
    now: datetime,
    new_id: Callable[[], str],
    kinds: tuple[Kind, ...] = KINDS,
) -> Submission:
    """Read one event or a list; *key_header* is the Idempotency-Key, or "".

    A wrong event becomes a problem among the entries. Raises UnreadableBody for a body that is not JSON,
    BodyTooLarge for too many events, Refusal if header and body contradict each other.
    """
    value = strict_json.loads(body, duplicates=False)
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
    entries: Sequence[Entry], *, existing: Mapping[str, ExistingEvent], latest: LatestEvents | None
) -> tuple[Outcome, ...]:
    """Decide the entries one after the other, against *existing* ids and the entries before.

    *latest* are the newest stored events if the order is strict, None if any order is accepted.
    """
    by_id = dict(existing)
    outcomes = []
    for entry in entries:
        outcome = _decide_one(entry, by_id, latest)
        outcomes.append(outcome)
        if (new := outcome.created) is not None:
            by_id[new.id] = ExistingEvent(new.digest, new.time, new.time_given)
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
                "forbidden", f"kind: expected a kind that this key may send, got {got(event.kind)}", "kind"
            )
        given = event.time
        if given is not None and given > now + AHEAD:
            raise InvalidEvent(
                f"time: expected at most 5 minutes after {text_of(now)}, got {got(event.get('time'))}", "time"
            )
    except InvalidEvent as error:
        return of_error(error)
    digest = content_digest(event)
    id_ = event.id or (new_id() if given is None else content_id(digest))
    time = given or now
    return Candidate(
        event=_completed(event, kind, id=id_, time=text_of(time)),
        id=id_,
        time=time,
        time_given=given is not None,
        digest=digest,
        incident=kind.field(INCIDENT_FIELD) is not None,
        unknown=tuple(event.extra),
    )


def content_digest(event: Event, *without: str) -> str:
    """Hash an event without its id, which is a name and no content, and *without* these fields."""
    return event.digest("id", *without)


def _completed(event: Event, kind: Kind, **given: str) -> Event:
    values = {**event.values, **given}
    ordered = {field.name: values[field.name] for field in kind.fields if field.name in values}
    return Event(event.kind, MappingProxyType(ordered), event.extra)


def _decide_one(entry: Entry, existing: Mapping[str, ExistingEvent], latest: LatestEvents | None) -> Outcome:
    if isinstance(entry, Problem):
        return Outcome(entry.word, problem=entry)
    if (stored := existing.get(entry.id)) is not None:
        if _same(entry, stored):
            return Outcome(UNCHANGED, entry.id, unknown=entry.unknown)
        detail = f"id: expected the content that was first sent as {entry.id}, got other content"
        return _refused(entry, Problem("conflict", detail, "id"))
    if latest is not None:
        newer = latest.blocking(entry.event.kind, incident=entry.incident, at=entry.time)
        if newer is not None:
            detail = f"time: expected no earlier than {newer}, got {text_of(entry.time)}"
            return _refused(entry, Problem("out-of-order", detail, "time"))
    return Outcome(CREATED, entry.id, unknown=entry.unknown, created=entry)


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
