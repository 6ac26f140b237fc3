"""What the store has of deliveries, by their ids, which are in the order of arrival. SQL, no decisions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import from_us

from gitdailies_relay.api.outcomes import NOT_WANTED, Facts, Message, SentEvent, StoredBody

# All of the deliveries between two ids, both included. An index answers each.
_MESSAGES = (
    "SELECT delivery, received_at, source, incident, word, proof, outcome, reason, events FROM deliveries"
    " WHERE delivery >= ? AND delivery <= ? ORDER BY delivery, seq"
)
_BODIES = (
    "SELECT delivery, 1, code, reason, replayed_at, discarded FROM quarantine"
    " WHERE delivery >= ? AND delivery <= ?"
    " UNION ALL SELECT delivery, 0, code, reason, replayed_at, CAST(NULL AS TEXT) FROM ignored"
    " WHERE delivery >= ? AND delivery <= ?"
)
_EVENTS = (
    "SELECT e.delivery, e.seq, e.id, e.body, e.discarded, o.seq, o.dead_letter, o.due_at, o.held_until,"
    " o.attempts FROM events e LEFT JOIN outbox o ON o.seq = e.seq"
    " WHERE e.delivery >= ? AND e.delivery <= ? ORDER BY e.delivery, e.seq"
)
# Ids of deliveries between two ids, {order} first, at most a number. The second id is not included.
_IDS = (
    "SELECT DISTINCT delivery FROM deliveries WHERE delivery >= ? AND delivery < ?"
    " ORDER BY delivery{order} LIMIT ?"
)
_UNMAPPED_IDS = (
    "SELECT delivery FROM quarantine WHERE replayed_at IS NULL AND code = 'unmapped'"
    " AND delivery >= ? AND delivery < ? ORDER BY delivery{order} LIMIT ?"
)
_QUARANTINED_IDS = (
    "SELECT delivery FROM quarantine WHERE replayed_at IS NULL AND code <> 'unmapped'"
    " AND delivery >= ? AND delivery < ? ORDER BY delivery{order} LIMIT ?"
)
_FILTERED_IDS = (
    "SELECT delivery FROM ignored WHERE replayed_at IS NULL AND code IN ({codes})"
    " AND delivery >= ? AND delivery < ? ORDER BY delivery{order} LIMIT ?"
)
# Ids of deliveries with an event in the outbox.
_OUTBOX_IDS = (
    "SELECT DISTINCT e.delivery FROM outbox o JOIN events e ON e.seq = o.seq WHERE o.dead_letter {which}"
    " AND e.delivery >= ? AND e.delivery < ? ORDER BY e.delivery{order} LIMIT ?"
)
# By outcome: the statement that finds its deliveries. Those of the others are looked for among all.
_FINDERS = {
    "unmapped": _UNMAPPED_IDS,
    "quarantined": _QUARANTINED_IDS,
    "filtered": _FILTERED_IDS.replace("{codes}", ", ".join(f"'{code}'" for code in NOT_WANTED)),
    "dead_letter": _OUTBOX_IDS.replace("{which}", "IS NOT NULL"),
    "waiting": _OUTBOX_IDS.replace("{which}", "IS NULL"),
}
# Beyond it, what waits is found sooner among the newest deliveries than in an outbox that has to be sorted.
_MOST_SORTED = 20_000
_WAITING = "SELECT count(*) FROM (SELECT 1 FROM outbox LIMIT ?) AS waiting"
_BODY_OF = (
    "SELECT body FROM quarantine WHERE delivery = ? UNION ALL SELECT body FROM ignored WHERE delivery = ?"
)
_LAST_ATTEMPT = "SELECT status FROM attempts WHERE event_seq = ? ORDER BY seq DESC LIMIT 1"
_ATTEMPTS = "SELECT count(*) FROM attempts WHERE event_seq = ?"
# How many are read at once: neighbors with one statement, and others each with its own.
_NEIGHBORS, _OTHERS = 200, 50


def walk(
    session: Session, outcome: str | None, first: str, end: str, *, newest_first: bool = True
) -> Iterator[Facts]:
    """Yield what is known of deliveries from the id *first* on and before *end* that may have *outcome*.

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
        else:
            found = {id_: facts for id_ in ids for facts in facts_between(session, id_, id_).values()}
        yield from (found[id_] for id_ in ids if id_ in found)
        if len(ids) < most:
            return
        if newest_first:
            end = ids[-1]
        else:
            first = f"{ids[-1]}0"  # the next text in order, as far as ids go


def facts_between(session: Session, first: str, last: str) -> dict[str, Facts]:
    """Return what is known of the deliveries from *first* to *last*, by their ids."""
    messages: dict[str, list[Message]] = {}
    for delivery, received_at, *texts, events in session.execute(_MESSAGES, (first, last)).fetchall():
        source, incident, word, proof, outcome, reason = texts
        message = Message(
            received_at=from_us(received_at),
            source=source,
            incident=incident,
            word=word,
            proof=proof,
            outcome=outcome,
            reason=reason,
            events=tuple(json.loads(events)),
        )
        messages.setdefault(delivery, []).append(message)
    bodies: dict[str, list[StoredBody]] = {}
    for row in session.execute(_BODIES, (first, last, first, last)).fetchall():
        delivery, quarantined, code, reason, replayed_at, discarded = row
        body = StoredBody(bool(quarantined), code, reason, replayed_at is None, discarded)
        bodies.setdefault(delivery, []).append(body)
    events_of: dict[str, list[SentEvent]] = {}
    for delivery, *columns in session.execute(_EVENTS, (first, last)).fetchall():
        events_of.setdefault(delivery, []).append(_event(columns))
    return {
        delivery: Facts(
            delivery, tuple(found), tuple(bodies.get(delivery, ())), tuple(events_of.get(delivery, ()))
        )
        for delivery, found in messages.items()
    }


def body_holds(session: Session, delivery: str, text: str) -> bool:
    """Whether a stored body of a delivery holds *text*, in upper or lower case."""
    wanted = text.casefold()
    rows = session.execute(_BODY_OF, (delivery, delivery)).fetchall()
    return any(wanted in bytes(body).decode("utf-8", "replace").casefold() for (body,) in rows)


def attempts_at(session: Session, seqs: tuple[int, ...]) -> tuple[int, int | None]:
    """Return how many attempts events had, and the status of the last answer (None without one)."""
    count, status = 0, None
    for seq in seqs:
        count += session.execute(_ATTEMPTS, (seq,)).fetchone()[0]
        last = session.execute(_LAST_ATTEMPT, (seq,)).fetchone()
        status = last[0] if last is not None else status
    return count, status


def _event(columns: list[Any]) -> SentEvent:
    seq, id_, body, discarded, in_outbox, dead_letter, due_at, held_until, attempts = columns
    state, reason, due = "delivered", "", None
    if in_outbox is None:
        if discarded is not None:
            state, reason = "discarded", discarded
    elif dead_letter is not None:
        state, reason = "dead_letter", dead_letter
    elif held_until is not None:
        state, due = "held", held_until
    else:
        # Before the first attempt, it is due at once.
        state, due = "waiting", due_at if attempts and due_at else None
    return SentEvent(seq, id_, json.loads(body), state, reason, from_us(due))
