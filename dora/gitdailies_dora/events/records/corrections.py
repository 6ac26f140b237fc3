"""Corrections in the store. Each function runs inside a transaction of its caller.

`figures.history.corrections` says what each of them means. People make few of them, so all are read at once.
"""

from collections.abc import Iterable
from typing import NamedTuple

from gitdailies_server.storage.database import Session

from gitdailies_dora.figures.history.corrections import MOVED, NONE, REWORK, Correction, Corrections, key_of

_ALL = "SELECT event, what, deploy FROM corrections WHERE what <> 'moved'"
_ONE = "SELECT event, what, deploy, reason, actor, at FROM corrections WHERE event = ?"
_WRITE = (
    "INSERT INTO corrections (event, what, deploy, reason, actor, at) VALUES (?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (event) DO UPDATE SET what = excluded.what, deploy = excluded.deploy,"
    " reason = excluded.reason, actor = excluded.actor, at = excluded.at"
)
_DELETE = "DELETE FROM corrections WHERE event = ?"


class StoredCorrection(NamedTuple):
    """A correction of an event, as `key_of` writes it, with who made it, when (µs) and why."""

    event: str
    what: str
    deploy: str | None
    reason: str
    actor: str
    at: int


def all_corrections(session: Session) -> Corrections:
    """Return every correction of what an event counts for, by the id of the event that it is about."""
    found = session.execute(_ALL).fetchall()
    return {event: Correction(what, deploy) for event, what, deploy in found} if found else NONE


def correction_of(session: Session, event: str) -> StoredCorrection | None:
    """Return the correction of an event, or None."""
    row = session.execute(_ONE, (event,)).fetchone()
    return None if row is None else StoredCorrection(*row)


def write(session: Session, correction: StoredCorrection) -> None:
    """Store a correction, in place of an earlier one of the same event."""
    session.execute(_WRITE, tuple(correction))


def delete_one(session: Session, key: str) -> None:
    """Delete one correction, which is undone."""
    session.execute(_DELETE, (key,))


def delete(session: Session, events: Iterable[str]) -> None:
    """Delete the corrections of events, with these."""
    keys = [(key,) for event in events for key in (event, key_of(event, REWORK), key_of(event, MOVED))]
    session.executemany(_DELETE, keys)
