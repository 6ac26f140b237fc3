"""Periods as rows: what gitdailies_core.periods reads before it decides, and what it writes."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from gitdailies_core.periods import Period
from gitdailies_core.routing import Target
from gitdailies_server.moments import from_us, to_us

_COLUMNS = "incident, repo, environment, service, name, state, started_at, ended_at, merged_into"
_OF_INCIDENT = f"SELECT {_COLUMNS} FROM periods WHERE destination = ? AND source = ? AND incident = ?"
_WAITING = (
    f"SELECT {_COLUMNS} FROM periods"
    " WHERE destination = ? AND source = ? AND merged_into = ? AND state = 'merged'"
)
_PUT = (
    f"INSERT INTO periods (destination, source, {_COLUMNS}, changed_at) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)"
    " ON CONFLICT DO UPDATE SET state = excluded.state, started_at = excluded.started_at,"
    " ended_at = excluded.ended_at, merged_into = excluded.merged_into, changed_at = excluded.changed_at"
)


class StoredLedger:
    """The records of one source at one destination, inside the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection, destination: str, source: str) -> None:
        self._connection = connection
        self._whose = (destination, source)

    def periods(self, incident: str) -> Sequence[Period]:
        rows = self._connection.execute(_OF_INCIDENT, (*self._whose, incident))
        return [_period(row) for row in rows]

    def waiting(self, incident: str) -> Sequence[Period]:
        rows = self._connection.execute(_WAITING, (*self._whose, incident))
        return [_period(row) for row in rows]

    def put(self, records: Sequence[Period], changed_at: int) -> None:
        for record in records:
            self._connection.execute(_PUT, (*self._whose, *_row(record), changed_at))


def _period(row: tuple[Any, ...]) -> Period:
    incident, repo, environment, service, name, state, started_at, ended_at, merged_into = row
    return Period(
        incident=incident,
        target=Target(repo, environment or None, service or None),
        name=name,
        state=state,
        started_at=from_us(started_at),
        ended_at=from_us(ended_at),
        merged_into=merged_into,
    )


def _row(record: Period) -> tuple[Any, ...]:
    target = record.target
    return (
        record.incident,
        target.repo,
        target.environment or "",
        target.service or "",
        record.name,
        record.state,
        to_us(record.started_at),
        to_us(record.ended_at),
        record.merged_into,
    )
