"""Mend SQLite rows that cannot be read any more, so that they do not block other events.

SQLite keeps no checksums. A byte that went bad shows where a text is no longer UTF-8, and then in
every query that reads it. So damaged rows are looked for only after a query failed.
"""

from __future__ import annotations

from collections.abc import Sequence

from gitdailies_server.storage.database import Session

from gitdailies_relay.store import outbox

# The events that may be sent next.
_NEXT_EVENTS = "SELECT seq FROM outbox WHERE is_next = 1 AND dead_letter IS NULL"
# What sending an event reads.
_EVENT = (
    "SELECT e.id, e.stored_at, o.destination, o.partition, o.attempts, o.first_attempt_at,"
    " o.refusals, o.refused_at"
    " FROM outbox o JOIN events e ON e.seq = o.seq WHERE o.seq = ?"
)
# The texts of that, as bytes.
_TEXTS = (
    "SELECT CAST(e.id AS BLOB), CAST(o.destination AS BLOB), CAST(o.partition AS BLOB)"
    " FROM outbox o JOIN events e ON e.seq = o.seq WHERE o.seq = ?"
)
_MEND_EVENT = "UPDATE events SET id = ? WHERE seq = ?"
_MEND_OUTBOX = (
    "UPDATE outbox SET destination = ?, partition = ?, attempts = 0, first_attempt_at = NULL, refusals = 0,"
    " refused_at = NULL WHERE seq = ?"
)
REASON = "the stored row cannot be read: a byte of it is damaged"


def dead_letter_damaged(session: Session, errors: tuple[type[Exception], ...], now: int) -> Sequence[int]:
    """Make dead letters of the next events that cannot be read; return their numbers.

    *errors* are those of the database. Bytes that are no UTF-8 are replaced, so that lists and
    reports can read the rows again.
    """
    next_events = session.execute(_NEXT_EVENTS).fetchall()
    damaged = [seq for (seq,) in next_events if not _is_readable(session, errors, seq)]
    for seq in damaged:
        id_, destination, partition = (
            bytes(value).decode("utf-8", "replace") for value in _texts(session, seq)
        )
        session.execute(_MEND_EVENT, (id_, seq))
        session.execute(_MEND_OUTBOX, (destination, partition, seq))
    outbox.record(session, [outbox.Attempt(seq, now, None, outbox.DEAD_LETTER, REASON) for seq in damaged])
    return damaged


def _is_readable(session: Session, errors: tuple[type[Exception], ...], seq: int) -> bool:
    try:
        session.execute(_EVENT, (seq,)).fetchone()
    except errors:
        return False
    return True


def _texts(session: Session, seq: int) -> Sequence[bytes]:
    texts: Sequence[bytes] = session.execute(_TEXTS, (seq,)).fetchone()
    return texts
