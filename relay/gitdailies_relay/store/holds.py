"""Starts that are held in the outbox: which are, and what becomes of them. SQL, no decisions.

A held start has a time in `held_until`. Until a transaction of the relay clears that, nothing sends it. So a
start is either still held and may be discarded, or it may be on its way already. Other events of its incident
pass it: an end either lets its own start go or discards it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gitdailies_server.storage.database import Session

from gitdailies_relay.store import outbox

# The held starts of an incident. `{lock}` keeps them from being sent, or discarded, by another server.
_HELD = (
    "SELECT e.id, o.seq FROM events e JOIN outbox o ON o.seq = e.seq"
    " WHERE e.incident = ? AND e.destination = ? AND o.held_until IS NOT NULL{lock}"
)
_FOR_UPDATE = " FOR UPDATE OF o"
_HOLD = "UPDATE outbox SET held_until = {until}, due_at = {until}, is_next = 0 WHERE attempts = 0 AND seq = ?"
_SEQ = "SELECT seq FROM events WHERE incident = ? AND id = ? AND destination = ?"
_END = "UPDATE outbox SET held_until = NULL, due_at = ? WHERE seq = ?"
# The starts for which the time is over. A deploy that waits for its push goes in another way.
_DUE = (
    "SELECT seq FROM outbox WHERE held_until IS NOT NULL AND held_until <= ?"
    " AND seq NOT IN (SELECT event_seq FROM waiting_deploys)"
)


def starts(session: Session, incident: str, destination: str, *, is_local: bool) -> Mapping[str, int]:
    """Return the number of each held start of an incident, by its id."""
    statement = _HELD.format(lock="" if is_local else _FOR_UPDATE)
    return dict(session.execute(statement, (incident, destination)).fetchall())


def write(
    session: Session,
    *,
    held: Sequence[tuple[str, str, str, int, int]],
    discarded: Sequence[tuple[str, str, str, str]],
    released: Sequence[tuple[str, str, str, int]],
    is_local: bool,
) -> None:
    """Hold, discard and release starts, each given by incident, id and destination, in this order.

    A held one has the time from which it is held and how long (µs), a discarded one the reason, a
    released one the time now. Servers that share a database hold by the database's clock.
    """
    for *event, since, length in held:
        if is_local:
            until, times = "?", (since + length, since + length)
        else:
            until, times = f"{outbox.CLOCK} + ?", (length, length)
        found = session.execute(_SEQ, event).fetchone()
        if found is not None:
            session.execute(_HOLD.format(until=until), (*times, *found))
            outbox.choose_next(session, *found)
    for *event, reason in discarded:
        for seq in _held_seq(session, *event, is_local=is_local):
            outbox.discard(session, seq, reason)
    for *event, now in released:
        for seq in _held_seq(session, *event, is_local=is_local):
            _end(session, seq, now)


def end_due(session: Session, now: int) -> None:
    """End every hold that is over at *now* (µs). Such a start is sent like any other event."""
    for (seq,) in session.execute(_DUE, (now,)).fetchall():
        _end(session, seq, now)


def _end(session: Session, seq: int, now: int) -> None:
    session.execute(_END, (now, seq))
    outbox.choose_next(session, seq)


def _held_seq(session: Session, *event: Any, is_local: bool) -> list[int]:
    incident, id_, destination = event
    found = starts(session, incident, destination, is_local=is_local)
    return [found[id_]] if id_ in found else []
