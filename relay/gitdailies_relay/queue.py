"""Events on their way: which may be sent now, and what follows from an attempt. SQL, no decisions.

The head of an incident is its first undelivered event, and the only one that may be sent; when
it is delivered or buried, the next one becomes the head.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

# As a blob, since text with a damaged byte would fail the query, and with it every event.
_DUE = (
    "SELECT p.seq, e.id, e.stored_at, CAST(e.body AS BLOB), p.destination, p.attempts,"
    " p.first_attempt_at"
    " FROM pending p JOIN events e ON e.seq = p.seq"
    " WHERE p.head = 1 AND p.buried IS NULL AND p.due_at <= ? ORDER BY p.due_at, p.seq LIMIT ?"
)
_ATTEMPT = "INSERT INTO attempts (event_seq, at, status, verdict, reason) VALUES (?,?,?,?,?)"
_PARTITION = "SELECT partition FROM pending WHERE seq = ?"
_DONE = "DELETE FROM pending WHERE seq = ?"
_BURY = (
    "UPDATE pending SET buried = ?, head = 0, attempts = attempts + 1,"
    " first_attempt_at = coalesce(first_attempt_at, ?) WHERE seq = ?"
)
_AGAIN = (
    "UPDATE pending SET due_at = ?, attempts = attempts + 1,"
    " first_attempt_at = coalesce(first_attempt_at, ?) WHERE seq = ?"
)
_PROMOTE = (
    "UPDATE pending SET head = 1 WHERE seq ="
    " (SELECT min(seq) FROM pending WHERE partition = ? AND buried IS NULL)"
)
_DEMOTE = "UPDATE pending SET head = 0 WHERE partition = ? AND buried IS NULL AND head = 1"
_HURRY = "UPDATE pending SET due_at = ? WHERE head = 1 AND buried IS NULL AND due_at > ?"
_DIG_UP = "UPDATE pending SET buried = NULL, attempts = 0, first_attempt_at = NULL, due_at = ? WHERE seq = ?"

DONE, AGAIN, PAUSED, BURIED = "done", "again", "paused", "buried"


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


def due(connection: sqlite3.Connection, now: int, most: int) -> list[Due]:
    """Return at most *most* heads that are due, the longest waiting first."""
    return [Due(*row) for row in connection.execute(_DUE, (now, most))]


def record(connection: sqlite3.Connection, attempt: Attempt) -> None:
    """Write an attempt and move its event: away, to later, aside, or nowhere while paused."""
    seq, at = attempt.seq, attempt.at
    connection.execute(_ATTEMPT, (seq, at, attempt.status, attempt.verdict, attempt.reason))
    if attempt.verdict == AGAIN:
        connection.execute(_AGAIN, (attempt.due_at, at, seq))
    elif attempt.verdict in (DONE, BURIED):
        partition = connection.execute(_PARTITION, (seq,)).fetchone()
        if partition is not None:
            if attempt.verdict == DONE:
                connection.execute(_DONE, (seq,))
            else:
                connection.execute(_BURY, (attempt.reason, at, seq))
            connection.execute(_PROMOTE, partition)


def hurry(connection: sqlite3.Connection, now: int) -> None:
    """Make every head due now: the receiver is back."""
    connection.execute(_HURRY, (now, now))


def dig_up(connection: sqlite3.Connection, seq: int, now: int) -> None:
    """Put a buried event back in its place in the order of its incident."""
    partition = connection.execute(_PARTITION, (seq,)).fetchone()
    if partition is not None:
        connection.execute(_DIG_UP, (now, seq))
        connection.execute(_DEMOTE, partition)
        connection.execute(_PROMOTE, partition)
