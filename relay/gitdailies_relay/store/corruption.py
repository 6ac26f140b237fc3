"""Rows of an SQLite file that cannot be read any more: set aside, so that they hold up nothing else.

SQLite keeps no checksums: a byte that went bad shows where a text is no text, and then in every
query that comes across it. So they are looked for only after a query failed.
"""

from __future__ import annotations

from collections.abc import Sequence

from gitdailies_server.storage.database import Session

from gitdailies_relay.store import outbox

_HEADS = "SELECT seq FROM pending WHERE head = 1 AND buried IS NULL"
_ROW = (
    "SELECT e.id, e.stored_at, p.destination, p.attempts, p.first_attempt_at"
    " FROM pending p JOIN events e ON e.seq = p.seq WHERE p.seq = ?"
)
_TEXTS = (
    "SELECT CAST(e.id AS BLOB), CAST(p.destination AS BLOB)"
    " FROM pending p JOIN events e ON e.seq = p.seq WHERE p.seq = ?"
)
_EVENT = "UPDATE events SET id = ? WHERE seq = ?"
_PENDING = "UPDATE pending SET destination = ?, attempts = 0, first_attempt_at = NULL WHERE seq = ?"
REASON = "the stored row cannot be read: a byte of it is damaged"


def set_aside(session: Session, errors: tuple[type[Exception], ...], now: int) -> Sequence[int]:
    """Bury heads that fail to be read, which *errors* says; returns their numbers.

    What is not text in them is replaced, so that lists and reports can be read again.
    """
    damaged = [seq for (seq,) in session.execute(_HEADS).fetchall() if not _readable(session, errors, seq)]
    for seq in damaged:
        id_, destination = (bytes(value).decode("utf-8", "replace") for value in _texts(session, seq))
        session.execute(_EVENT, (id_, seq))
        session.execute(_PENDING, (destination, seq))
    outbox.record(session, [outbox.Attempt(seq, now, None, outbox.BURIED, REASON) for seq in damaged])
    return damaged


def _readable(session: Session, errors: tuple[type[Exception], ...], seq: int) -> bool:
    try:
        session.execute(_ROW, (seq,)).fetchone()
    except errors:
        return False
    return True


def _texts(session: Session, seq: int) -> Sequence[bytes]:
    found: Sequence[bytes] = session.execute(_TEXTS, (seq,)).fetchone()
    return found
