"""What is deleted, and when. It is found without the writer, and deleted in small transactions.

Open, held and merged occurrences, undelivered events and dead letters are never deleted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from gitdailies_connection.config.settings import RelaySettings
from gitdailies_server.storage.database import Session, Size

_DAY_US = 86_400_000_000
_BATCH = 500
# Quarantined bodies beyond this are deleted: first those that were replayed, then the oldest.
QUARANTINE_BYTES = 256 * 1024 * 1024
# Free space that stays in the file, so that new rows need not enlarge it again.
SPARE_BYTES = 4 * 1024 * 1024
SPARE_PART = 0.1
# How much is given back at once. A transaction that moves this much takes milliseconds.
STEP_BYTES = 1024 * 1024


class _Rule(NamedTuple):
    """Rows that expire: the setting in days, how to find them, and how to delete one if it still may be."""

    setting: str
    find: str
    delete: str


_DELETE_QUARANTINED = "DELETE FROM quarantine WHERE seq = ?"
_RULES = (
    # Attempts to deliver events that are not in the outbox any more.
    _Rule(
        "delivered_days",
        "SELECT a.seq FROM attempts a WHERE a.at < ?"
        " AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.seq = a.event_seq) LIMIT ?",
        "DELETE FROM attempts WHERE seq = ?",
    ),
    # Events that are not in the outbox any more.
    _Rule(
        "delivered_days",
        "SELECT e.seq FROM events e WHERE e.stored_at < ?"
        " AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.seq = e.seq) LIMIT ?",
        "DELETE FROM events WHERE seq = ?",
    ),
    # Quarantined bodies.
    _Rule("quarantine_days", "SELECT seq FROM quarantine WHERE received_at < ? LIMIT ?", _DELETE_QUARANTINED),
    # What was decided about deliveries. Their numbers follow the order of receipt.
    _Rule(
        "closed_occurrence_days",
        "SELECT seq FROM deliveries WHERE received_at < ?"
        " AND seq IN (SELECT seq FROM deliveries ORDER BY seq LIMIT ?)",
        "DELETE FROM deliveries WHERE seq = ?",
    ),
    # Occurrences that are over.
    _Rule(
        "closed_occurrence_days",
        "SELECT destination, source, incident, repo, environment, service, name FROM occurrences"
        " WHERE state IN ('closed', 'released', 'repeated') AND changed_at < ? LIMIT ?",
        "DELETE FROM occurrences WHERE (destination, source, incident, repo, environment, service, name)"
        " = (?,?,?,?,?,?,?) AND state IN ('closed', 'released', 'repeated')",
    ),
)
# Quarantined bodies beyond a number of bytes, counted from the newest that was not replayed.
_EXCESS = (
    "SELECT seq FROM (SELECT seq, sum(length(body)) OVER"
    " (ORDER BY replayed_at IS NULL DESC, seq DESC) AS total FROM quarantine) AS sized"
    " WHERE total > ? LIMIT ?"
)

# By the statement that deletes one: the parameters for each row.
Expired: TypeAlias = Mapping[str, Sequence[tuple[Any, ...]]]


def find_expired(session: Session, settings: RelaySettings, now: int) -> Expired:
    """Find a batch of each kind of rows that have expired by *now* (µs)."""
    expired: dict[str, Sequence[tuple[Any, ...]]] = {}
    for setting, find, delete in _RULES:
        before = now - int(getattr(settings, setting) * _DAY_US)
        expired[delete] = session.execute(find, (before, _BATCH)).fetchall()
    excess = session.execute(_EXCESS, (QUARANTINE_BYTES, _BATCH)).fetchall()
    expired[_DELETE_QUARANTINED] = list(dict.fromkeys([*expired[_DELETE_QUARANTINED], *excess]))
    return {delete: rows for delete, rows in expired.items() if rows}


def delete_expired(session: Session, expired: Expired) -> None:
    """Delete what `find_expired` found."""
    for delete, rows in expired.items():
        session.executemany(delete, rows)


def bytes_to_give_back(size: Size) -> int:
    """Return how many bytes of the store to give back next. Some space stays free for new rows."""
    spare = max(SPARE_BYTES, int(size.bytes * SPARE_PART))
    return min(max(size.free_bytes - spare, 0), STEP_BYTES)
