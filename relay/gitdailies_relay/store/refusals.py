"""Requests to /hooks/ that were refused, in groups. SQL, no decisions.

A group is what has the same status, source, client and reason within an hour. It holds no body and no header.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from gitdailies_server.storage.database import Session

# Requests of a group that come later than this after its last one begin another group.
APART_US = 3_600_000_000

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
    " WHERE (last_at < ? OR (last_at = ? AND seq < ?)) AND last_at >= ?"
    " AND (CAST(? AS TEXT) IS NULL OR source = ?) ORDER BY last_at DESC, seq DESC LIMIT ?"
)


class RefusedRequest(NamedTuple):
    """Why a request was refused, and from where it came: what its group has in common."""

    status: int
    source: str
    client: str
    reason: str


class RefusalGroup(NamedTuple):
    """A group of refused requests. Times are in µs."""

    seq: int
    refused: RefusedRequest
    requests: int
    first_at: int
    last_at: int


def write(session: Session, counts: Mapping[RefusedRequest, int], now: int) -> None:
    """Add *counts* of requests that were refused just *now* (µs)."""
    for refused, count in counts.items():
        again = session.execute(_AGAIN, (count, now, now - APART_US, *refused))
        if not again.rowcount:
            session.execute(_ADD, (*refused, count, now, now))


def newest(
    session: Session, *, limit: int, before: tuple[int, int], since: int, source: str | None = None
) -> list[RefusalGroup]:
    """Return groups, the last first. *before* is time and number of the last group that was shown (µs)."""
    at, seq = before
    rows = session.execute(_NEWEST, (at, at, seq, since, source, source, limit)).fetchall()
    return [RefusalGroup(number, RefusedRequest(*row[:4]), *row[4:]) for number, *row in rows]
