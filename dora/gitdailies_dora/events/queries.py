"""The statements about single events; `listing` has those of lists.

Each function runs inside a transaction of its caller.

They are statements of the driver, without SQLAlchemy in between: every event takes this path.
"""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import orjson
from gitdailies_core.events.events import DEPLOYED, KINDS
from gitdailies_server.round_trips import fetch_together, read_together
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import from_us, text_of_us, to_us

from gitdailies_dora.accounts.audit import write_audit
from gitdailies_dora.accounts.keys.webhook_key import Key
from gitdailies_dora.events import intake
from gitdailies_dora.events.records import deleted, moves, senders, spellings
from gitdailies_dora.events.records.senders import Arrival
from gitdailies_dora.events.strict_order import INCIDENT_FIELD, LatestEvent, LatestEvents
from gitdailies_dora.sql.bulk import among, insert_many, takes_lists

# The last use of a key is recorded to the minute. Only people read it, so it is not worth a write for
# each request.
USED_EVERY = timedelta(minutes=1)

# The columns of a stored event, as `bulk.insert_many` takes them.
_COLUMNS = (
    "id, kind, +time, +time_given, repo, environment, service, incident_id, +received_at, +key_id,"
    " #digest, body"
)
# Delete an event and return what its audit line needs.
_DELETE = f"DELETE FROM events WHERE id = ? {deleted.DELETED}"  # noqa: S608  a constant
# The number of an event, and the event.
_BY_ID = "SELECT seq, body FROM events WHERE id = ?"
# Stored events by id, and erased ones by hash; `{0}` is the list of either.
_STORED = """
SELECT id, digest, time, time_given, body FROM events WHERE id {0}
UNION ALL SELECT hash, NULL, 0, 0, '' FROM erased_events WHERE hash {0}
"""
# The newest event of a kind.
_LATEST_OF_KIND = "SELECT id, time FROM events WHERE kind = ? ORDER BY time DESC LIMIT 1"
# Whether a key was deleted, and when it was used last.
_KEY_DELETED_AT = "SELECT deleted_at FROM keys WHERE id = ?"
_MARK_KEY_USED = "UPDATE keys SET last_used_at = ? WHERE id = ?"


def accept(
    session: Session,
    submission: intake.Submission,
    *,
    key: Key,
    now: datetime,
    strict_order: bool,
    arrivals: list[Arrival],
) -> tuple[intake.EntryResult, ...] | None:
    """Decide a submission and store its new events; None if its key was deleted while it arrived.

    The stored events are added to *arrivals*, which `senders.note` writes once for a batch.
    """
    row = session.execute(_KEY_DELETED_AT, (key.id,)).fetchone()
    if row is None or row[0] is not None:
        return None
    outcomes = evaluate(session, submission, strict_order=strict_order)
    received_at = to_us(now)
    created = [one.created for one in outcomes if one.created is not None]
    for place, repo in moves.follow(session, [(one.id, one.event) for one in created]).items():
        created[place] = created[place]._replace(event=created[place].event.replace(repo=repo))
    new = [_values(one, key.id, received_at) for one in created]
    insert_many(session, "events", _COLUMNS, new, in_order=True)
    spellings.note(session, (one.event.get("repo") for one in created))
    sent = (senders.who_sent(one.event.kind, one.event) for one in created)
    arrivals += (((*who, key.id), received_at) for who in sent)
    mark_key_used(session, key, now)
    return outcomes


def evaluate(
    session: Session, submission: intake.Submission, *, strict_order: bool
) -> tuple[intake.EntryResult, ...]:
    """Decide a submission against the stored events, and write nothing."""
    ids = [entry.id for entry in submission.entries if isinstance(entry, intake.Candidate)]
    existing, erased = _existing(session, ids)
    return intake.decide(
        submission.entries,
        existing=existing,
        erased=erased,
        latest=latest_events(session) if strict_order else None,
    )


def mark_key_used(session: Session, key: Key, now: datetime) -> None:
    """Record that *key* was used, unless this minute is recorded already."""
    if is_stale(key, now):
        session.execute(_MARK_KEY_USED, (to_us(now), key.id))


def is_stale(key: Key, now: datetime) -> bool:
    """Return whether the recorded last use of *key* is too old."""
    return key.last_used_at is None or now - key.last_used_at >= USED_EVERY


def latest_events(session: Session) -> LatestEvents:
    """Find the newest deploy and the newest incident event."""
    words = [kind.word for kind in KINDS if kind.field(INCIDENT_FIELD)]
    found = read_together(session, *(partial(_latest, session, word) for word in (DEPLOYED, *words)))
    return LatestEvents(found[0], max(filter(None, found[1:]), key=lambda event: event.at, default=None))


def delete(session: Session, id_: str, *, actor: str, now: datetime) -> bool:
    """Delete an event and copy it into an audit line; return False if there is no event with that id."""
    row = session.execute(_DELETE, (id_,)).fetchone()
    if row is None:
        return False
    *_, key_id, body, received_at = row
    deleted.forget(session, [row], to_us(now))
    detail = {"event": json.loads(body), intake.RECEIVED_AT: text_of_us(received_at), "key": key_id}
    write_audit(session, now, actor=actor, action="event.deleted", subject=id_, detail=detail)
    return True


def stored(session: Session, ids: Sequence[str]) -> dict[str, tuple[int, dict[str, Any]]]:
    """Return stored events by their ids, each with its number; those that are not stored are left out."""
    found = fetch_together(session, *((_BY_ID, (id_,)) for id_ in ids))
    each = ((id_, row) for id_, rows in zip(ids, found, strict=True) for row in rows)
    return {id_: (row[0], orjson.loads(row[1])) for id_, row in each}


def _existing(session: Session, ids: Sequence[str]) -> tuple[dict[str, intake.ExistingEvent], set[str]]:
    """Return the stored events with these ids, and the ids of those that were erased."""
    existing: dict[str, intake.ExistingEvent] = {}
    erased: set[str] = set()
    by_hash = deleted.hashes(ids)
    given = "= ANY(?::text[])" if takes_lists(session) else "IN (SELECT value FROM json_each(?))"
    lists = (among(session, ids), among(session, [*by_hash]))
    for id_, digest, time, time_given, body in session.execute(_STORED.format(given), lists):
        if digest is None:
            erased.add(by_hash[id_])
        else:
            existing[id_] = intake.ExistingEvent(digest.hex(), from_us(time), bool(time_given), body)
    return existing, erased


def _latest(session: Session, kind: str) -> LatestEvent | None:
    row = session.execute(_LATEST_OF_KIND, (kind,)).fetchone()
    return None if row is None else LatestEvent(row[0], kind, from_us(row[1]))


def _values(candidate: intake.Candidate, key_id: int, received_at: int) -> tuple[Any, ...]:
    event = candidate.event
    return (
        candidate.id,
        event.kind,
        to_us(candidate.time),
        int(candidate.time_given),
        event.get("repo"),
        event.get("environment"),
        event.get("service"),
        event.get(INCIDENT_FIELD),
        received_at,
        key_id,
        bytes.fromhex(candidate.digest),
        orjson.dumps(event.to_wire()).decode(),
    )
