"""What is thrown away, and when: in small transactions, so that intake does not wait for them.

Open periods, held and waiting ones, and routes are never pruned.
"""

from __future__ import annotations

import sqlite3

from gitdailies_connection.settings import RelaySettings

_DAY_US = 86_400_000_000
_BATCH = 500

# Each statement deletes at most a batch of what is older than the given moment.
_OLD = (
    (
        "delivered_days",
        (
            "DELETE FROM attempts WHERE seq IN (SELECT a.seq FROM attempts a WHERE a.at < ?"
            " AND NOT EXISTS (SELECT 1 FROM pending p WHERE p.seq = a.event_seq) LIMIT ?)"
        ),
    ),
    (
        "delivered_days",
        (
            "DELETE FROM events WHERE seq IN (SELECT e.seq FROM events e WHERE e.stored_at < ?"
            " AND NOT EXISTS (SELECT 1 FROM pending p WHERE p.seq = e.seq) LIMIT ?)"
        ),
    ),
    ("keep_days", "DELETE FROM kept WHERE seq IN (SELECT seq FROM kept WHERE received_at < ? LIMIT ?)"),
    (
        "closed_period_days",
        "DELETE FROM deliveries WHERE seq IN (SELECT seq FROM deliveries WHERE received_at < ? LIMIT ?)",
    ),
    (
        "closed_period_days",
        (
            "DELETE FROM periods WHERE (destination, source, incident, repo, environment, service, name) IN"
            " (SELECT destination, source, incident, repo, environment, service, name FROM periods"
            " WHERE state IN ('closed', 'released') AND changed_at < ? LIMIT ?)"
        ),
    ),
)


def prune(connection: sqlite3.Connection, settings: RelaySettings, now: int) -> bool:
    """Delete a batch of each kind; return whether more of any may be left."""
    more = False
    for days, statement in _OLD:
        before = now - int(getattr(settings, days) * _DAY_US)
        more |= connection.execute(statement, (before, _BATCH)).rowcount >= _BATCH
    return more
