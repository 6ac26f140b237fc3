"""Events on their way: which may be sent now, and what follows from an attempt. SQL, no decisions.

The head of an incident is its first undelivered event, and the only one that may be sent; when
it is delivered or buried, the next one becomes the head. Where servers share a database, whoever
sends a head claims it for a while; should its server end, another one may after that while.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gitdailies_server.storage.database import Session

# As bytes, since text with a damaged byte would fail the query, and with it every event. Heads are
# found first, in the order of their index: else PostgreSQL would go through all that waits, to sort it.
_DUE = (
    "SELECT p.seq, e.id, e.stored_at, {body}, p.destination, p.attempts, p.first_attempt_at FROM ("
    "SELECT * FROM pending WHERE head = 1 AND buried IS NULL AND due_at <= ?"
    " AND (claimed_until IS NULL OR claimed_until < ?)"
    " AND EXISTS (SELECT 1 FROM events WHERE events.seq = pending.seq) ORDER BY due_at LIMIT ?) AS p"
    " JOIN events e ON e.seq = p.seq ORDER BY p.due_at, p.seq"
)
# What another server is about to claim is passed over, so that nobody waits.
_CLAIM = (
    "UPDATE pending SET claimed_until = ? WHERE seq IN (SELECT seq FROM pending WHERE seq = ANY(?)"
    " AND head = 1 AND buried IS NULL AND (claimed_until IS NULL OR claimed_until < ?)"
    " FOR UPDATE SKIP LOCKED) RETURNING seq"
)
_RELEASE = "UPDATE pending SET claimed_until = NULL WHERE seq = ?"
_ATTEMPT = "INSERT INTO attempts (event_seq, at, status, verdict, reason) VALUES (?,?,?,?,?)"
_DONE = "DELETE FROM pending WHERE seq = ?"
_BURY = (
    "UPDATE pending SET buried = ?, head = 0, attempts = attempts + 1, claimed_until = NULL,"
    " first_attempt_at = coalesce(first_attempt_at, ?) WHERE seq = ?"
)
_AGAIN = (
    "UPDATE pending SET due_at = ?, attempts = attempts + 1, claimed_until = NULL,"
    " first_attempt_at = coalesce(first_attempt_at, ?) WHERE seq = ?"
)
_FIRST = "(SELECT min(seq) FROM pending WHERE partition = {partition} AND buried IS NULL)"
_PARTITION_OF = "(SELECT destination || '/' || source || '/' || incident FROM events WHERE seq = ?)"
_PROMOTE = "UPDATE pending SET head = 1 WHERE seq = " + _FIRST.format(partition=_PARTITION_OF)
# `head + 0`: not to be looked up among all heads.
_DEMOTE = f"UPDATE pending SET head = 0 WHERE partition = {_PARTITION_OF} AND buried IS NULL AND head + 0 = 1"
_HURRY = "UPDATE pending SET due_at = ? WHERE head = 1 AND buried IS NULL AND due_at > ?"
_DIG_UP = (
    "UPDATE pending SET buried = NULL, attempts = 0, first_attempt_at = NULL, due_at = ?"
    " WHERE seq = ? AND buried IS NOT NULL"
)

VERDICTS = DONE, AGAIN, PAUSED, BURIED = "done", "again", "paused", "buried"


@dataclass(frozen=True)
class Due:
    """An event that may be sent now."""

    seq: int
    id: str
    stored_at: int
    body: bytes
    destination: str
    attempts: int
    first_attempt_at: int | None


@dataclass(frozen=True)
class Attempt:
    """What one attempt came to: `verdict` is done, again (at `due_at`), paused or buried."""

    seq: int
    at: int
    status: int | None
    verdict: str
    reason: str = ""
    due_at: int = 0


def due(session: Session, as_bytes: str, until: int, now: int, most: int) -> list[Due]:
    """Return at most *most* heads that are due by *until* and claimed by nobody, longest waiting first.

    *as_bytes* is how the database reads a text as bytes.
    """
    statement = _DUE.format(body=as_bytes.format("e.body"))
    return [Due(*row) for row in session.execute(statement, (until, now, most))]


def claim(session: Session, seqs: Sequence[int], now: int, until: int) -> frozenset[int]:
    """Claim heads until *until*; returns those that no other server has claimed (PostgreSQL only)."""
    return frozenset(seq for (seq,) in session.execute(_CLAIM, (until, list(seqs), now)))


def release(session: Session, seqs: Sequence[int]) -> None:
    """Give claims back."""
    session.executemany(_RELEASE, [(seq,) for seq in seqs])


def record(session: Session, attempts: Sequence[Attempt]) -> None:
    """Write attempts and move their events: away, to later, aside, or nowhere while paused."""
    session.executemany(_ATTEMPT, [(a.seq, a.at, a.status, a.verdict, a.reason) for a in attempts])
    by_verdict: dict[str, list[Attempt]] = {DONE: [], AGAIN: [], PAUSED: [], BURIED: []}
    for attempt in attempts:
        by_verdict[attempt.verdict].append(attempt)
    moves = (
        (_DONE, [(a.seq,) for a in by_verdict[DONE]]),
        (_BURY, [(a.reason, a.at, a.seq) for a in by_verdict[BURIED]]),
        (_AGAIN, [(a.due_at, a.at, a.seq) for a in by_verdict[AGAIN]]),
        (_RELEASE, [(a.seq,) for a in by_verdict[PAUSED]]),
        (_PROMOTE, [(a.seq,) for verdict in (DONE, BURIED) for a in by_verdict[verdict]]),
    )
    for statement, rows in moves:
        if rows:
            session.executemany(statement, rows)


def hurry(session: Session, now: int) -> None:
    """Make every head due now: the receiver is back."""
    session.execute(_HURRY, (now, now))


def dig_up(session: Session, seq: int, now: int) -> None:
    """Put a buried event back in its place in the order of its incident."""
    if session.execute(_DIG_UP, (now, seq)).rowcount:
        session.execute(_DEMOTE, (seq,))
        session.execute(_PROMOTE, (seq,))
