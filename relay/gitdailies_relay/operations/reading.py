"""What the store knows about deliveries and incidents: the one reading of API, command and pages.

Ids of deliveries are in the order of arrival. The state of an event is decided here, from its columns.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from gitdailies_connection.relay import answers
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import from_us
from msgspec.structs import replace

from gitdailies_relay.operations.outcomes import NOT_WANTED, DeliveryFacts

# How the start of an incident notes the line that mapped it, and the repository of the line.
MAPPED_BY = re.compile(r"mapped by the line (.+?) of services, which said ([^;]+)")
# Messages, and events with their place in the outbox. A condition follows.
_MESSAGES = (
    "SELECT incident, delivery, received_at, source, word, proof, outcome, reason, events, pack"
    " FROM deliveries"
)
_EVENTS = (
    "SELECT e.seq, e.id, e.body, e.delivery, e.stored_at, e.discarded, o.seq IS NOT NULL, o.dead_letter,"
    " o.due_at, o.attempts, o.held_until, o.is_next,"
    " EXISTS (SELECT 1 FROM waiting_deploys w WHERE w.event_seq = e.seq)"
    " FROM events e LEFT JOIN outbox o ON o.seq = e.seq"
)
# Those of the deliveries between two ids, both included. An index answers each.
_MESSAGES_BETWEEN = f"{_MESSAGES} WHERE delivery >= ? AND delivery <= ? ORDER BY delivery, seq"
_EVENTS_BETWEEN = f"{_EVENTS} WHERE e.delivery >= ? AND e.delivery <= ? ORDER BY e.delivery, e.seq"
_STORED_BETWEEN = (
    "SELECT delivery, 'quarantine', code, reason, replayed_at, discarded FROM quarantine"
    " WHERE delivery >= ? AND delivery <= ?"
    " UNION ALL SELECT delivery, 'ignored', code, reason, replayed_at, CAST(NULL AS TEXT) FROM ignored"
    " WHERE delivery >= ? AND delivery <= ?"
)
# Those of an incident, and the messages of a delivery that names none.
_MESSAGES_OF = f"{_MESSAGES} WHERE incident = ? ORDER BY seq"
_EVENTS_OF = f"{_EVENTS} WHERE e.incident = ? ORDER BY e.seq"
_UNREAD = f"{_MESSAGES} WHERE delivery = ? AND incident = '' ORDER BY seq"
_OCCURRENCES_OF = (
    "SELECT source, repo, environment, service, name, state, started_at, ended_at, merged_into"
    " FROM occurrences WHERE incident = ? ORDER BY coalesce(started_at, ended_at), repo, service"
)
_ATTEMPTS_OF = "SELECT at, status, verdict, reason, answer FROM attempts WHERE event_seq = ? ORDER BY seq"
_ACTIONS_ON = "SELECT at, person, action, subject, reason FROM actions WHERE subject = ? ORDER BY seq"
_DELIVERY_OF_EVENT = "SELECT delivery FROM events WHERE id = ?"
# The incidents of a delivery or an event.
_INCIDENTS_OF = (
    "SELECT incident FROM deliveries WHERE delivery = ? UNION"
    " SELECT incident FROM events WHERE id = ? OR delivery = ? ORDER BY 1"
)
_REQUEST_OF = {
    table: f"SELECT content_type, headers, body FROM {table} WHERE delivery = ?"  # noqa: S608  two constants
    for table in ("quarantine", "ignored")
}
# Ids of deliveries between two ids, {order} first, at most a number. The second id is not included.
_IDS = (
    "SELECT DISTINCT delivery FROM deliveries WHERE delivery >= ? AND delivery < ?"
    " ORDER BY delivery{order} LIMIT ?"
)
_BODY_IDS = (
    "SELECT delivery FROM {table} WHERE replayed_at IS NULL AND {condition}"
    " AND delivery >= ? AND delivery < ? ORDER BY delivery{{order}} LIMIT ?"
)
# Ids of deliveries with an event in the outbox.
_OUTBOX_IDS = (
    "SELECT DISTINCT e.delivery FROM outbox o JOIN events e ON e.seq = o.seq WHERE o.dead_letter {which}"
    " AND e.delivery >= ? AND e.delivery < ? ORDER BY e.delivery{{order}} LIMIT ?"
)
_NOT_WANTED = ", ".join(f"'{code}'" for code in NOT_WANTED)
# By outcome: the statement that finds its deliveries. Those of the others are looked for among all.
_FINDERS = {
    "unmapped": _BODY_IDS.format(table="quarantine", condition="code = 'unmapped'"),
    "quarantined": _BODY_IDS.format(table="quarantine", condition="code <> 'unmapped'"),
    "filtered": _BODY_IDS.format(table="ignored", condition=f"code IN ({_NOT_WANTED})"),
    "dead_letter": _OUTBOX_IDS.format(which="IS NOT NULL"),
    "waiting": _OUTBOX_IDS.format(which="IS NULL"),
}
# Beyond it, what waits is found sooner among the newest deliveries than in an outbox that has to be sorted.
_MOST_SORTED = 20_000
_WAITING = "SELECT count(*) FROM (SELECT 1 FROM outbox LIMIT ?) AS waiting"
# How many are read at once: neighbors with one statement, and others each with its own.
_NEIGHBORS, _OTHERS = 200, 50


def walk(
    session: Session, outcome: str | None, first: str, end: str, *, newest_first: bool = True
) -> Iterator[DeliveryFacts]:
    """Yield the facts of deliveries from the id *first* on and before *end* that may have *outcome*.

    They are read in small groups, so that a caller may stop early.
    """
    finder = _FINDERS.get(outcome or "")
    if outcome == "waiting":
        (waiting,) = session.execute(_WAITING, (_MOST_SORTED + 1,)).fetchone()
        finder = finder if waiting <= _MOST_SORTED else None
    statement = (finder or _IDS).format(order=" DESC" if newest_first else "")
    most = _NEIGHBORS if finder is None else _OTHERS
    while True:
        ids = [delivery for (delivery,) in session.execute(statement, (first, end, most)).fetchall()]
        if finder is None and ids:
            found = facts_between(session, min(ids[0], ids[-1]), max(ids[0], ids[-1]))
            # One may be erased between two statements.
            yield from (found[id_] for id_ in ids if id_ in found)
        else:
            yield from filter(None, (facts_of(session, id_) for id_ in ids))
        if len(ids) < most:
            return
        if newest_first:
            end = ids[-1]
        else:
            first = f"{ids[-1]}0"  # no id is between these two texts


def facts_of(session: Session, delivery: str) -> DeliveryFacts | None:
    """Return the facts of one delivery, None if the store has no such delivery."""
    return facts_between(session, delivery, delivery).get(delivery)


def facts_between(session: Session, first: str, last: str) -> dict[str, DeliveryFacts]:
    """Return the facts of the deliveries from *first* to *last*, by their ids, without attempts."""
    messages: dict[str, list[answers.DecidedMessage]] = {}
    incidents: dict[str, dict[str, None]] = {}
    for incident, *columns in session.execute(_MESSAGES_BETWEEN, (first, last)).fetchall():
        message = _message(columns)
        messages.setdefault(message.delivery, []).append(message)
        incidents.setdefault(message.delivery, {}).update({incident: None} if incident else {})
    stored: dict[str, dict[str, answers.StoredRequest]] = {}
    for delivery, table, *columns in session.execute(_STORED_BETWEEN, (first, last) * 2).fetchall():
        stored.setdefault(delivery, {})[table] = _stored(table, *columns)
    events: dict[str, dict[int, answers.ShownEvent]] = {}
    for seq, *columns in session.execute(_EVENTS_BETWEEN, (first, last)).fetchall():
        event = _event(columns)
        events.setdefault(event.delivery, {})[seq] = event
    return {
        delivery: DeliveryFacts(
            delivery,
            tuple(found),
            tuple(incidents[delivery]),
            stored.get(delivery, {}),
            events.get(delivery, {}),
        )
        for delivery, found in messages.items()
    }


def with_attempts(session: Session, seq: int, event: answers.ShownEvent) -> answers.ShownEvent:
    """Return an event, by its number, with its attempts, the oldest first."""
    rows = session.execute(_ATTEMPTS_OF, (seq,)).fetchall()
    return replace(event, attempts=tuple(answers.SendingAttempt(from_us(at), *more) for at, *more in rows))


def with_request(
    session: Session, delivery: str, table: str, stored: answers.StoredRequest
) -> answers.StoredRequest:
    """Return a stored request of *table* with its headers and its body."""
    row = session.execute(_REQUEST_OF[table], (delivery,)).fetchone()
    if row is None:  # erased just now
        return stored
    content_type, headers, body = row
    found = replace(stored, headers=json.loads(headers) if headers else {"content-type": content_type})
    try:
        return replace(found, body=bytes(body).decode())
    except UnicodeDecodeError:
        return replace(found, body_base64=base64.b64encode(body).decode())


def body_holds(session: Session, known: DeliveryFacts, text: str) -> bool:
    """Whether a stored body of a delivery holds *text*, in upper or lower case."""
    rows = [
        row
        for table in known.stored
        for row in session.execute(_REQUEST_OF[table], (known.delivery,)).fetchall()
    ]
    return any(text.casefold() in bytes(body).decode("utf-8", "replace").casefold() for *_, body in rows)


def actions_on(session: Session, subjects: Iterable[str]) -> tuple[answers.NotedAction, ...]:
    """Return what people did about any of *subjects*, the oldest first."""
    rows = [row for subject in subjects for row in session.execute(_ACTIONS_ON, (subject,)).fetchall()]
    return tuple(answers.NotedAction(from_us(at), *more) for at, *more in sorted(rows))


def delivery_of(session: Session, event: str) -> str | None:
    """Return the delivery that an event came with, None if the store has no such event."""
    row = session.execute(_DELIVERY_OF_EVENT, (event,)).fetchone()
    return None if row is None else row[0]


def timelines(session: Session, id_: str) -> list[answers.IncidentTimeline]:
    """Return the timeline of each incident that *id_* means: its own id, or that of a delivery or an event.

    A delivery that could not be read has a timeline, too, with `incident` None.
    """
    own = timeline(session, id_)
    if own.deliveries or own.events:
        return [own]
    incidents = [name for (name,) in session.execute(_INCIDENTS_OF, (id_, id_, id_)).fetchall()]
    found = [timeline(session, name) for name in incidents if name]
    if "" in incidents:
        unread = session.execute(_UNREAD, (id_,)).fetchall()
        found.append(
            answers.IncidentTimeline(None, tuple(_message(columns) for _, *columns in unread), (), ())
        )
    return found


def timeline(session: Session, incident: str) -> answers.IncidentTimeline:
    """Return the timeline of an incident: deliveries, decisions, occurrences, events, attempts."""
    messages = session.execute(_MESSAGES_OF, (incident,)).fetchall() if incident else []
    events = session.execute(_EVENTS_OF, (incident,)).fetchall()
    return answers.IncidentTimeline(
        incident,
        tuple(_message(columns) for _, *columns in messages),
        tuple(_occurrence(row) for row in session.execute(_OCCURRENCES_OF, (incident,)).fetchall()),
        tuple(with_attempts(session, seq, _event(columns)) for seq, *columns in events),
    )


def _message(columns: Sequence[Any]) -> answers.DecidedMessage:
    delivery, received_at, source, word, proof, outcome, reason, events, pack = columns
    at, ids = from_us(received_at), tuple(json.loads(events))
    return answers.DecidedMessage(delivery, at, source, word, proof, outcome, reason, ids, pack)


def _stored(
    table: str, code: str, reason: str, replayed_at: int | None, discarded: str | None
) -> answers.StoredRequest:
    if discarded is not None:
        return answers.StoredRequest("discarded", code, discarded, from_us(replayed_at))
    state = "quarantined" if table == "quarantine" else "ignored"
    return answers.StoredRequest(
        state if replayed_at is None else "replayed", code, reason, from_us(replayed_at)
    )


def _event(columns: Sequence[Any]) -> answers.ShownEvent:
    id_, body, delivery, stored_at, discarded, in_outbox, dead_letter, due_at, attempts, *more = columns
    held_until, is_next, waits_for_push = more
    state, reason, held_for, due = "delivered", None, None, None
    if not in_outbox and discarded is not None:
        state, reason = "discarded", discarded
    elif in_outbox and dead_letter is not None:
        state, reason = "dead_letter", dead_letter
    elif in_outbox and held_until is not None:
        state, held_for, due = "held", "push" if waits_for_push else "hold", held_until
    elif in_outbox:
        # Before the first attempt, it is due at once.
        state, due = ("waiting", due_at or None if attempts else None) if is_next else ("blocked", None)
    return answers.ShownEvent(
        id_, json.loads(body), delivery, from_us(stored_at), state, reason, held_for, from_us(due)
    )


def _occurrence(row: Sequence[Any]) -> answers.OccurrenceState:
    source, repo, environment, service, name, state, started_at, ended_at, merged_into = row
    times = from_us(started_at), from_us(ended_at)
    return answers.OccurrenceState(
        source, repo or None, environment or None, service or None, name, state, *times, merged_into
    )
