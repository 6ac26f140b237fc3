"""The ids of erased events, as hashes: enough to recognize a repeat, and no text.

Each function runs inside a transaction of its caller.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from gitdailies_server.storage.database import Session

_REMEMBER = "INSERT INTO erased_events (hash, at) VALUES (?, ?) ON CONFLICT DO NOTHING"
_HASH_LENGTH = 32


def hash_of(id_: str) -> str:
    """Return what is stored of the id of an erased event."""
    return hashlib.sha256(id_.encode()).hexdigest()[:_HASH_LENGTH]


def remember(session: Session, ids: Iterable[str], at: int) -> None:
    """Remember that the events with these ids were erased *at* (µs)."""
    session.executemany(_REMEMBER, [(hash_of(id_), at) for id_ in ids])


def is_any(session: Session) -> bool:
    """Whether any event was erased, ever."""
    return session.execute("SELECT 1 FROM erased_events LIMIT 1").fetchone() is not None


def hashes(ids: Sequence[str]) -> dict[str, str]:
    """Return the id of each hash."""
    return {hash_of(id_): id_ for id_ in ids}
