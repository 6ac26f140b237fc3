"""A store of events as a test fills it: without HTTP, each example in a transaction that is rolled back."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import orjson
from gitdailies_core.events.events import Event
from gitdailies_dora.derived.update.advance import advance
from gitdailies_dora.events.records import change_log, corrections, spellings
from gitdailies_dora.figures.history.settings import FigureSettings
from gitdailies_server.storage.database import Database, Session
from gitdailies_server.storage.timestamps import to_us

SETTINGS = FigureSettings(window=timedelta(hours=24), timezone="Europe/Berlin")
LATE = 2_000_000_000_000_000

Opened = tuple[Database, Session]


@contextmanager
def rolled_back(store: Opened) -> Iterator[Session]:
    """A transaction that is rolled back, so that the next example finds the store empty."""
    database, session = store
    database.begin(session)
    try:
        yield session
    finally:
        database.rollback(session)


def add_event(session: Session, body: dict[str, Any], now: int) -> None:
    event = Event.from_wire(body)
    row = (
        event.id,
        event.kind,
        to_us(event.time),
        *(event.get(name) for name in ("repo", "environment", "service", "incidentId")),
        now,
        b"",
        orjson.dumps(body).decode(),
    )
    # It goes to PostgreSQL with the next statement that reads, in one trip.
    session.executemany(
        "INSERT INTO events (id, kind, time, time_given, repo, environment, service, incident_id,"
        " received_at, key_id, digest, body) VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?, 1, ?, ?)",
        [row],
    )
    spellings.note(session, [event.get("repo")])


def delete_event(session: Session, body: dict[str, Any], now: int) -> None:
    session.executemany("DELETE FROM events WHERE id = ?", [(body["id"],)])
    corrections.delete(session, [body["id"]])
    spellings.forget(session, [body["repo"]])
    change_log.note_changes(session, [(body["id"], body["repo"], body.get("incidentId"))], now)


def catch_up(session: Session, now: int, most: int = 1000, chosen: FigureSettings = SETTINGS) -> None:
    while advance(session, chosen, now, most).events:
        pass
