"""An acceptance's reads and writes on SQLite, where asking once more costs microseconds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, cast

from gitdailies_core.incidents.records import Occurrence
from gitdailies_server.storage.database import Session

from gitdailies_relay.accepting.store_port import (
    DELIVERY_COLUMNS,
    EVENT_COLUMNS,
    KEPT_COLUMNS,
    PERIOD_COLUMNS,
    Asked,
    Batch,
    Whose,
    period_of,
)

if TYPE_CHECKING:
    import sqlite3

_STORED = "SELECT events FROM deliveries WHERE source = ? AND message = ? AND outcome = 'stored'"
_PERIODS = f"SELECT {PERIOD_COLUMNS} FROM periods WHERE destination = ? AND source = ? AND incident = ?"
_WAITING = (
    # Else SQLite would take the primary key, and go through all that a source ever said.
    f"SELECT {PERIOD_COLUMNS} FROM periods INDEXED BY periods_waiting"
    " WHERE destination = ? AND source = ? AND merged_into = ? AND state = 'merged'"
)
_DELIVERY = f"INSERT INTO deliveries ({DELIVERY_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?)"
_KEEP = (
    f"INSERT INTO kept ({KEPT_COLUMNS}) VALUES (?,?,?,?,?,?,?)"
    " ON CONFLICT (delivery) DO UPDATE SET why = excluded.why, reason = excluded.reason"
)
_PERIOD = (
    f"INSERT INTO periods (destination, source, {PERIOD_COLUMNS}, changed_at)"
    " VALUES (?,?,?,?,?,?,?,?,?,?,?,?)"
    " ON CONFLICT (destination, source, incident, repo, environment, service, name)"
    " DO UPDATE SET state = excluded.state, started_at = excluded.started_at,"
    " ended_at = excluded.ended_at, merged_into = excluded.merged_into, changed_at = excluded.changed_at"
)
_EVENT = f"INSERT INTO events ({EVENT_COLUMNS}) VALUES (?,?,?,?,?,?,?) ON CONFLICT DO NOTHING"
_PENDING = (
    # VALUES, since a SELECT from the table that is written to goes through a temporary one.
    "INSERT INTO pending (seq, destination, partition, head, due_at, attempts) VALUES"
    " (?, ?, ?, NOT EXISTS (SELECT 1 FROM pending WHERE partition = ? AND buried IS NULL), ?, 0)"
)


class SqliteRows:
    """Inside the caller's transaction; one cursor, since to make one costs as much as to look a row up."""

    def __init__(self, session: Session) -> None:
        self._cursor = cast("sqlite3.Connection", session).cursor()

    def read_ahead(self, asked: Iterable[Asked]) -> None:
        """Read nothing: what is never asked for would be the dearer."""

    def stored(self, source: str, message: str) -> str | None:
        row = self._cursor.execute(_STORED, (source, message)).fetchone()
        return None if row is None else row[0]

    def periods(self, whose: Whose, incident: str) -> Sequence[Occurrence]:
        return [period_of(row) for row in self._cursor.execute(_PERIODS, (*whose, incident))]

    def waiting(self, whose: Whose, incident: str) -> Sequence[Occurrence]:
        return [period_of(row) for row in self._cursor.execute(_WAITING, (*whose, incident))]

    def write(self, batch: Batch) -> None:
        cursor = self._cursor
        cursor.executemany(_DELIVERY, batch.deliveries)
        cursor.executemany(_KEEP, batch.kept.values())
        cursor.executemany(_PERIOD, batch.periods)
        for event in batch.events:
            if cursor.execute(_EVENT, event).rowcount:
                partition = event.partition
                cursor.execute(
                    _PENDING, (cursor.lastrowid, event.destination, partition, partition, event.stored_at)
                )
