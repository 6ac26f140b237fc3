"""The traces of deleted events: all that other tables say about them. A hash of erased ones stays.

The hash of its id is enough to recognize a repeat. Each function runs inside a transaction of its caller.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import orjson
from gitdailies_server.storage.database import Session

from gitdailies_dora.events.records import change_log, corrections, senders, spellings

# The end of a statement that deletes events; `forget` takes what it returns.
DELETED = "RETURNING id, repo, incident_id, key_id, body, received_at"
# Delete the next events that happened before a moment, up to a number.
DELETE_OLD = (
    "DELETE FROM events WHERE seq IN (SELECT seq FROM events WHERE time < ? ORDER BY seq LIMIT ?)"  # noqa: S608  a constant
    f" {DELETED}"
)
_REMEMBER = "INSERT INTO erased_events (hash, at) VALUES (?, ?) ON CONFLICT DO NOTHING"
_HASH_LENGTH = 32


def forget(session: Session, deleted: Sequence[Sequence[Any]], now: int) -> None:
    """Forget deleted events inside the same transaction, and have the figures derived without them."""
    corrections.delete(session, (id_ for id_, *_ in deleted))
    spellings.forget(session, (repo for _, repo, *_ in deleted))
    senders.forget(session, ((orjson.loads(body), key) for *_, key, body, _ in deleted))
    noted = [(id_, repo, incident) for id_, repo, incident, *_ in deleted if repo is not None]
    change_log.note_changes(session, noted, now)


def remember(session: Session, ids: Iterable[str], at: int) -> None:
    """Remember that the events with these ids were erased *at* (µs)."""
    session.executemany(_REMEMBER, [(hash_, at) for hash_ in hashes(ids)])


def hashes(ids: Iterable[str]) -> dict[str, str]:
    """Return ids by the stored hashes of the ids of erased events."""
    return {hashlib.sha256(id_.encode()).hexdigest()[:_HASH_LENGTH]: id_ for id_ in ids}
