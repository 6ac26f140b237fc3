"""The reads and writes of an acceptance on SQLite, where one more question costs microseconds."""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import cast

from gitdailies_core.incidents.records import Occurrence
from gitdailies_server.storage.database import Session

from gitdailies_relay.accepting import store_port
from gitdailies_relay.accepting.source_days import source_days
from gitdailies_relay.store.deploys import CommonStatements

# The event ids of a message that was stored.
_STORED_EVENTS = "SELECT events FROM deliveries WHERE source = ? AND message = ? AND outcome = 'stored'"
# The records of an incident.
_OCCURRENCES = (
    f"SELECT {store_port.OCCURRENCE_COLUMNS} FROM occurrences"
    " WHERE destination = ? AND source = ? AND incident = ?"
)
# The records that were merged into an incident. Without INDEXED BY, SQLite would take the primary
# key, and read all records of the source.
_MERGED_INTO = (
    f"SELECT {store_port.OCCURRENCE_COLUMNS} FROM occurrences INDEXED BY occurrences_merged"
    " WHERE destination = ? AND source = ? AND merged_into = ? AND state = 'merged'"
)
# Note a message of a delivery.
_ADD_DELIVERY = f"INSERT INTO deliveries ({store_port.DELIVERY_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?)"
# Count the messages of a batch.
_COUNT_OUTCOMES = (
    f"INSERT INTO outcome_counts ({store_port.OUTCOME_COLUMNS}) VALUES (?,?,?,?)"
    " ON CONFLICT (source, is_replay, outcome, bucket) DO UPDATE SET messages = messages + excluded.messages"
)
# Count the deliveries of a batch. Only here `max` and `min` take several values.
_ADD_SOURCE_DAY = (
    f"INSERT INTO source_days ({store_port.SOURCE_DAY_COLUMNS}) VALUES (?,?,?,?,?,?)"
    " ON CONFLICT (source, day, bucket) DO UPDATE SET deliveries = deliveries + excluded.deliveries,"
    " longest_gap = max(longest_gap, excluded.longest_gap, excluded.first_at - last_at),"
    " first_at = min(first_at, excluded.first_at), last_at = max(last_at, excluded.last_at)"
)
# Write a record as it is now.
_PUT_OCCURRENCE = (
    f"INSERT INTO occurrences (destination, source, {store_port.OCCURRENCE_COLUMNS}, changed_at)"
    " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)"
    " ON CONFLICT (destination, source, incident, repo, environment, service, name)"
    " DO UPDATE SET state = excluded.state, started_at = excluded.started_at,"
    " ended_at = excluded.ended_at, resolution = excluded.resolution,"
    " merged_into = excluded.merged_into, changed_at = excluded.changed_at"
)
# Add an event, unless its id is stored already.
_ADD_EVENT = f"INSERT INTO events ({store_port.EVENT_COLUMNS}) VALUES (?,?,?,?,?,?,?) ON CONFLICT DO NOTHING"
# Add an event to the outbox. It is the next of its partition where no other one waits.
# VALUES, because a SELECT from the table that is written would go through a temporary table.
_ADD_TO_OUTBOX = (
    "INSERT INTO outbox (seq, destination, partition, is_next, due_at, attempts) VALUES"
    " (?, ?, ?, NOT EXISTS (SELECT 1 FROM outbox WHERE partition = ? AND dead_letter IS NULL"
    " AND held_until IS NULL), ?, 0)"
)


class SqliteAcceptanceStore(CommonStatements):
    """An AcceptanceStore in the caller's transaction.

    It uses one cursor, because making a cursor costs as much as looking up a row.
    """

    _is_local = True

    def __init__(self, session: Session) -> None:
        self._session = session
        self._cursor = cast(sqlite3.Connection, session).cursor()

    def prefetch(self, lookups: Iterable[store_port.Lookup]) -> None:
        """Read nothing. Some of the lookups are never needed, and reading those would cost more."""

    def stored_events(self, source: str, message: str) -> str | None:
        row = self._cursor.execute(_STORED_EVENTS, (source, message)).fetchone()
        return None if row is None else row[0]

    def occurrences(self, owner: store_port.Owner, incident: str) -> Sequence[Occurrence]:
        return [store_port.record_of(row) for row in self._cursor.execute(_OCCURRENCES, (*owner, incident))]

    def merged_into(self, owner: store_port.Owner, incident: str) -> Sequence[Occurrence]:
        return [store_port.record_of(row) for row in self._cursor.execute(_MERGED_INTO, (*owner, incident))]

    def write(self, rows: store_port.NewRows) -> None:
        cursor = self._cursor
        cursor.executemany(_ADD_DELIVERY, rows.deliveries)
        cursor.executemany(_PUT_OCCURRENCE, rows.occurrences)
        cursor.executemany(_COUNT_OUTCOMES, [(*key, count) for key, count in rows.outcomes.items()])
        cursor.executemany(_ADD_SOURCE_DAY, source_days(rows.received))
        for event in rows.events:
            if cursor.execute(_ADD_EVENT, event).rowcount:
                partition = event.partition
                cursor.execute(
                    _ADD_TO_OUTBOX,
                    (cursor.lastrowid, event.destination, partition, partition, event.stored_at),
                )
        self._write_rest(rows)
