"""Keys in the store: create, list, delete, find.

Those that take a store open it for one short transaction; the others run inside one.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gitdailies_core.error_text import got
from gitdailies_core.errors import UsageError
from gitdailies_core.values.secret import Secret
from gitdailies_core.values.times import optional_text, text_of
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import from_us, to_us, utc_now

from gitdailies_webhooks.accounts import keys
from gitdailies_webhooks.accounts.audit import write_audit
from gitdailies_webhooks.accounts.keys import Key
from gitdailies_webhooks.sql.database import Where, existing, transaction

_COLUMNS = "id, name, prefix, last4, allow, created_at, created_by, last_used_at, expires_at, deleted_at"
_BY_HASH = f"SELECT {_COLUMNS} FROM keys WHERE hash = ?"  # noqa: S608  the columns above


def create_key(
    where: Where,
    name: str,
    allow: Iterable[str] = (),
    expires_at: datetime | None = None,
    created_by: str = "",
) -> tuple[Secret, Key]:
    """Make a key in a store; the first of the two is the only copy of the key itself.

    Raises UsageError for a name that a live key has, an unknown right or an expiry that is past.
    """
    request, now = KeyRequest.make(name, allow, expires_at, now=utc_now()), utc_now()
    with transaction(where) as session:
        return add_key(session, request, actor=created_by, now=now)


def list_keys(where: Where, *, deleted: bool = False) -> list[Key]:
    """Return the keys, oldest first; those that were deleted only where *deleted* says so.

    Raises UsageError where a file is not there, as `delete_key` does.
    """
    with transaction(existing(where)) as session:
        return all_keys(session, deleted=deleted)


def delete_key(where: Where, name_or_prefix: str, deleted_by: str = "") -> Key:
    """Delete a key by its name, by the beginning of it that lists show, or by the key itself.

    From the moment this returns every request with it is refused. Raises UsageError where no live
    key, or more than one, is meant.
    """
    condition, value, said = _meant(name_or_prefix)
    with transaction(existing(where)) as session:
        found = _rows(session, f"{condition} AND deleted_at IS NULL", value)
        if len(found) != 1:
            live = ", ".join(f"{key.name} ({key.shown})" for key in _rows(session, "deleted_at IS NULL"))
            what = said if not found else f"{said}, which {len(found)} keys begin with: name one of them"
            raise UsageError(f"key: expected the name of a live key ({live or 'there is none'}), got {what}")
        remove_key(session, found[0], actor=deleted_by, now=utc_now())
    return found[0]


@dataclass(frozen=True)
class KeyRequest:
    """What a key is to be; build it with `make`."""

    name: str
    allow: frozenset[str]
    expires_at: datetime | None

    @classmethod
    def make(
        cls, name: str, allow: Iterable[str], expires_at: datetime | None, *, now: datetime
    ) -> KeyRequest:
        """Check it; raises UsageError."""
        if expires_at is not None and expires_at <= now:
            raise UsageError(f"expires: expected a time to come, got {text_of(expires_at)}")
        return cls(keys.checked_name(name), keys.rights(allow), expires_at)


def add_key(session: Session, request: KeyRequest, *, actor: str, now: datetime) -> tuple[Secret, Key]:
    """Make a key inside a transaction; raises UsageError for a name that a live key has."""
    if _rows(session, "name = ? AND deleted_at IS NULL", request.name):
        raise UsageError(
            f"name: expected one that no other key has, got {got(request.name)}; "
            "delete that key first or choose another name"
        )
    raw = keys.generate(secrets.choice)
    prefix, last4 = keys.shown_parts(raw)
    allow = sorted(request.allow)
    row = session.execute(
        "INSERT INTO keys (name, prefix, last4, hash, allow, created_at, created_by, expires_at)"  # noqa: S608  the columns above
        f" VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING {_COLUMNS}",
        (
            request.name,
            prefix,
            last4,
            keys.hash_of(raw),
            " ".join(allow),
            to_us(now),
            actor,
            to_us(request.expires_at),
        ),
    ).fetchone()
    key = _key(row)
    detail = {"name": key.name, "allow": allow, "expiresAt": optional_text(key.expires_at)}
    write_audit(session, now, actor=actor, action="key.created", subject=key.shown, detail=detail)
    return Secret(raw, origin=f"webhook key {key.name}"), key


def all_keys(session: Session, *, deleted: bool = False) -> list[Key]:
    """Return the keys, oldest first; those that were deleted only where *deleted* says so."""
    return _rows(session, "1 = 1" if deleted else "deleted_at IS NULL")


def key_of(session: Session, id_: int) -> Key | None:
    """Find a key that is not deleted by its number."""
    found = _rows(session, "id = ? AND deleted_at IS NULL", id_)
    return found[0] if found else None


def remove_key(session: Session, key: Key, *, actor: str, now: datetime) -> None:
    """Delete a key inside a transaction."""
    session.execute("UPDATE keys SET deleted_at = ? WHERE id = ?", (to_us(now), key.id))
    detail = {"name": key.name}
    write_audit(session, now, actor=actor, action="key.deleted", subject=key.shown, detail=detail)


def find_key(session: Session, hash_: bytes) -> Key | None:
    """Find a key, live or not, by the hash of it."""
    row = session.execute(_BY_HASH, (hash_,)).fetchone()
    return None if row is None else _key(row)


def _meant(text: str) -> tuple[str, str | bytes, str]:
    """Return how to look for a key that is named so, and how to say it without showing one."""
    if keys.well_formed(text):
        return "hash = ?", keys.hash_of(text), "a key that is not live"
    if text.startswith(keys.PREFIX):
        # Lists show the beginning, "…" and four more characters; whatever follows is left aside.
        prefix = text[: keys.SHOWN]
        return "prefix = ?", prefix, got(prefix)
    return "name = ?", text, got(text)


def _rows(session: Session, condition: str, *values: Any) -> list[Key]:
    query = f"SELECT {_COLUMNS} FROM keys WHERE {condition} ORDER BY id"  # noqa: S608  conditions of this file
    return [_key(row) for row in session.execute(query, values)]


def _key(row: tuple[Any, ...]) -> Key:
    id_, name, prefix, last4, allow, created_at, created_by, *moments = row
    last_used_at, expires_at, deleted_at = (None if m is None else from_us(m) for m in moments)
    return Key(
        id=id_,
        name=name,
        prefix=prefix,
        last4=last4,
        allow=frozenset(allow.split()),
        created_at=from_us(created_at),
        created_by=created_by,
        last_used_at=last_used_at,
        expires_at=expires_at,
        deleted_at=deleted_at,
    )
