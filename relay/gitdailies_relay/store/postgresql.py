"""An acceptance's reads and writes on PostgreSQL: a statement a table and batch, few round trips.

Rows go over as one JSON text: the driver writes an array of texts element by element, in Python.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson
from gitdailies_core.incidents.records import Period
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.postgresql import PostgresqlSession

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

_NUMBERS = {"received_at", "stored_at", "started_at", "ended_at", "changed_at"}
_PERIOD_ROW = f"destination, source, {PERIOD_COLUMNS}, changed_at"


def _given(columns: str) -> str:
    """Write rows that come as a list of lists as a table of *columns*, with `place` for their order."""
    values = ", ".join(
        f"({'given.row ->> ' + str(place)}){'::bigint' if name in _NUMBERS else ''} AS {name}"
        for place, name in enumerate(columns.split(", "))
    )
    rows = "jsonb_array_elements(?::jsonb) WITH ORDINALITY AS given(row, place)"
    return f"(SELECT {values}, place FROM {rows}) AS r"


def _each(columns: str, table: str, condition: str) -> str:
    """Look up rows of *table* for each of a list of keys `k`, one key after another.

    OFFSET keeps the planner from doing it the other way round, which it would for a table that
    was empty when it last looked.
    """
    return (
        f"SELECT {columns} FROM jsonb_array_elements(?::jsonb) AS k"
        f" CROSS JOIN LATERAL (SELECT * FROM {table} WHERE {condition} OFFSET 0) AS found"
    )


_STORED = _each(
    "source, message, events",
    "deliveries",
    "outcome = 'stored' AND source = k ->> 0 AND message = k ->> 1",
)
_PERIODS = _each(
    f"destination, source, {PERIOD_COLUMNS}",
    "periods",
    "destination = k ->> 0 AND source = k ->> 1 AND incident = k ->> 2",
)
_WAITING = _each(
    f"destination, source, {PERIOD_COLUMNS}",
    "periods",
    "state = 'merged' AND destination = k ->> 0 AND source = k ->> 1 AND merged_into = k ->> 2",
)
# Bodies are bytes, which JSON does not hold; few are kept.
_KEEP = (
    f"INSERT INTO kept ({KEPT_COLUMNS}) VALUES (?,?,?,?,?,?,?)"
    " ON CONFLICT (delivery) DO UPDATE SET why = excluded.why, reason = excluded.reason"
)
# All of a batch in one statement, since each costs the relay more than the rows in it do. Events are
# numbered in the order of the batch; the first of an incident that has none on its way becomes the head.
_WRITE = (
    f"WITH noted AS (INSERT INTO deliveries ({DELIVERY_COLUMNS})"
    f" SELECT {DELIVERY_COLUMNS} FROM {_given(DELIVERY_COLUMNS)} ORDER BY place),"
    f" changed AS (INSERT INTO periods ({_PERIOD_ROW}) SELECT {_PERIOD_ROW} FROM {_given(_PERIOD_ROW)}"
    " ON CONFLICT (destination, source, incident, repo, environment, service, name)"
    " DO UPDATE SET state = excluded.state, started_at = excluded.started_at,"
    " ended_at = excluded.ended_at, merged_into = excluded.merged_into, changed_at = excluded.changed_at),"
    f" made AS (INSERT INTO events ({EVENT_COLUMNS})"
    f" SELECT {EVENT_COLUMNS} FROM {_given(EVENT_COLUMNS)} ORDER BY place"
    " ON CONFLICT DO NOTHING RETURNING seq, destination, stored_at,"
    " destination || '/' || source || '/' || incident AS partition)"
    " INSERT INTO pending (seq, destination, partition, head, due_at, attempts)"
    " SELECT seq, destination, partition,"
    " CASE WHEN row_number() OVER (PARTITION BY partition ORDER BY seq) = 1"
    " AND (SELECT 1 FROM pending p WHERE p.partition = made.partition AND p.buried IS NULL LIMIT 1) IS NULL"
    " THEN 1 ELSE 0 END, stored_at, 0 FROM made"
)


class PostgresqlRows:
    """Inside the caller's transaction."""

    def __init__(self, session: Session) -> None:
        assert isinstance(session, PostgresqlSession)
        self._session = session
        self._stored: dict[tuple[str, str], str | None] = {}
        self._periods: dict[tuple[Whose, str], list[Period]] = {}
        self._waiting: dict[tuple[Whose, str], list[Period]] = {}

    def read_ahead(self, asked: Iterable[Asked]) -> None:
        messages: set[tuple[str, str]] = set()
        incidents: set[tuple[Whose, str]] = set()
        ending: set[tuple[Whose, str]] = set()
        for whose, message, incident, is_end in asked:
            messages.add((whose.source, message))
            incidents.add((whose, incident))
            if is_end:
                ending.add((whose, incident))
        if not messages:
            return
        stored, periods, waiting = self._session.query_together(
            (_STORED, (_json(messages),)), (_PERIODS, _keys(incidents)), (_WAITING, _keys(ending))
        )
        self._stored.update(dict.fromkeys(messages))
        self._stored.update({(source, message): events for source, message, events in stored})
        self._periods.update({incident: [] for incident in incidents})
        self._waiting.update({incident: [] for incident in ending})
        for destination, source, *row in periods:
            self._periods[Whose(destination, source), row[0]].append(period_of(row))
        for destination, source, *row in waiting:
            self._waiting[Whose(destination, source), row[-1]].append(period_of(row))

    def stored(self, source: str, message: str) -> str | None:
        return self._stored[source, message]

    def periods(self, whose: Whose, incident: str) -> Sequence[Period]:
        known = self._periods.get((whose, incident))
        if known is None:
            found = self._session.execute(_PERIODS, _keys([(whose, incident)]))
            known = self._periods[whose, incident] = [period_of(row[2:]) for row in found]
        return known

    def waiting(self, whose: Whose, incident: str) -> Sequence[Period]:
        known = self._waiting.get((whose, incident))
        if known is None:
            found = self._session.execute(_WAITING, _keys([(whose, incident)]))
            known = self._waiting[whose, incident] = [period_of(row[2:]) for row in found]
        return known

    def write(self, batch: Batch) -> None:
        self._session.execute_later(
            _WRITE, (_json(batch.deliveries), _json(batch.periods), _json(batch.events))
        )
        for kept in batch.kept.values():
            self._session.execute_later(_KEEP, kept)


def _keys(incidents: Iterable[tuple[Whose, str]]) -> tuple[str]:
    return (_json((*whose, incident) for whose, incident in incidents),)


def _json(rows: Iterable[tuple[Any, ...]]) -> str:
    return orjson.dumps([list(row) for row in rows]).decode()
