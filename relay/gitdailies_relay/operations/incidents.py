"""Open incidents: which were started and not ended, since when, and by what.

An incident stays open where its end is lost, or where its vendor never tells one.
"""

import json
from typing import Any

from gitdailies_connection.relay.answers import OpenIncident, OpenIncidents
from gitdailies_core.events.events import INCIDENT_STARTED
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import now_us, to_us

from gitdailies_relay.accepting.store_port import OCCURRENCE_COLUMNS, record_of

# What is open, longest open first.
_OPEN = (
    f"SELECT destination, source, {OCCURRENCE_COLUMNS} FROM occurrences"  # noqa: S608  a constant
    " WHERE state IN ('open', 'merged')"
    " AND (CAST(? AS TEXT) IS NULL OR source = ?) AND (CAST(? AS TEXT) IS NULL OR incident = ?)"
    " ORDER BY started_at, source, incident, repo, environment, service, name LIMIT ? OFFSET ?"
)
_HOW_MANY = (
    "SELECT count(*) FROM occurrences WHERE state IN ('open', 'merged')"
    " AND (CAST(? AS TEXT) IS NULL OR source = ?) AND (CAST(? AS TEXT) IS NULL OR incident = ?)"
)
# The deliveries of an incident that caused events.
_STORED = (
    "SELECT delivery, word, events FROM deliveries WHERE incident = ? AND source = ? AND events <> '[]'"
    " ORDER BY seq"
)
# The body of a start.
_EVENT = "SELECT body FROM events WHERE incident = ? AND id = ? AND destination = ?"


def open_incidents(
    session: Session,
    *,
    source: str | None = None,
    incident: str | None = None,
    limit: int = 100,
    skip: int = 0,
) -> OpenIncidents:
    """Return the open incidents, longest open first: at most *limit*, without the first *skip*."""
    chosen = (source, source, incident, incident)
    now = now_us()
    rows = session.execute(_OPEN, (*chosen, limit, skip)).fetchall()
    (total,) = session.execute(_HOW_MANY, chosen).fetchone()
    return OpenIncidents(tuple(_open_incident(session, row, now) for row in rows), total)


def _open_incident(session: Session, row: tuple[Any, ...], now: int) -> OpenIncident:
    destination, source, *columns = row
    record = record_of(columns)
    target, started_at = record.target, record.started_at
    assert started_at is not None, "what is open has a start"
    ids = record.event_ids(INCIDENT_STARTED, source)
    openers: dict[str, tuple[str, str]] = {}
    for delivery, said, events in session.execute(_STORED, (record.incident, source)).fetchall():
        for id_ in json.loads(events):
            openers.setdefault(id_, (delivery, said))
    event = next((id_ for id_ in ids if id_ in openers), ids[-1])
    opened_by, word = openers.get(event, (None, None))
    found = session.execute(_EVENT, (record.incident, event, destination)).fetchone()
    return OpenIncident(
        source=source,
        incident=record.incident,
        repo=target.repo,
        environment=target.environment,
        service=target.service,
        started_at=started_at,
        age_seconds=round(max((now - to_us(started_at)) / 1e6, 0.0)),
        event=event,
        opened_by=opened_by,
        word=word,
        title=json.loads(found[0]).get("title") if found else None,
        merged_into=record.merged_into,
    )
