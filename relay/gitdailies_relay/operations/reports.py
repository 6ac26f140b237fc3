"""What the store can tell: status, and the timeline of an incident.

Read-only. Every function takes a connection and returns plain values for JSON or a table.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gitdailies_connection.config.settings import StoreSetting
from gitdailies_core.values.times import text_of
from gitdailies_server.storage.database import Database, Session
from gitdailies_server.storage.timestamps import from_us, now_us

from gitdailies_relay.operations.incidents import open_summary
from gitdailies_relay.operations.source_health import SourceHealth, read_health

# How many messages had each outcome. A replay counts apart, however often it is repeated.
_OUTCOMES = (
    "SELECT source, outcome, is_replay, CAST(sum(messages) AS BIGINT) FROM outcome_counts"
    " GROUP BY source, outcome, is_replay ORDER BY 1, 2"
)
# When the first delivery of a source came that caused an event.
_FIRST_STORED = "SELECT min(received_at) FROM deliveries WHERE source = ? AND outcome = 'stored'"
# How many quarantined deliveries wait for a replay.
_QUARANTINED = "SELECT code, count(*) FROM quarantine WHERE replayed_at IS NULL GROUP BY code ORDER BY 1"
# How many events are in the outbox, how many of them are dead letters, how many of the others were tried,
# and how many of those were refused. Apart, because an index answers each.
_OUTBOX_SIZE = "SELECT count(*) FROM outbox"
_DEAD_LETTER_COUNT = "SELECT count(*) FROM outbox WHERE dead_letter IS NOT NULL"
_TRIED = (
    "SELECT count(*), count(*) FILTER (WHERE refusals > 0) FROM outbox"
    " WHERE is_next = 1 AND dead_letter IS NULL AND attempts > 0"
)
# When the oldest waiting event was stored.
_OLDEST = (
    "SELECT stored_at FROM events WHERE seq ="
    " (SELECT min(seq) FROM outbox WHERE dead_letter IS NULL AND held_until IS NULL)"
)
# How many starts and deploys are held, and how many of them are deploys that wait for their pushes.
_HELD_COUNT = "SELECT count(*) FROM outbox WHERE held_until IS NOT NULL"
_WAITING_DEPLOYS = "SELECT count(*) FROM waiting_deploys"
# The paused destinations.
_PAUSED = "SELECT name, paused, reason, since FROM destinations WHERE paused != '' ORDER BY name"
# What each receiver was by its last sure answer.
_RECEIVERS = "SELECT kind, since FROM receivers WHERE destination = ? AND kind != ''"
# The last attempt of any event.
_LAST_ATTEMPT = (
    "SELECT at, status, verdict, reason, answer FROM attempts WHERE seq = (SELECT max(seq) FROM attempts)"
)
# The messages about an incident.
_DELIVERIES_OF = (
    "SELECT delivery, received_at, source, word, proof, outcome, reason, events FROM deliveries"
    " WHERE incident = ? ORDER BY seq"
)
# Events with their place in the outbox.
EVENTS = (
    "SELECT e.seq, e.id, e.delivery, e.stored_at, e.body,"
    " o.dead_letter, o.seq IS NOT NULL, o.due_at, o.is_next, e.discarded, o.held_until,"
    " EXISTS (SELECT 1 FROM waiting_deploys w WHERE w.event_seq = e.seq)"
    " FROM events e LEFT JOIN outbox o ON o.seq = e.seq"
)
# Those of an incident.
_EVENTS_OF = f"{EVENTS} WHERE e.incident = ? ORDER BY e.seq"
# The attempts to deliver an event.
_ATTEMPTS_OF = "SELECT at, status, verdict, reason, answer FROM attempts WHERE event_seq = ? ORDER BY seq"
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
    """What the store holds at this moment; times in microseconds."""

    now: int
    undelivered: int
    dead_letters: int
    oldest_at: int | None
    quarantined: Mapping[str, int]
    paused: Mapping[str, str]
    sources: Sequence[SourceHealth] = ()
    open_incidents: int = 0
    oldest_open_at: int | None = None


def store_location(store: StoreSetting) -> str:
    """Name a store the same way wherever its configuration was read."""
    return str(store) if store.path is None else f"{store.kind}:{store.path.resolve()}"


def store_state(connection: Session, sources: Iterable[str] = ()) -> StoreState:
    """Return what gauges show of a relay with these *sources*. It reads narrow tables and indexes only."""
    now = now_us()
    waiting, dead_letters, _ = _outbox_size(connection)
    oldest = connection.execute(_OLDEST).fetchone()
    open_count, oldest_open = open_summary(connection)
    paused_by = {name: by for name, by, _, _ in connection.execute(_PAUSED)}
    return StoreState(
        now=now,
        undelivered=waiting,
        dead_letters=dead_letters,
        oldest_at=oldest[0] if oldest else None,
        quarantined=dict(connection.execute(_QUARANTINED).fetchall()),
        paused={DESTINATION: "", **paused_by},
        sources=read_health(connection, sources, now),
        open_incidents=open_count,
        oldest_open_at=oldest_open,
    )


def status(connection: Session, sources: Iterable[str] = ()) -> dict[str, Any]:
    """Return the state of intake and delivery in numbers, for a relay with these *sources*."""
    waiting, dead_letters, held = _outbox_size(connection)
    retrying, refused = connection.execute(_TRIED).fetchone()
    oldest = connection.execute(_OLDEST).fetchone()
    open_count, oldest_open = open_summary(connection)
    last = connection.execute(_LAST_ATTEMPT).fetchone()
    receiver = connection.execute(_RECEIVERS, (DESTINATION,)).fetchone()
    deliveries: dict[str, dict[str, int]] = {}
    replays: dict[str, dict[str, int]] = {}
    for source, outcome, is_replay, count in connection.execute(_OUTCOMES):
        (replays if is_replay else deliveries).setdefault(source, {})[outcome] = count
    return {
        "paused": paused(connection),
        "waiting": waiting,
        "held": held,
        "waitingForPush": connection.execute(_WAITING_DEPLOYS).fetchone()[0],
        "retrying": retrying,
        "refused": refused,
        "deadLetters": dead_letters,
        "oldestWaitingSince": _text(oldest[0]) if oldest else None,
        "openIncidents": open_count,
        "oldestOpenIncidentSince": _text(oldest_open),
        "lastAttempt": _attempt(last) if last else None,
        "receiver": {"kind": receiver[0], "since": _text(receiver[1])} if receiver else None,
        "quarantined": dict(connection.execute(_QUARANTINED).fetchall()),
        "sources": {one.source: one.to_json() for one in read_health(connection, sources, now_us())},
        "deliveries": deliveries,
        "replays": replays,
    }


def _outbox_size(connection: Session) -> tuple[int, int, int]:
    """Return how many events wait to be sent, how many are dead letters, and how many are held."""
    (every,) = connection.execute(_OUTBOX_SIZE).fetchone()
    (dead_letters,) = connection.execute(_DEAD_LETTER_COUNT).fetchone()
    (held,) = connection.execute(_HELD_COUNT).fetchone()
    return every - dead_letters - held, dead_letters, held


def paused(connection: Session) -> list[dict[str, Any]]:
    """Return what is paused: by what, why, since when. `source` is None where it is the whole destination."""
    return [
        {
            "destination": name,
            "source": name.partition("/")[2] or None,
            "by": by,
            "reason": reason,
            "since": _text(since),
        }
        for name, by, reason, since in connection.execute(_PAUSED)
    ]


def status_with_size(database: Database, sources: Iterable[str], session: Session) -> dict[str, Any]:
    """Return `status`, with the size of the store in bytes."""
    size = database.size(session)
    return {**status(session, sources), "bytes": size.bytes, "freeBytes": size.free_bytes}


def first_delivery(connection: Session, source: str) -> datetime | None:
    """Return when the oldest known delivery of *source* came that caused an event, or None."""
    (oldest,) = connection.execute(_FIRST_STORED, (source,)).fetchone()
    return None if oldest is None else from_us(oldest)


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
        unread = messages(connection, _UNREAD, id_)
        found.append({"incident": None, "deliveries": unread, "occurrences": [], "events": []})
    return found


def explain(connection: Session, incident: str) -> dict[str, Any]:
    """Return the timeline of an incident: deliveries, decisions, occurrences, events, attempts."""
    return {
        "incident": incident,
        "deliveries": messages(connection, _DELIVERIES_OF, incident) if incident else [],
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
        "events": [
            event_of(connection, row) for row in connection.execute(_EVENTS_OF, (incident,)).fetchall()
        ],
    }


def messages(connection: Session, query: str, id_: str) -> list[dict[str, Any]]:
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


def event_of(connection: Session, row: tuple[Any, ...]) -> dict[str, Any]:
    """Return an event with its attempts, from a row of EVENTS."""
    seq, id_, delivery, stored_at, body, dead_letter, in_outbox, due_at, is_next, *more = row
    discarded, held_until, for_push = more
    attempts = [_attempt(attempt) for attempt in connection.execute(_ATTEMPTS_OF, (seq,)).fetchall()]
    if not in_outbox and discarded is not None:
        state = "discarded"
    elif not in_outbox:
        state = "delivered"
    elif dead_letter is not None:
        state = "dead_letter"
    elif held_until is not None:
        state = "held"
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
        "reason": dead_letter if in_outbox else discarded,
        "heldFor": ("push" if for_push else "hold") if state == "held" else None,
        "dueAt": _text(held_until or due_at) if state in ("waiting", "held") and due_at else None,
        "attempts": attempts,
    }


def _attempt(row: tuple[Any, ...]) -> dict[str, Any]:
    at, status_, verdict, reason, answer = row
    return {"at": _text(at), "status": status_, "verdict": verdict, "reason": reason, "answer": answer}


def _text(microseconds: int | None) -> str | None:
    return None if microseconds is None else text_of(from_us(microseconds))
