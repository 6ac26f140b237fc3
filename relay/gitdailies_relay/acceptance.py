"""Accepting a delivery: duplicate, period, events and their place in the queue, in one transaction.

The caller begins and commits; nothing here is done by halves.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import orjson
from gitdailies_core.adapter import UPDATED, Change
from gitdailies_core.events import Event
from gitdailies_core.periods import decide

from gitdailies_relay.ledger import StoredLedger
from gitdailies_relay.reading import UNMAPPED, Reading, Said

STORED, REPEATED, REPLAYED, IGNORED = "stored", "repeated", "replayed", "ignored"

_SEEN = "SELECT events FROM deliveries WHERE source = ? AND message = ? AND outcome = 'stored'"
_DELIVERY = (
    "INSERT INTO deliveries (delivery, received_at, source, message, incident, word, proof, outcome, reason,"
    " events) VALUES (?,?,?,?,?,?,?,?,?,?)"
)
_KEEP = (
    "INSERT INTO kept (delivery, received_at, source, why, reason, content_type, body)"
    " VALUES (?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET why = excluded.why, reason = excluded.reason"
)
_EVENT = (
    "INSERT INTO events (id, destination, source, incident, delivery, stored_at, body) VALUES (?,?,?,?,?,?,?)"
    " ON CONFLICT DO NOTHING"
)
_PENDING = (
    # VALUES, since a SELECT from the table that is written to goes through a temporary one.
    "INSERT INTO pending (seq, destination, partition, head, due_at, attempts) VALUES"
    " (?, ?, ?, NOT EXISTS (SELECT 1 FROM pending WHERE partition = ? AND buried IS NULL), ?, 0)"
)


@dataclass(frozen=True)
class Delivery:
    """A reading with what the relay gave it: an id, a moment (microseconds), a destination.

    A replay is decided anew, even where some of it was stored before.
    """

    id: str
    received_at: int
    destination: str
    reading: Reading
    replay: bool = False


class Accepted(NamedTuple):
    """What became of a delivery: the ids of its events, or the reasons why there are none.

    `why` names the reason for which its body is kept, "" where it is not.
    """

    delivery: str
    events: tuple[str, ...]
    reasons: tuple[str, ...]
    why: str
    outcomes: tuple[str, ...]
    repeated: bool = False


def accept(connection: sqlite3.Connection, delivery: Delivery) -> Accepted:
    """Write *delivery* and what follows from it."""
    reading = delivery.reading
    if reading.why:
        _keep(connection, delivery, reading.why, reading.reason)
        _record(connection, delivery, None, reading.why, reading.reason, ())
        return Accepted(delivery.id, (), (reading.reason,), reading.why, (reading.why,))
    events: list[str] = []
    reasons: list[str] = []
    outcomes: list[str] = []
    why = ""
    for said in reading.said:
        outcome, ids, reason = _message(connection, delivery, said)
        outcomes.append(outcome)
        events += ids
        if reason:
            reasons.append(reason)
        if outcome == UNMAPPED or (said.unmapped and ids and outcome != REPEATED):
            why = UNMAPPED
    if why:
        missing = [reason for said in reading.said for reason in said.unmapped]
        _keep(connection, delivery, why, "; ".join(missing))
    return Accepted(
        delivery.id, tuple(events), tuple(reasons), why, tuple(outcomes), set(outcomes) == {REPEATED}
    )


def _message(
    connection: sqlite3.Connection, delivery: Delivery, said: Said
) -> tuple[str, Sequence[str], str]:
    """Decide and write one message; returns its outcome, event ids and reason."""
    message, source = said.message, delivery.reading.source
    if not isinstance(message, Change):
        _record(connection, delivery, said, IGNORED, message.reason, ())
        return IGNORED, (), message.reason
    seen = connection.execute(_SEEN, (source, said.key)).fetchone()
    if seen is not None and not delivery.replay:
        ids = orjson.loads(seen[0])
        _record(connection, delivery, said, REPEATED, "a redelivery of something stored", ids)
        return REPEATED, ids, ""
    ledger = StoredLedger(connection, delivery.destination, source)
    decision = decide(
        source=source, change=message, targets=said.targets, refusal=said.refusal, ledger=ledger
    )
    ledger.put(decision.records, delivery.received_at)
    for event in decision.events:
        _enqueue(connection, delivery, event)
    ids = [str(event.id) for event in decision.events]
    outcome = STORED if ids else IGNORED
    if not ids and said.unmapped and not said.targets and message.state != UPDATED:
        outcome = UNMAPPED
    if seen is not None and outcome == STORED:
        # A route was added after a part of it was stored; the first row stays what repeats find.
        outcome = REPLAYED
    _record(connection, delivery, said, outcome, decision.reason, ids)
    return outcome, ids, decision.reason


def _enqueue(connection: sqlite3.Connection, delivery: Delivery, event: Event) -> None:
    source, incident = delivery.reading.source, event.get("incidentId")
    body = orjson.dumps(event.to_wire()).decode()
    destination, at = delivery.destination, delivery.received_at
    row = (event.id, destination, source, incident, delivery.id, at, body)
    inserted = connection.execute(_EVENT, row)
    if inserted.rowcount:
        partition = f"{destination}/{source}/{incident}"
        connection.execute(_PENDING, (inserted.lastrowid, destination, partition, partition, at))


def _record(
    connection: sqlite3.Connection,
    delivery: Delivery,
    said: Said | None,
    outcome: str,
    reason: str,
    events: Sequence[str],
) -> None:
    reading = delivery.reading
    row = (
        delivery.id,
        delivery.received_at,
        reading.source,
        said.key if said else delivery.id,
        said.message.incident if said else "",
        said.message.word if said else "",
        reading.proof,
        outcome,
        reason,
        orjson.dumps(events).decode(),
    )
    connection.execute(_DELIVERY, row)


def _keep(connection: sqlite3.Connection, delivery: Delivery, why: str, reason: str) -> None:
    reading = delivery.reading
    row = (
        delivery.id,
        delivery.received_at,
        reading.source,
        why,
        reason,
        reading.content_type,
        reading.body,
    )
    connection.execute(_KEEP, row)
