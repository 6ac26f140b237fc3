"""Links of screens in the store. Each function runs inside a transaction of its caller."""

from datetime import datetime
from typing import Any

from gitdailies_core.error_text import got
from gitdailies_core.errors import UsageError
from gitdailies_core.values.times import text_of
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import from_us, to_us

from gitdailies_dora.accounts.audit import write_audit
from gitdailies_dora.accounts.screens import MOST_SCREENS, MOST_SHARED, SHARED_REVIEW, Screen

# The audit trail says who made a link.
_COLUMNS = (
    "id, name, created_at, expires_at, seen_at, (SELECT actor FROM audit WHERE action = 'screen.created'"
    " AND subject = screens.name AND at = screens.created_at LIMIT 1)"
)
_ALL = f"SELECT {_COLUMNS} FROM screens ORDER BY id"  # noqa: S608  the columns above
_BY_HASH = f"SELECT {_COLUMNS} FROM screens WHERE hash = ?"  # noqa: S608  the columns above
_ADD = "INSERT INTO screens (name, hash, created_at, expires_at) VALUES (?, ?, ?, ?)"
_SEEN = "UPDATE screens SET seen_at = ? WHERE id = ?"
_REMOVE_OLD = "DELETE FROM screens WHERE name LIKE ? AND expires_at <= ?"
_REMOVE = "DELETE FROM screens WHERE id = ?"


def add(
    session: Session, hash_: bytes, *, name: str, expires_at: datetime, actor: str, now: datetime
) -> None:
    """Add a link, and delete expired links of reviews. Raises UsageError for the name of another screen.

    Raises UsageError, too, if there are too many.
    """
    session.execute(_REMOVE_OLD, (f"{SHARED_REVIEW}%", to_us(now)))
    is_review = name.startswith(SHARED_REVIEW)
    screens = [screen for screen in all_screens(session) if bool(screen.review) == is_review]
    if not is_review and any(screen.name == name for screen in screens):
        raise UsageError(f"name: another screen has the name {got(name)}; choose another name")
    most, what = (MOST_SHARED, "links of reviews") if is_review else (MOST_SCREENS, "screens")
    if len(screens) >= most:
        raise UsageError(f"name: there are {most} {what}; remove one that is not used first")
    session.execute(_ADD, (name, hash_, to_us(now), to_us(expires_at)))
    detail = {"expiresAt": text_of(expires_at)}
    write_audit(session, now, actor=actor, action="screen.created", subject=name, detail=detail)


def all_screens(session: Session) -> list[Screen]:
    """Return every link, oldest first, also those that expired."""
    return [_screen(row) for row in session.execute(_ALL)]


def find(session: Session, hash_: bytes, now: datetime) -> Screen | None:
    """Find a link that can be used."""
    row = session.execute(_BY_HASH, (hash_,)).fetchone()
    screen = None if row is None else _screen(row)
    return screen if screen is not None and screen.is_valid(now) else None


def mark_seen(session: Session, id_: int, now: datetime) -> None:
    """Record that a screen asked."""
    session.execute(_SEEN, (to_us(now), id_))


def remove(session: Session, screen: Screen, *, actor: str, now: datetime) -> None:
    """Remove a link; every request with it is refused from then on."""
    session.execute(_REMOVE, (screen.id,))
    write_audit(session, now, actor=actor, action="screen.removed", subject=screen.name, detail={})


def _screen(row: tuple[Any, ...]) -> Screen:
    id_, name, created_at, expires_at, seen_at, made_by = row
    return Screen(id_, name, from_us(created_at), from_us(expires_at), from_us(seen_at), made_by or "")
