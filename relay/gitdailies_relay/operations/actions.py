"""What people did with commands and pages, and why: `relay show` and `relay explain` read it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gitdailies_core.values.times import text_of
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import from_us, now_us

DISCARDED, CLOSED, PAUSED, RESUMED = "discarded", "closed", "paused", "resumed"
CONFIRMED = "confirmed"
REPLAYED, REQUEUED = "replayed", "requeued"

_ADD = "INSERT INTO actions (at, person, action, subject, reason) VALUES (?,?,?,?,?)"
_OF = "SELECT at, person, action, subject, reason FROM actions WHERE subject = ? ORDER BY seq"


def note(session: Session, action: str, subjects: Iterable[str], *, person: str, reason: str) -> None:
    """Note that *person* did this to each of *subjects*, in the caller's transaction."""
    at = now_us()
    session.executemany(_ADD, [(at, person, action, subject, reason) for subject in subjects])


def actions_on(session: Session, subjects: Iterable[str]) -> list[dict[str, Any]]:
    """Return what was done to any of *subjects*, for JSON, the oldest first."""
    rows = [row for subject in subjects for row in session.execute(_OF, (subject,)).fetchall()]
    return [
        {"at": text_of(from_us(at)), "person": person, "action": action, "subject": subject, "reason": reason}
        for at, person, action, subject, reason in sorted(rows)
    ]
