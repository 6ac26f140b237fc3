"""Requests to /hooks/ that were refused, in groups. SQL, no decisions.

A group is what has the same status, source, client and reason within an hour. It holds no body and no header.
"""

from collections.abc import Mapping
from typing import NamedTuple

from gitdailies_connection.relay.answers import RefusalPage, RefusedRequests
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import from_us

# Requests of a group that come later than this after its last one begin another group.
APART_US = 3_600_000_000
# Where the list begins.
AFTER_ALL = (2**62, 0)

_ADD = (
    "INSERT INTO refusals (status, source, client, reason, requests, first_at, last_at)"
    " VALUES (?,?,?,?,?,?,?)"
)
# Count more requests of a group that is not over.
_AGAIN = (
    "UPDATE refusals SET requests = requests + ?, last_at = ? WHERE seq = (SELECT max(seq) FROM refusals"
    " WHERE last_at >= ? AND status = ? AND source = ? AND client = ? AND reason = ?)"
)
# The groups before a moment, the last first.
_NEWEST = (
    "SELECT seq, status, source, client, reason, requests, first_at, last_at FROM refusals"
    " WHERE (last_at < ? OR (last_at = ? AND seq < ?))"
    " AND (CAST(? AS TEXT) IS NULL OR source = ?) ORDER BY last_at DESC, seq DESC LIMIT ?"
)


class RefusedRequest(NamedTuple):
    """Why a request was refused, and from where it came: what its group has in common."""

    status: int
    source: str
    client: str
    reason: str


def write(session: Session, counts: Mapping[RefusedRequest, int], now: int) -> None:
    """Add *counts* of requests that were refused just *now* (µs)."""
    for refused, count in counts.items():
        again = session.execute(_AGAIN, (count, now, now - APART_US, *refused))
        if not again.rowcount:
            session.execute(_ADD, (*refused, count, now, now))


def page(
    session: Session, *, limit: int, before: tuple[int, int] = AFTER_ALL, source: str | None = None
) -> RefusalPage:
    """Return at most *limit* groups, the last first. *before* are the numbers of the `next` before."""
    at, number = before
    rows = session.execute(_NEWEST, (at, at, number, source, source, limit + 1)).fetchall()
    groups = tuple(
        RefusedRequests(status, of or None, client or None, reason, requests, from_us(first), from_us(last))
        for _, status, of, client, reason, requests, first, last in rows[:limit]
    )
    return RefusalPage(groups, f"{rows[limit - 1][-1]}-{rows[limit - 1][0]}" if len(rows) > limit else None)
