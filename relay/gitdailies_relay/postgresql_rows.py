"""An acceptance's reads and writes on PostgreSQL: a statement a table and batch, few round trips."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from gitdailies_core.ledger import Period
from gitdailies_server.database import Session
from gitdailies_server.postgresql import PostgresqlSession

from gitdailies_relay.rows import (
    DELIVERY_COLUMNS,
    EVENT_COLUMNS,
    KEPT_COLUMNS,
    PERIOD_COLUMNS,
    Batch,
    NewEvent,
    Whose,
    period_of,
)

_STORED = (
    "SELECT source, message, events FROM deliveries WHERE outcome = 'stored'"
    " AND (source, message) IN (SELECT * FROM unnest(?::text[], ?::text[]))"
)
_PERIODS = (
    f"SELECT destination, source, {PERIOD_COLUMNS} FROM periods WHERE (destination, source, incident)"
    " IN (SELECT * FROM unnest(?::text[], ?::text[], ?::text[]))"
)
_WAITING = (
    f"SELECT destination, source, {PERIOD_COLUMNS} FROM periods WHERE state = 'merged'"
    " AND (destination, source, merged_into) IN (SELECT * FROM unnest(?::text[], ?::text[], ?::text[]))"
)
_DELIVERY = (
    f"INSERT INTO deliveries ({DELIVERY_COLUMNS}) SELECT * FROM unnest(?::text[], ?::bigint[], ?::text[],"
    " ?::text[], ?::text[], ?::text[], ?::text[], ?::text[], ?::text[], ?::text[])"
)
_KEEP = (
    f"INSERT INTO kept ({KEPT_COLUMNS}) SELECT * FROM unnest(?::text[], ?::bigint[], ?::text[], ?::text[],"
    " ?::text[], ?::text[], ?::bytea[])"
    " ON CONFLICT (delivery) DO UPDATE SET why = excluded.why, reason = excluded.reason"
)
_PERIOD = (
    f"INSERT INTO periods (destination, source, {PERIOD_COLUMNS}, changed_at) SELECT * FROM"
    " unnest(?::text[], ?::text[], ?::text[], ?::text[], ?::text[], ?::text[], ?::text[], ?::text[],"
    " ?::bigint[], ?::bigint[], ?::text[], ?::bigint[])"
    " ON CONFLICT (destination, source, incident, repo, environment, service, name)"
    " DO UPDATE SET state = excluded.state, started_at = excluded.started_at,"
    " ended_at = excluded.ended_at, merged_into = excluded.merged_into, changed_at = excluded.changed_at"
)
# Events are numbered in the order of the batch; the first of an incident that has none on its way
# becomes the head.
_EVENTS = (
    f"WITH made AS (INSERT INTO events ({EVENT_COLUMNS})"
    " SELECT id, destination, source, incident, delivery, stored_at, body FROM unnest(?::text[], ?::text[],"
    " ?::text[], ?::text[], ?::text[], ?::bigint[], ?::text[]) WITH ORDINALITY"
    " AS given(id, destination, source, incident, delivery, stored_at, body, place) ORDER BY place"
    " ON CONFLICT DO NOTHING RETURNING seq, destination, stored_at,"
    " destination || '/' || source || '/' || incident AS partition)"
    " INSERT INTO pending (seq, destination, partition, head, due_at, attempts)"
    " SELECT seq, destination, partition,"
    " CASE WHEN row_number() OVER (PARTITION BY partition ORDER BY seq) = 1"
    " AND NOT EXISTS (SELECT 1 FROM pending p WHERE p.partition = made.partition AND p.buried IS NULL)"
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

    def read_ahead(
        self, messages: Collection[tuple[str, str]], incidents: Collection[tuple[Whose, str]]
    ) -> None:
        if not messages:
            return
        of_messages = _columns(list(messages))
        of_incidents = _columns([(*whose, incident) for whose, incident in incidents])
        with self._session.pipeline():
            stored = self._session.execute(_STORED, of_messages)
            periods = self._session.execute(_PERIODS, of_incidents)
            waiting = self._session.execute(_WAITING, of_incidents)
        self._stored.update(dict.fromkeys(messages))
        self._stored.update({(source, message): events for source, message, events in stored})
        for incident in incidents:
            self._periods[incident], self._waiting[incident] = [], []
        for destination, source, *row in periods:
            self._periods[Whose(destination, source), row[0]].append(period_of(row))
        for destination, source, *row in waiting:
            self._waiting[Whose(destination, source), row[-1]].append(period_of(row))

    def stored(self, source: str, message: str) -> str | None:
        return self._stored[source, message]

    def periods(self, whose: Whose, incident: str) -> Sequence[Period]:
        known = self._periods.get((whose, incident))
        if known is None:
            found = self._session.execute(_PERIODS, _columns([(*whose, incident)]))
            known = self._periods[whose, incident] = [period_of(row[2:]) for row in found]
        return known

    def waiting(self, whose: Whose, incident: str) -> Sequence[Period]:
        known = self._waiting.get((whose, incident))
        if known is None:
            found = self._session.execute(_WAITING, _columns([(*whose, incident)]))
            known = self._waiting[whose, incident] = [period_of(row[2:]) for row in found]
        return known

    def write(self, batch: Batch) -> None:
        rows: tuple[tuple[str, Sequence[tuple[Any, ...]]], ...] = (
            (_DELIVERY, batch.deliveries),
            (_KEEP, list(batch.kept.values())),
            (_PERIOD, batch.periods),
            (_EVENTS, batch.events),
        )
        with self._session.pipeline():
            for statement, given in rows:
                if given:
                    self._session.execute(statement, _columns(given))


def _columns(rows: Sequence[tuple[Any, ...] | NewEvent]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
