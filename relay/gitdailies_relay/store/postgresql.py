"""The reads and writes of an acceptance on PostgreSQL: one statement per table and batch, few round trips.

Rows travel as one JSON text, because the driver writes an array of texts element by element, in Python.
"""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

import orjson
from gitdailies_core.incidents.records import MERGED, Occurrence
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.postgresql import PostgresqlSession
from gitdailies_server.storage.write_scope import Name

from gitdailies_relay.accepting.source_days import source_days
from gitdailies_relay.accepting.store_port import (
    DELIVERY_COLUMNS,
    EVENT_COLUMNS,
    OCCURRENCE_COLUMNS,
    OUTCOME_COLUMNS,
    SOURCE_DAY_COLUMNS,
    Lookup,
    NewRows,
    Owner,
    record_of,
)
from gitdailies_relay.store.deploys import CommonStatements
from gitdailies_relay.store.exclusion import subject
from gitdailies_relay.store.outbox import CLOCK

_NUMBERS = {
    *("received_at", "stored_at", "started_at", "ended_at", "changed_at"),
    *("is_replay", "messages", "day", "deliveries", "first_at", "last_at", "longest_gap"),
}
# The counters of a session have rows of their own. With rows for all, each batch would wait for the commit of
# the one before it. Sessions that share a bucket do so, and nothing else follows from it.
_BUCKET = "pg_backend_pid() % 64"
_OCCURRENCE_ROW = f"destination, source, {OCCURRENCE_COLUMNS}, changed_at"


def _rows_of(columns: str) -> str:
    """Write the parameter, a list of lists, as a table of *columns*, with `place` for their order."""
    values = ", ".join(
        f"({'given.row ->> ' + str(place)}){'::bigint' if name in _NUMBERS else ''} AS {name}"
        for place, name in enumerate(columns.split(", "))
    )
    rows = "jsonb_array_elements(?::jsonb) WITH ORDINALITY AS given(row, place)"
    return f"(SELECT {values}, place FROM {rows}) AS r"


def _lookup(columns: str, table: str, condition: str) -> str:
    """Look up rows of *table* for each key `k` of the parameter, one key after another.

    OFFSET keeps the planner from starting with the table, which it would do for a table that was
    empty when it last looked.
    """
    return (
        f"SELECT {columns} FROM jsonb_array_elements(?::jsonb) AS k"
        f" CROSS JOIN LATERAL (SELECT * FROM {table} WHERE {condition} OFFSET 0) AS found"
    )


# The event ids of messages that were stored.
_STORED_EVENTS = _lookup(
    "source, message, events",
    "deliveries",
    "outcome = 'stored' AND source = k ->> 0 AND message = k ->> 1",
)
# The records of incidents.
_OCCURRENCES = _lookup(
    f"destination, source, {OCCURRENCE_COLUMNS}",
    "occurrences",
    "destination = k ->> 0 AND source = k ->> 1 AND incident = k ->> 2",
)
# The records that were merged into incidents.
_MERGED_INTO = _lookup(
    f"destination, source, {OCCURRENCE_COLUMNS}",
    "occurrences",
    "state = 'merged' AND destination = k ->> 0 AND source = k ->> 1 AND merged_into = k ->> 2",
)
# Write a batch in one statement, because a statement costs more than the rows in it. But for bodies: they are
# bytes, which JSON cannot hold.
# Events are numbered in the order of the batch. The first new event of a partition is its next one
# where no other one waits. A server whose clock is ahead makes none of them wait.
# A gap between deliveries is measured from the last one of any bucket. It is too long by what others write at
# that moment, which is short compared with the silences that are looked for.
_WRITE = (
    f"WITH added AS (INSERT INTO deliveries ({DELIVERY_COLUMNS})"
    f" SELECT {DELIVERY_COLUMNS} FROM {_rows_of(DELIVERY_COLUMNS)} ORDER BY place),"
    f" changed AS (INSERT INTO occurrences ({_OCCURRENCE_ROW})"
    f" SELECT {_OCCURRENCE_ROW} FROM {_rows_of(_OCCURRENCE_ROW)}"
    " ON CONFLICT (destination, source, incident, repo, environment, service, name)"
    " DO UPDATE SET state = excluded.state, started_at = excluded.started_at,"
    " ended_at = excluded.ended_at, resolution = excluded.resolution,"
    " merged_into = excluded.merged_into, changed_at = excluded.changed_at),"
    f" counted AS (INSERT INTO outcome_counts AS c ({OUTCOME_COLUMNS}, bucket)"
    f" SELECT {OUTCOME_COLUMNS}, {_BUCKET} FROM {_rows_of(OUTCOME_COLUMNS)} ORDER BY 1, 2, 3"
    " ON CONFLICT (source, is_replay, outcome, bucket)"
    " DO UPDATE SET messages = c.messages + excluded.messages),"
    f" lived AS (INSERT INTO source_days AS d ({SOURCE_DAY_COLUMNS}, bucket)"
    " SELECT source, day, deliveries, first_at, last_at, greatest(longest_gap, first_at -"
    " (SELECT max(last_at) FROM source_days b WHERE b.source = r.source AND b.day = r.day)), "
    f"{_BUCKET} FROM {_rows_of(SOURCE_DAY_COLUMNS)} ORDER BY 1, 2 ON CONFLICT (source, day, bucket)"
    " DO UPDATE SET deliveries = d.deliveries + excluded.deliveries,"
    " longest_gap = greatest(d.longest_gap, excluded.longest_gap),"
    " first_at = least(d.first_at, excluded.first_at), last_at = greatest(d.last_at, excluded.last_at)),"
    f" made AS (INSERT INTO events ({EVENT_COLUMNS})"
    f" SELECT {EVENT_COLUMNS} FROM {_rows_of(EVENT_COLUMNS)} ORDER BY place"
    " ON CONFLICT DO NOTHING RETURNING seq, destination, stored_at,"
    " destination || '/' || source || '/' || incident AS partition)"
    " INSERT INTO outbox (seq, destination, partition, is_next, due_at, attempts)"
    " SELECT seq, destination, partition,"
    " CASE WHEN row_number() OVER (PARTITION BY partition ORDER BY seq) = 1"
    " AND (SELECT 1 FROM outbox o WHERE o.partition = made.partition AND o.dead_letter IS NULL"
    " AND o.held_until IS NULL LIMIT 1)"
    f" IS NULL THEN 1 ELSE 0 END, least(stored_at, {CLOCK}), 0 FROM made"
)


