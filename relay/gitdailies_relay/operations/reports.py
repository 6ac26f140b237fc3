"""What the store tells a person: status, failed events, the story of an incident, what has no route.

Read-only; every function takes a connection and returns plain values for JSON or a table.
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

# A delivery is one however often it is replayed.
_OUTCOMES = (
    "SELECT source, outcome, is_replay, count(*) FROM"
    " (SELECT source, outcome, proof = ? AS is_replay FROM deliveries) AS d"
    " GROUP BY source, outcome, is_replay ORDER BY 1, 2"
)
_FIRST = "SELECT min(received_at) FROM deliveries WHERE source = ? AND outcome = 'stored'"
_KEPT = "SELECT why, count(*) FROM kept WHERE replayed_at IS NULL GROUP BY why ORDER BY 1"
_QUEUE = (
    "SELECT count(*) FILTER (WHERE buried IS NULL), count(*) FILTER (WHERE buried IS NOT NULL),"
    " count(*) FILTER (WHERE buried IS NULL AND attempts > 0) FROM pending"
)
_DEPTH = "SELECT count(*), count(*) FILTER (WHERE buried IS NULL) FROM pending"
_OLDEST = "SELECT stored_at FROM events WHERE seq = (SELECT min(seq) FROM pending WHERE buried IS NULL)"
_PAUSED = "SELECT name, paused, reason, since FROM destinations WHERE paused != '' ORDER BY name"
_LAST = "SELECT at, status, verdict, reason FROM attempts WHERE seq = (SELECT max(seq) FROM attempts)"
_BURIED = (
    "SELECT e.id, e.source, e.incident, e.stored_at, p.attempts, p.buried"
    " FROM pending p JOIN events e ON e.seq = p.seq WHERE p.buried IS NOT NULL ORDER BY p.seq LIMIT ?"
)
_KEPT_ROWS = (
    "SELECT delivery, source, received_at, why, reason FROM kept WHERE replayed_at IS NULL"
    " ORDER BY seq LIMIT ?"
)
_DELIVERIES_OF = (
    "SELECT delivery, received_at, source, word, proof, outcome, reason, events FROM deliveries"
    " WHERE incident = ? ORDER BY seq"
)
_EVENTS_OF = (
    "SELECT e.seq, e.id, e.delivery, e.stored_at, e.body, p.buried, p.seq IS NOT NULL, p.due_at, p.head"
    " FROM events e LEFT JOIN pending p ON p.seq = e.seq WHERE e.incident = ? ORDER BY e.seq"
)
_ATTEMPTS_OF = "SELECT at, status, verdict, reason FROM attempts WHERE event_seq = ? ORDER BY seq"
_PERIODS_OF = (
    "SELECT source, repo, environment, service, name, state, started_at, ended_at, merged_into"
    " FROM periods WHERE incident = ? ORDER BY coalesce(started_at, ended_at), repo, service"
)

_INCIDENTS_OF = (
    "SELECT incident FROM deliveries WHERE delivery = ? UNION"
    " SELECT incident FROM events WHERE id = ? OR delivery = ? ORDER BY 1"
)
# What names no incident could not be read; the story of "" would be that of all of these.
_NAMELESS = (
    "SELECT delivery, received_at, source, word, proof, outcome, reason, events FROM deliveries"
    " WHERE delivery = ? AND incident = '' ORDER BY seq"
)

DESTINATION = "default"


@dataclass(frozen=True)
class Stored:
    """What the store holds at this moment; `oldest_at` and `now` in microseconds."""

    now: int
    undelivered: int
    buried: int
    oldest_at: int | None
    kept: Mapping[str, int]
    paused: Mapping[str, str]


def place(store: StoreSetting) -> str:
    """Name a store the same wherever its configuration was read."""
    return str(store) if store.path is None else f"{store.kind}:{store.path.resolve()}"


def stored(connection: Session) -> Stored:
    """Return what gauges show, from narrow tables and indices alone."""
    every, undelivered = connection.execute(_DEPTH).fetchone()
    oldest = connection.execute(_OLDEST).fetchone()
    held = {name: by for name, by, _, _ in connection.execute(_PAUSED)}
    return Stored(
        now=now_us(),
        undelivered=undelivered,
        buried=every - undelivered,
        oldest_at=oldest[0] if oldest else None,
        kept=dict(connection.execute(_KEPT).fetchall()),
        paused={DESTINATION: "", **held},
    )


def status(connection: Session) -> dict[str, Any]:
    """Return the state of intake and delivery in numbers."""
    waiting, buried, retrying = connection.execute(_QUEUE).fetchone()
    oldest = connection.execute(_OLDEST).fetchone()
    last = connection.execute(_LAST).fetchone()
    deliveries: dict[str, dict[str, int]] = {}
    replays: dict[str, dict[str, int]] = {}
    for source, outcome, is_replay, count in connection.execute(_OUTCOMES, (REPLAY,)):
        (replays if is_replay else deliveries).setdefault(source, {})[outcome] = count
    return {
        "paused": paused(connection),
        "waiting": waiting,
        "retrying": retrying,
        "buried": buried,
        "oldestWaitingSince": _text(oldest[0]) if oldest else None,
        "lastAttempt": _attempt(last) if last else None,
        "kept": dict(connection.execute(_KEPT).fetchall()),
        "deliveries": deliveries,
        "replays": replays,
    }


def paused(connection: Session) -> list[dict[str, Any]]:
    """Return the destinations that are paused: by what, why, since when."""
    return [
        {"destination": name, "by": by, "reason": reason, "since": _text(since)}
        for name, by, reason, since in connection.execute(_PAUSED)
    ]


def standing(database: Database, session: Session) -> dict[str, Any]:
    """Return `status`, with the size of the store."""
    size = database.size(session)
    return {**status(session), "bytes": size.bytes, "freeBytes": size.free_bytes}


def first_delivery(connection: Session, source: str) -> datetime | None:
    """Return when the oldest delivery of *source* came that is still known and caused an event."""
    (oldest,) = connection.execute(_FIRST, (source,)).fetchone()
    return None if oldest is None else from_us(oldest)


def failed(connection: Session, most: int = 1000) -> dict[str, Any]:
    """Return the events that were set aside, and the deliveries that were kept, with reasons."""
    return {
        "buried": [
            {
                "id": id_,
                "source": source,
                "incident": incident,
                "storedAt": _text(stored_at),
                "attempts": attempts,
                "reason": reason,
            }
            for id_, source, incident, stored_at, attempts, reason in connection.execute(_BURIED, (most,))
        ],
        "kept": [
            {
                "delivery": delivery,
                "source": source,
                "receivedAt": _text(received_at),
                "why": why,
                "reason": reason,
            }
            for delivery, source, received_at, why, reason in connection.execute(_KEPT_ROWS, (most,))
        ],
    }


def stories(connection: Session, id_: str) -> list[dict[str, Any]]:
    """Return the story of each incident that an id stands for: its own, or a delivery's or an event's.

    A delivery of which no incident could be read has one, too, with `incident` None.
    """
    told = explain(connection, id_)
    if told["deliveries"] or told["events"]:
        return [told]
    names = [name for (name,) in connection.execute(_INCIDENTS_OF, (id_, id_, id_)).fetchall()]
    found = [explain(connection, name) for name in names if name]
    if "" in names:
        nameless = _deliveries(connection, _NAMELESS, id_)
        found.append({"incident": None, "deliveries": nameless, "periods": [], "events": []})
    return found


def explain(connection: Session, incident: str) -> dict[str, Any]:
    """Return the story of an incident: deliveries, decisions, periods, events, attempts."""
    return {
        "incident": incident,
        "deliveries": _deliveries(connection, _DELIVERIES_OF, incident) if incident else [],
        "periods": [
            {
                "source": source,
                "repo": repo or None,
                "environment": environment or None,
                "service": service or None,
                "period": name,
                "state": state,
                "startedAt": _text(started_at),
                "endedAt": _text(ended_at),
                "mergedInto": merged_into,
            }
            for source, repo, environment, service, name, state, started_at, ended_at, merged_into in (
                connection.execute(_PERIODS_OF, (incident,))
            )
        ],
        "events": [_event(connection, row) for row in connection.execute(_EVENTS_OF, (incident,)).fetchall()],
    }


def _deliveries(connection: Session, query: str, of: str) -> list[dict[str, Any]]:
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
            query, (of,)
        )
    ]


def _event(connection: Session, row: tuple[Any, ...]) -> dict[str, Any]:
    seq, id_, delivery, stored_at, body, buried, pending, due_at, head = row
    attempts = [_attempt(attempt) for attempt in connection.execute(_ATTEMPTS_OF, (seq,))]
    if not pending:
        state = "delivered"
    elif buried is not None:
        state = "buried"
    elif not head:
        state = "waits for its turn"
    else:
        state = "waiting"
    return {
        "id": id_,
        "event": json.loads(body),
        "delivery": delivery,
        "storedAt": _text(stored_at),
        "state": state,
        "reason": buried,
        "dueAt": _text(due_at) if state == "waiting" else None,
        "attempts": attempts,
    }


def _attempt(row: tuple[Any, ...]) -> dict[str, Any]:
    at, status_, verdict, reason = row
    return {"at": _text(at), "status": status_, "verdict": verdict, "reason": reason}


def _text(microseconds: int | None) -> str | None:
    return None if microseconds is None else text_of(from_us(microseconds))
