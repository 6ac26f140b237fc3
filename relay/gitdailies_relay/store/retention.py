"""What is thrown away, and when. It is sought beside the writer and deleted in small transactions.

Open periods, held and waiting ones, routes, and what is not delivered yet are never pruned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from gitdailies_connection.config.settings import RelaySettings
from gitdailies_server.storage.database import Session, Size

_DAY_US = 86_400_000_000
_BATCH = 500
# Bodies that are kept for a replay; beyond it those go first that were replayed, then the oldest.
KEPT_BYTES = 256 * 1024 * 1024
# Free space that stays, so that what comes next need not ask for it again.
SPARE_BYTES = 4 * 1024 * 1024
SPARE_PART = 0.1
# At once: a transaction that moves so much takes milliseconds.
STEP_BYTES = 1024 * 1024

_DELETE_KEPT = "DELETE FROM kept WHERE seq = ?"
# By setting: what is older than the given moment, and how one of them is deleted, if it still may be.
_OLD: tuple[tuple[str, str, str], ...] = (
    (
        "delivered_days",
        (
            "SELECT a.seq FROM attempts a WHERE a.at < ?"
            " AND NOT EXISTS (SELECT 1 FROM pending p WHERE p.seq = a.event_seq) LIMIT ?"
        ),
        "DELETE FROM attempts WHERE seq = ?",
    ),
    (
        "delivered_days",
        (
            "SELECT e.seq FROM events e WHERE e.stored_at < ?"
            " AND NOT EXISTS (SELECT 1 FROM pending p WHERE p.seq = e.seq) LIMIT ?"
        ),
        "DELETE FROM events WHERE seq = ?",
    ),
    ("keep_days", "SELECT seq FROM kept WHERE received_at < ? LIMIT ?", _DELETE_KEPT),
    (
        "closed_period_days",
        (
            "SELECT seq FROM deliveries WHERE received_at < ?"
            " AND seq IN (SELECT seq FROM deliveries ORDER BY seq LIMIT ?)"
        ),
        "DELETE FROM deliveries WHERE seq = ?",
    ),
    (
        "closed_period_days",
        (
            "SELECT destination, source, incident, repo, environment, service, name FROM periods"
            " WHERE state IN ('closed', 'released', 'repeated') AND changed_at < ? LIMIT ?"
        ),
        (
            "DELETE FROM periods WHERE (destination, source, incident, repo, environment, service, name)"
            " = (?,?,?,?,?,?,?) AND state IN ('closed', 'released', 'repeated')"
        ),
    ),
)
_EXCESS = (
    "SELECT seq FROM (SELECT seq, sum(length(body)) OVER"
    " (ORDER BY replayed_at IS NULL DESC, seq DESC) AS total FROM kept) AS sized WHERE total > ? LIMIT ?"
)

Doomed: TypeAlias = Mapping[str, Sequence[tuple[Any, ...]]]


def doomed(connection: Session, settings: RelaySettings, now: int) -> Doomed:
    """Find a batch of each kind that may go, as statements and the rows to run them with."""
    found: dict[str, Sequence[tuple[Any, ...]]] = {}
    for days, select, delete in _OLD:
        before = now - int(getattr(settings, days) * _DAY_US)
        found[delete] = connection.execute(select, (before, _BATCH)).fetchall()
    excess = connection.execute(_EXCESS, (KEPT_BYTES, _BATCH)).fetchall()
    found[_DELETE_KEPT] = list(dict.fromkeys([*found[_DELETE_KEPT], *excess]))
    return {delete: rows for delete, rows in found.items() if rows}


def to_give_back(size: Size) -> int:
    """Return how many bytes of the store to give back next; what is left free is for what comes."""
    spare = max(SPARE_BYTES, int(size.bytes * SPARE_PART))
    return min(max(size.free_bytes - spare, 0), STEP_BYTES)


def prune(connection: Session, found: Doomed) -> None:
    """Delete what `doomed` found."""
    for delete, rows in found.items():
        connection.executemany(delete, rows)
