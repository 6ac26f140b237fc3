"""The outbox: which events may be sent now, and what follows from an attempt. SQL, no decisions.

The events of a partition (one incident) are sent in order. Only the next one, the first that is
not delivered, may be sent. When it is delivered or becomes a dead letter, its successor is next.
Servers that share a database lease an event before they send it. If a server ends, its leases run
out, and another server sends the events.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gitdailies_server.storage.database import Session

# The events that may be sent, longest waiting first.
# Bodies are read as bytes, because text with a damaged byte would fail the query and block every event.
# The inner query follows the index of due events. Otherwise PostgreSQL would read and sort all that wait.
_READY = (
    "SELECT o.seq, e.id, e.stored_at, {body}, o.destination, o.attempts, o.first_attempt_at FROM ("
    "SELECT * FROM outbox WHERE is_next = 1 AND dead_letter IS NULL AND due_at <= ?"
    " AND (leased_until IS NULL OR leased_until < ?)"
    " AND EXISTS (SELECT 1 FROM events WHERE events.seq = outbox.seq) ORDER BY due_at LIMIT ?) AS o"
    " JOIN events e ON e.seq = o.seq ORDER BY o.due_at, o.seq"
)
# Lease events. Those that another server is leasing at this moment are skipped, so that no one waits.
_LEASE = (
    "UPDATE outbox SET leased_until = ? WHERE seq IN (SELECT seq FROM outbox WHERE seq = ANY(?)"
    " AND is_next = 1 AND dead_letter IS NULL AND (leased_until IS NULL OR leased_until < ?)"
    " FOR UPDATE SKIP LOCKED) RETURNING seq"
)
# End a lease.
_RELEASE = "UPDATE outbox SET leased_until = NULL WHERE seq = ?"
# Note an attempt.
_ADD_ATTEMPT = "INSERT INTO attempts (event_seq, at, status, verdict, reason) VALUES (?,?,?,?,?)"
# Remove a delivered event.
_REMOVE = "DELETE FROM outbox WHERE seq = ?"
# Make an event a dead letter, with the reason.
_DEAD_LETTER = (
    "UPDATE outbox SET dead_letter = ?, is_next = 0, attempts = attempts + 1, leased_until = NULL,"
    " first_attempt_at = coalesce(first_attempt_at, ?) WHERE seq = ?"
)
# Send an event again later.
_RETRY = (
    "UPDATE outbox SET due_at = ?, attempts = attempts + 1, leased_until = NULL,"
    " first_attempt_at = coalesce(first_attempt_at, ?) WHERE seq = ?"
)
_PARTITION_OF = "(SELECT destination || '/' || source || '/' || incident FROM events WHERE seq = ?)"
# Make the first event of the partition the next one.
_PROMOTE = (
    "UPDATE outbox SET is_next = 1 WHERE seq ="
    f" (SELECT min(seq) FROM outbox WHERE partition = {_PARTITION_OF} AND dead_letter IS NULL)"
)
# Make no event of the partition the next one.
# `is_next + 0` keeps SQLite from looking it up among the next events of all partitions.
_DEMOTE = (
    f"UPDATE outbox SET is_next = 0 WHERE partition = {_PARTITION_OF}"
    " AND dead_letter IS NULL AND is_next + 0 = 1"
)
# Make everything that waits for its time due now.
_MAKE_DUE = "UPDATE outbox SET due_at = ? WHERE is_next = 1 AND dead_letter IS NULL AND due_at > ?"
# Make a dead letter an ordinary event again, as if it had never been tried.
_REQUEUE = (
    "UPDATE outbox SET dead_letter = NULL, attempts = 0, first_attempt_at = NULL, due_at = ?"
    " WHERE seq = ? AND dead_letter IS NOT NULL"
)

# What an attempt came to, as the store and JSON have it.
VERDICTS = DELIVERED, RETRY, PAUSED, DEAD_LETTER = "delivered", "retry", "paused", "dead_letter"


@dataclass(frozen=True)
class ReadyEvent:
    """An event that may be sent now. Times are microseconds since 1970."""

    seq: int
    id: str
    stored_at: int
    body: bytes
    destination: str
    attempts: int
    first_attempt_at: int | None


@dataclass(frozen=True)
class Attempt:
    """What one attempt at `at` (µs) came to; `verdict` is one of VERDICTS, `due_at` belongs to a retry."""

    seq: int
    at: int
    status: int | None
    verdict: str
    reason: str = ""
    due_at: int = 0


def ready(session: Session, as_bytes: str, until: int, now: int, most: int) -> list[ReadyEvent]:
    """Return at most *most* events that are due by *until* and not leased, longest waiting first.

    *as_bytes* is how the database reads a text as bytes.
    """
    statement = _READY.format(body=as_bytes.format("e.body"))
    return [ReadyEvent(*row) for row in session.execute(statement, (until, now, most))]


def lease(session: Session, seqs: Sequence[int], now: int, until: int) -> frozenset[int]:
    """Lease events until *until*; return those that no other server has leased (PostgreSQL only)."""
    return frozenset(seq for (seq,) in session.execute(_LEASE, (until, list(seqs), now)))


def release(session: Session, seqs: Sequence[int]) -> None:
    """End the leases of events."""
    session.executemany(_RELEASE, [(seq,) for seq in seqs])


def record(session: Session, attempts: Sequence[Attempt]) -> None:
    """Write attempts, and what follows for their events: removal, a retry, a dead letter, or nothing."""
    session.executemany(_ADD_ATTEMPT, [(a.seq, a.at, a.status, a.verdict, a.reason) for a in attempts])
    by_verdict: dict[str, list[Attempt]] = {verdict: [] for verdict in VERDICTS}
    for attempt in attempts:
        by_verdict[attempt.verdict].append(attempt)
    steps = (
        (_REMOVE, [(a.seq,) for a in by_verdict[DELIVERED]]),
        (_DEAD_LETTER, [(a.reason, a.at, a.seq) for a in by_verdict[DEAD_LETTER]]),
        (_RETRY, [(a.due_at, a.at, a.seq) for a in by_verdict[RETRY]]),
        (_RELEASE, [(a.seq,) for a in by_verdict[PAUSED]]),
        (_PROMOTE, [(a.seq,) for verdict in (DELIVERED, DEAD_LETTER) for a in by_verdict[verdict]]),
    )
    for statement, rows in steps:
        if rows:
            session.executemany(statement, rows)


def make_due(session: Session, now: int) -> None:
    """Make every event that waits for its time due now."""
    session.execute(_MAKE_DUE, (now, now))


def requeue(session: Session, seq: int, now: int) -> None:
    """Put a dead letter back into its place in the order of its partition."""
    if session.execute(_REQUEUE, (now, seq)).rowcount:
        session.execute(_DEMOTE, (seq,))
        session.execute(_PROMOTE, (seq,))
