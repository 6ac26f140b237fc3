"""What the store can tell: status, dead letters, quarantine, and the timeline of an incident.

Read-only. Every function takes a connection and returns plain values for JSON or a table.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gitdailies_connection.config.settings import StoreSetting
from gitdailies_core.values.times import text_of
from gitdailies_server.storage.database import Database, Session
from gitdailies_server.storage.timestamps import from_us, now_us

from gitdailies_relay.accepting.interpret import REPLAY

# How many messages had each outcome. A replay counts apart, however often it is repeated.
_OUTCOMES = (
    "SELECT source, outcome, is_replay, count(*) FROM"
    " (SELECT source, outcome, proof = ? AS is_replay FROM deliveries) AS d"
    " GROUP BY source, outcome, is_replay ORDER BY 1, 2"
)
# When the first delivery of a source came that caused an event.
_FIRST_STORED = "SELECT min(received_at) FROM deliveries WHERE source = ? AND outcome = 'stored'"
# How many quarantined deliveries wait for a replay.
_QUARANTINED = "SELECT code, count(*) FROM quarantine WHERE replayed_at IS NULL GROUP BY code ORDER BY 1"
# How many events wait, are dead letters, and wait after an attempt.
_OUTBOX = (
    "SELECT count(*) FILTER (WHERE dead_letter IS NULL), count(*) FILTER (WHERE dead_letter IS NOT NULL),"
    " count(*) FILTER (WHERE dead_letter IS NULL AND attempts > 0) FROM outbox"
)
# The same without the retries, which an index alone can answer.
_OUTBOX_SIZE = "SELECT count(*), count(*) FILTER (WHERE dead_letter IS NULL) FROM outbox"
# When the oldest waiting event was stored.
_OLDEST = "SELECT stored_at FROM events WHERE seq = (SELECT min(seq) FROM outbox WHERE dead_letter IS NULL)"
# The paused destinations.
_PAUSED = "SELECT name, paused, reason, since FROM destinations WHERE paused != '' ORDER BY name"
# The last attempt of any event.
_LAST_ATTEMPT = "SELECT at, status, verdict, reason FROM attempts WHERE seq = (SELECT max(seq) FROM attempts)"
# The dead letters.
_DEAD_LETTERS = (
    "SELECT e.id, e.source, e.incident, e.stored_at, o.attempts, o.dead_letter"
    " FROM outbox o JOIN events e ON e.seq = o.seq WHERE o.dead_letter IS NOT NULL ORDER BY o.seq LIMIT ?"
)
# The quarantined deliveries that wait for a replay.
_QUARANTINED_ROWS = (
    "SELECT delivery, source, received_at, code, reason FROM quarantine WHERE replayed_at IS NULL"
    " ORDER BY seq LIMIT ?"
)
# The messages about an incident.
_DELIVERIES_OF = (
    "SELECT delivery, received_at, source, word, proof, outcome, reason, events FROM deliveries"
    " WHERE incident = ? ORDER BY seq"
)
# The events of an incident, with their place in the outbox.
_EVENTS_OF = (
    "SELECT e.seq, e.id, e.delivery, e.stored_at, e.body,"
    " o.dead_letter, o.seq IS NOT NULL, o.due_at, o.is_next"
    " FROM events e LEFT JOIN outbox o ON o.seq = e.seq WHERE e.incident = ? ORDER BY e.seq"
)
# The attempts to deliver an event.
_ATTEMPTS_OF = "SELECT at, status, verdict, reason FROM attempts WHERE event_seq = ? ORDER BY seq"
# The occurrences of an incident.
_OCCURRENCES_OF = (
    "SELECT source, repo, environment, service, name, state, started_at, ended_at, merged_into"
    " FROM occurrences WHERE incident = ? ORDER BY coalesce(started_at, ended_at), repo, service"
)
# The incidents of a delivery or an event.
_INCIDENTS_OF = (
    "SELECT incident FROM deliveries WHERE delivery = ? UNION"
    " SELECT incident FROM events WHERE id = ? OR delivery = ? ORDER BY 1"
)
# A delivery that could not be read, and so names no incident.
_UNREAD = (
    "SELECT delivery, received_at, source, word, proof, outcome, reason, events FROM deliveries"
    " WHERE delivery = ? AND incident = '' ORDER BY seq"
)

DESTINATION = "default"


@dataclass(frozen=True)
class StoreState:
    """What the store holds at this moment; `oldest_at` and `now` in microseconds."""

    now: int
    undelivered: int
    dead_letters: int
    oldest_at: int | None
    quarantined: Mapping[str, int]
    paused: Mapping[str, str]


def store_location(store: StoreSetting) -> str:
    """Name a store the same way wherever its configuration was read."""
    return str(store) if store.path is None else f"{store.kind}:{store.path.resolve()}"


def store_state(connection: Session) -> StoreState:
    """Return what gauges show. It reads narrow tables and indexes only."""
    every, undelivered = connection.execute(_OUTBOX_SIZE).fetchone()
    oldest = connection.execute(_OLDEST).fetchone()
    paused_by = {name: by for name, by, _, _ in connection.execute(_PAUSED)}
    return StoreState(
        now=now_us(),
        undelivered=undelivered,
        dead_letters=every - undelivered,
        oldest_at=oldest[0] if oldest else None,
        quarantined=dict(connection.execute(_QUARANTINED).fetchall()),
        paused={DESTINATION: "", **paused_by},
    )


def status(connection: Session) -> dict[str, Any]:
    """Return the state of intake and delivery in numbers."""
    waiting, dead_letters, retrying = connection.execute(_OUTBOX).fetchone()
    oldest = connection.execute(_OLDEST).fetchone()
    last = connection.execute(_LAST_ATTEMPT).fetchone()
    deliveries: dict[str, dict[str, int]] = {}
    replays: dict[str, dict[str, int]] = {}
    for source, outcome, is_replay, count in connection.execute(_OUTCOMES, (REPLAY,)):
        (replays if is_replay else deliveries).setdefault(source, {})[outcome] = count
    return {
        "paused": paused(connection),
        "waiting": waiting,
        "retrying": retrying,
        "deadLetters": dead_letters,
        "oldestWaitingSince": _text(oldest[0]) if oldest else None,
        "lastAttempt": _attempt(last) if last else None,
        "quarantined": dict(connection.execute(_QUARANTINED).fetchall()),
        "deliveries": deliveries,
        "replays": replays,
    }


def paused(connection: Session) -> list[dict[str, Any]]:
    """Return the paused destinations: by what, why, since when."""
    return [
        {"destination": name, "by": by, "reason": reason, "since": _text(since)}
        for name, by, reason, since in connection.execute(_PAUSED)
    ]


def status_with_size(database: Database, session: Session) -> dict[str, Any]:
    """Return `status`, with the size of the store in bytes."""
    size = database.size(session)
    return {**status(session), "bytes": size.bytes, "freeBytes": size.free_bytes}


def first_delivery(connection: Session, source: str) -> datetime | None:
    """Return when the oldest known delivery of *source* came that caused an event, or None."""
    (oldest,) = connection.execute(_FIRST_STORED, (source,)).fetchone()
    return None if oldest is None else from_us(oldest)


def failed(connection: Session, most: int = 1000) -> dict[str, Any]:
    """Return the dead letters and the quarantined deliveries, with their reasons."""
    return {
        "deadLetters": [
            {
                "id": id_,
                "source": source,
                "incident": incident,
                "storedAt": _text(stored_at),
                "attempts": attempts,
                "reason": reason,
            }
            for id_, source, incident, stored_at, attempts, reason in connection.execute(
                _DEAD_LETTERS, (most,)
            )
        ],
        "quarantined": [
            {
                "delivery": delivery,
                "source": source,
                "receivedAt": _text(received_at),
                "code": code,
                "reason": reason,
            }
            for delivery, source, received_at, code, reason in connection.execute(_QUARANTINED_ROWS, (most,))
        ],
    }


def timelines(connection: Session, id_: str) -> list[dict[str, Any]]:
    """Return the timeline of each incident that *id_* means: its own id, or that of a delivery or an event.

    A delivery that could not be read has a timeline, too, with `incident` None.
    """
    own = explain(connection, id_)
    if own["deliveries"] or own["events"]:
        return [own]
    incidents = [name for (name,) in connection.execute(_INCIDENTS_OF, (id_, id_, id_)).fetchall()]
    found = [explain(connection, name) for name in incidents if name]
    if "" in incidents:
        unread = _deliveries(connection, _UNREAD, id_)
        found.append({"incident": None, "deliveries": unread, "occurrences": [], "events": []})
    return found


def explain(connection: Session, incident: str) -> dict[str, Any]:
    """Return the timeline of an incident: deliveries, decisions, occurrences, events, attempts."""
    return {
        "incident": incident,
        "deliveries": _deliveries(connection, _DELIVERIES_OF, incident) if incident else [],
        "occurrences": [
            {
                "source": source,
                "repo": repo or None,
                "environment": environment or None,
                "service": service or None,
                "occurrence": name,
                "state": state,
                "startedAt": _text(started_at),
                "endedAt": _text(ended_at),
                "mergedInto": merged_into,
            }
            for source, repo, environment, service, name, state, started_at, ended_at, merged_into in (
                connection.execute(_OCCURRENCES_OF, (incident,))
            )
        ],
        "events": [_event(connection, row) for row in connection.execute(_EVENTS_OF, (incident,)).fetchall()],
    }


def _deliveries(connection: Session, query: str, id_: str) -> list[dict[str, Any]]:
    return [
        {
            "delivery": delivery,
            "receivedAt": _text(received_at),
            "source": source,
            "word": word,
            "proof": proof,
            "outcome": outcome,
            "reason": reason,
            "events": json.loads(events),
        }
        for delivery, received_at, source, word, proof, outcome, reason, events in connection.execute(
            query, (id_,)
        )
    ]


def _event(connection: Session, row: tuple[Any, ...]) -> dict[str, Any]:
    seq, id_, delivery, stored_at, body, dead_letter, in_outbox, due_at, is_next = row
    attempts = [_attempt(attempt) for attempt in connection.execute(_ATTEMPTS_OF, (seq,))]
    if not in_outbox:
        state = "delivered"
    elif dead_letter is not None:
        state = "dead_letter"
    elif not is_next:
        state = "blocked"
    else:
        state = "waiting"
    return {
        "id": id_,
        "event": json.loads(body),
        "delivery": delivery,
        "storedAt": _text(stored_at),
        "state": state,
        "reason": dead_letter,
        "dueAt": _text(due_at) if state == "waiting" else None,
        "attempts": attempts,
    }


def _attempt(row: tuple[Any, ...]) -> dict[str, Any]:
    at, status_, verdict, reason = row
    return {"at": _text(at), "status": status_, "verdict": verdict, "reason": reason}


def _text(microseconds: int | None) -> str | None:
    return None if microseconds is None else text_of(from_us(microseconds))