class PostgresqlAcceptanceStore(CommonStatements):
    """An AcceptanceStore in the caller's transaction, within the scope of that: see `exclusion`.

    Two questions need no name. What is prefetched is asked for when it is used. And the unique index of
    stored messages refuses what `stored_events` could miss.
    """

    _is_local = False

    def __init__(self, session: Session) -> None:
        assert isinstance(session, PostgresqlSession)
        self._session: PostgresqlSession = session
        self._scope = session.scope
        self._stored: dict[tuple[str, str], str | None] = {}
        self._occurrences: dict[tuple[Owner, str], list[Occurrence]] = {}
        self._merged: dict[tuple[Owner, str], list[Occurrence]] = {}

    def prefetch(self, lookups: Iterable[Lookup]) -> None:
        messages: set[tuple[str, str]] = set()
        incidents: set[tuple[Owner, str]] = set()
        ending: set[tuple[Owner, str]] = set()
        for owner, message, incident, is_end in lookups:
            messages.add((owner.source, message))
            incidents.add((owner, incident))
            if is_end:
                ending.add((owner, incident))
        if not messages:
            return
        stored, occurrences, *others = self._session.query_together(
            (_STORED_EVENTS, (_json(messages),)),
            (_OCCURRENCES, (_json((*owner, incident) for owner, incident in incidents),)),
            *([(_MERGED_INTO, (_json((*owner, incident) for owner, incident in ending),))] if ending else ()),
        )
        self._stored.update(dict.fromkeys(messages))
        self._stored.update({(source, message): events for source, message, events in stored})
        self._occurrences.update({incident: [] for incident in incidents})
        self._merged.update({incident: [] for incident in ending})
        for destination, source, *row in occurrences:
            self._occurrences[Owner(destination, source), row[0]].append(record_of(row))
        for destination, source, *row in chain(*others):
            self._merged[Owner(destination, source), row[-1]].append(record_of(row))

    def stored_events(self, source: str, message: str) -> str | None:
        return self._stored[source, message]

    def occurrences(self, owner: Owner, incident: str) -> Sequence[Occurrence]:
        self._scope.require(subject(owner.destination, incident))
        return self._known(self._occurrences, _OCCURRENCES, owner, incident)

    def merged_into(self, owner: Owner, incident: str) -> Sequence[Occurrence]:
        self._scope.require(subject(owner.destination, incident))
        found = self._known(self._merged, _MERGED_INTO, owner, incident)
        self._scope.require(*(subject(owner.destination, record.incident) for record in found))
        return found

    def _known(
        self, read: dict[tuple[Owner, str], list[Occurrence]], statement: str, owner: Owner, incident: str
    ) -> Sequence[Occurrence]:
        records = read.get((owner, incident))
        if records is None:
            rows = self._session.execute(statement, (_json([(*owner, incident)]),))
            records = read[owner, incident] = [record_of(row[2:]) for row in rows]
        return records

    def write(self, rows: NewRows) -> None:
        if not self._scope.is_everything:
            self._scope.require(*_subjects(rows))
        counts = [(*key, count) for key, count in rows.outcomes.items()]
        tables = (rows.deliveries, rows.occurrences, counts, source_days(rows.received), rows.events)
        self._session.executemany(_WRITE, [tuple(_json(table) for table in tables)])
        self._write_rest(rows)


def _subjects(rows: NewRows) -> set[Name]:
    """Return what rows are about, as `exclusion.subject` names it: a call for each would cost more."""
    about: set[Name] = {(event.destination, event.incident) for event in rows.events}
    about.update([(row[0], row[2]) for row in rows.occurrences])
    # The end of an incident has to find what was merged into it.
    about.update([(row[0], row[11]) for row in rows.occurrences if row[7] == MERGED and row[11]])
    for starts in (rows.held, rows.discarded, rows.released):
        about.update([(start[2], start[0]) for start in starts])
    return about


def _json(rows: Iterable[Sequence[Any]]) -> str:
    return orjson.dumps(list(map(list, rows))).decode()
