"""Open incidents: which were started and not ended, since when, by what, and how to close one by hand.

An incident stays open where its end is lost, or where its vendor never tells one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gitdailies_core.error_text import got
from gitdailies_core.errors import UsageError
from gitdailies_core.events.events import INCIDENT_STARTED
from gitdailies_core.sources.protocol import RESOLVED, Change
from gitdailies_core.values.times import text_of
from gitdailies_server.storage.database import Database, Session
from gitdailies_server.storage.timestamps import from_us, now_us, to_us

from gitdailies_relay.accepting.acceptance import close_by_hand
from gitdailies_relay.accepting.delivery_ids import delivery_id
from gitdailies_relay.accepting.store_port import OCCURRENCE_COLUMNS, Owner, record_of
from gitdailies_relay.operations.actions import CLOSED, note
from gitdailies_relay.store.store import acceptance_store, transaction

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
# The sources of an incident that is open.
_SOURCES = (
    "SELECT DISTINCT destination, source FROM occurrences WHERE incident = ? AND state IN ('open', 'merged')"
)
# How many occurrences are open, and since when the oldest one is.
_OPEN_COUNT = "SELECT count(*) FROM occurrences WHERE state IN ('open', 'merged')"
_OLDEST_OPEN = "SELECT min(started_at) FROM occurrences WHERE state IN ('open', 'merged')"
WORD = "closed by hand"


@dataclass(frozen=True)
class OpenIncident:
    """One occurrence that is open at one target. `opened_by` is a delivery, and `word` the vendor's word.

    They, and the title, are None where the store does not know any more. `merged_into` is the
    incident whose end this one waits for, or None.
    """

    source: str
    incident: str
    repo: str
    environment: str | None
    service: str | None
    started_at: datetime
    age_seconds: float
    event: str
    opened_by: str | None
    word: str | None
    title: str | None
    merged_into: str | None

    def to_json(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "incident": self.incident,
            "repo": self.repo,
            "environment": self.environment,
            "service": self.service,
            "startedAt": text_of(self.started_at),
            "ageSeconds": round(self.age_seconds),
            "event": self.event,
            "openedBy": self.opened_by,
            "word": self.word,
            "title": self.title,
            "mergedInto": self.merged_into,
        }


@dataclass(frozen=True)
class OpenIncidents:
    """A page of what is open, and how many there are in all."""

    incidents: tuple[OpenIncident, ...]
    total: int


def open_incidents(
    session: Session,
    *,
    source: str | None = None,
    incident: str | None = None,
    limit: int = 100,
    skip: int = 0,
) -> OpenIncidents:
    """Return what is open, longest open first: at most *limit*, without the first *skip*."""
    chosen = (source, source, incident, incident)
    now = now_us()
    rows = session.execute(_OPEN, (*chosen, limit, skip)).fetchall()
    (total,) = session.execute(_HOW_MANY, chosen).fetchone()
    return OpenIncidents(tuple(_open_incident(session, row, now) for row in rows), total)


def open_summary(session: Session) -> tuple[int, int | None]:
    """Return how many occurrences are open, and when the oldest one started (µs). An index answers each."""
    (count,) = session.execute(_OPEN_COUNT).fetchone()
    (oldest,) = session.execute(_OLDEST_OPEN).fetchone()
    return count, oldest


def _open_incident(session: Session, row: tuple[Any, ...], now: int) -> OpenIncident:
    destination, source, *columns = row
    record = record_of(columns)
    target, started_at = record.target, record.started_at
    assert started_at is not None, "what is open has a start"
    event = record.event_id(INCIDENT_STARTED, source)
    opened_by = word = None
    for delivery, said, events in session.execute(_STORED, (record.incident, source)).fetchall():
        if event in json.loads(events):
            opened_by, word = delivery, said
            break
    found = session.execute(_EVENT, (record.incident, event, destination)).fetchone()
    return OpenIncident(
        source=source,
        incident=record.incident,
        repo=target.repo,
        environment=target.environment,
        service=target.service,
        started_at=started_at,
        age_seconds=max((now - to_us(started_at)) / 1e6, 0.0),
        event=event,
        opened_by=opened_by,
        word=word,
        title=json.loads(found[0]).get("title") if found else None,
        merged_into=record.merged_into,
    )


def close(
    database: Database,
    incident: str,
    *,
    source: str | None = None,
    at: datetime | None = None,
    reason: str = "",
    person: str,
) -> tuple[str, ...]:
    """End by hand what is open of *incident*; return the ids of the events. The relay may be running.

    It is noted who did it, and why.

    The ids are those that the vendor's own end would get, so that the end counts once, whichever
    comes first. *at* is when it was over, by default now. Raises UsageError where nothing is open,
    where several sources have such an incident, and where *at* is in the future.
    """
    now = now_us()
    ended_at = from_us(now) if at is None else at
    if to_us(ended_at) > now:
        raise UsageError(f"at: expected a time that is past, got {text_of(ended_at)}")
    with transaction(database) as session:
        owners = [Owner(*row) for row in session.execute(_SOURCES, (incident,)).fetchall()]
        owners = [owner for owner in owners if source in (None, owner.source)]
        if not owners:
            raise UsageError(f"incident: expected one that is open, got {got(incident)}")
        if len({owner.source for owner in owners}) > 1:
            names = ", ".join(sorted({owner.source for owner in owners}))
            raise UsageError(f"source: {got(incident)} is open at several; name one of {names}")
        change = Change.make(state=RESOLVED, word=WORD, incident=incident, at=ended_at)
        note(session, CLOSED, [incident], person=person, reason=reason)
        store = acceptance_store(database, session)
        return tuple(
            event
            for owner in owners
            for event in close_by_hand(store, owner, change, delivery_id(now), now, reason)
        )
