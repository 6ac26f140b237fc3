"""Webhook keys and the read tokens of people in the store: create, list, delete, find.

A read token is a key with a person, that may only read. It ends with the person.

Functions that take a location open the store for one short transaction. The others run inside one.
"""

import secrets
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from gitdailies_core.error_text import got
from gitdailies_core.errors import UsageError
from gitdailies_core.events.events import DEPLOYED
from gitdailies_core.values.secret import Secret
from gitdailies_core.values.times import optional_text, text_of
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import from_us, to_us, utc_now

from gitdailies_dora.accounts.audit import write_audit
from gitdailies_dora.accounts.keys import webhook_key as keys
from gitdailies_dora.accounts.keys.webhook_key import NO_LIMITS, Key, Limits
from gitdailies_dora.accounts.keys.wrong_requests import forget_wrong
from gitdailies_dora.sql.database import StoreLocation, existing_database, transaction

_COLUMNS = (
    "id, name, prefix, last4, allow, created_at, created_by, last_used_at, expires_at, deleted_at, person_id"
)

# A key that is no read token.
_OF_NOBODY = "person_id IS NULL"
# Per person.
MOST_TOKENS = 20
MOST_REPORTED = 200
# How long a key works that was replaced.
OVERLAP = timedelta(days=7)

# Keys that match a condition, oldest first; the condition takes the place of `{}`.
_SELECT = f"SELECT {_COLUMNS} FROM keys WHERE {{}} ORDER BY id"  # noqa: S608  the columns above
# Find one key, by the hash of it.
_BY_HASH = f"SELECT {_COLUMNS} FROM keys WHERE hash = ?"  # noqa: S608  the columns above
# Store a new key and return it.
_INSERT = (
    "INSERT INTO keys (name, prefix, last4, hash, allow, created_at, created_by, expires_at, person_id)"  # noqa: S608  the columns above
    f" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING {_COLUMNS}"
)
# Store the row of CI jobs without a key, unless the table has it.
_INSERT_KEYLESS = (
    "INSERT INTO keys (name, prefix, last4, hash, allow, created_at, created_by)"
    " VALUES (?, ?, '', ?, ?, ?, 'dora.trusted_ci') ON CONFLICT (hash) DO NOTHING"
)
# The repositories that were reported with a key: the first and the last time, and the number of events.
_REPORTED = (
    "SELECT repo, min(received_at), max(received_at), count(*) FROM events WHERE key_id = ?"
    " GROUP BY repo ORDER BY max(received_at) DESC LIMIT ?"
)
# Delete a key; its row stays for the events and audit lines that refer to it.
_DELETE = "UPDATE keys SET deleted_at = ? WHERE id = ?"
# Leave its name to the key that replaces it.
_STEP_BACK = "UPDATE keys SET name = ?, expires_at = ? WHERE id = ?"


def create_key(
    location: StoreLocation,
    name: str,
    allow: Collection[str] = (),
    expires_at: datetime | None = None,
    created_by: str = "",
    limits: Limits = NO_LIMITS,
) -> tuple[Secret, Key]:
    """Create a key in a store. The secret that is returned is the only copy of the key itself.

    Raises UsageError for a name that another valid key has, an unknown right, limits of a key that does not
    only send, or a past expiry.
    """
    now = utc_now()
    _checked(name, allow, expires_at, limits, now)  # before a store is made for it
    with transaction(location) as session:
        return add_key(session, name, allow, expires_at, limits, actor=created_by, now=now)


def list_keys(location: StoreLocation, *, deleted: bool = False) -> list[Key]:
    """Return the keys of a store, oldest first; with *deleted*, deleted ones too.

    Raises UsageError for an SQLite file that does not exist, as `delete_key` does.
    """
    with transaction(existing_database(location)) as session:
        return all_keys(session, deleted=deleted)


def delete_key(location: StoreLocation, name_or_prefix: str, deleted_by: str = "") -> Key:
    """Delete a key, given its name, the beginning that lists show, or the key itself.

    Every request with the key is refused from the moment this returns. Raises UsageError if no key, or
    more than one, fits.
    """
    with transaction(existing_database(location)) as session:
        key = _only(session, name_or_prefix)
        remove_key(session, key, actor=deleted_by, now=utc_now())
    return key


def replace_key(
    location: StoreLocation, name_or_prefix: str, old_until: datetime | None = None, replaced_by: str = ""
) -> tuple[Secret, Key, Key]:
    """Create a key that replaces another, as `put_in_place` does, given as for `delete_key`."""
    with transaction(existing_database(location)) as session:
        key = _only(session, name_or_prefix)
        return put_in_place(session, key, until=old_until, actor=replaced_by, now=utc_now())


def _only(session: Session, name_or_prefix: str) -> Key:
    condition, value, not_found = _lookup(name_or_prefix)
    found = _rows(session, f"{condition} AND deleted_at IS NULL", value)
    if len(found) != 1:
        others = found or all_keys(session)
        names = ", ".join(f"{key.name} ({key.shown})" for key in others) or "none"
        if found:
            raise UsageError(f"key: more than one key fits; give the name of one: {names}")
        raise UsageError(f"key: {not_found}; keys of this store: {names}")
    return found[0]


def add_key(
    session: Session,
    name: str,
    allow: Collection[str],
    expires_at: datetime | None,
    limits: Limits = NO_LIMITS,
    *,
    actor: str,
    now: datetime,
    person_id: int | None = None,
) -> tuple[Secret, Key]:
    """Create a key inside a transaction, or the read token of a person.

    Raises UsageError as `create_key` does, for a name that another token of the person has, and if the person
    has too many tokens.
    """
    words = _checked(name, allow, expires_at, limits, now)
    live = all_keys(session) if person_id is None else tokens_of(session, person_id)
    what = "key" if person_id is None else "token"
    if any(key.name == name for key in live):
        raise UsageError(
            f"name: another {what} has the name {got(name)}; delete that {what} first, or choose another name"
        )
    if person_id is not None and len(live) >= MOST_TOKENS:
        raise UsageError(f"name: you have {MOST_TOKENS} tokens; delete one that you no longer use first")
    raw = keys.generate(secrets.choice)
    prefix, last4 = keys.shown_parts(raw)
    values = (name, prefix, last4, keys.hash_of(raw), " ".join(words))
    row = session.execute(_INSERT, (*values, to_us(now), actor, to_us(expires_at), person_id)).fetchone()
    key = _key(row)
    detail = {"name": key.name, "allow": words, "expiresAt": optional_text(key.expires_at)}
    write_audit(session, now, actor=actor, action=f"{what}.created", subject=key.shown, detail=detail)
    origin = f"webhook key {key.name}" if person_id is None else f"read token {key.name}"
    return Secret(raw, origin=origin), key


def _checked(
    name: str, allow: Collection[str], expires_at: datetime | None, limits: Limits, now: datetime
) -> list[str]:
    """Check a key to create; return the words of its rights and limits."""
    if expires_at is not None and expires_at <= now:
        raise UsageError(f"expires: expected a time in the future, got {text_of(expires_at)}")
    keys.checked_name(name)
    rights = keys.checked_rights(allow)
    return [*sorted(rights), *keys.checked_limits(limits, rights).words()]


def keyless(session: Session, name: str, *, now: datetime) -> Key:
    """Return the entry for CI jobs of *name* without a key; the first job creates it.

    No one can send its hash, because the name does not have the form of a key.
    """
    values = (name, keys.KEYLESS, keys.hash_of(name), DEPLOYED, to_us(now))
    session.execute(_INSERT_KEYLESS, values)
    found = find_key(session, keys.hash_of(name))
    assert found is not None, "it was inserted, or was there"
    return found


def reported_with(session: Session, key: Key) -> list[tuple[str, datetime, datetime, int]]:
    """Return the repositories of the events of a key, the last first: the first, the last, and how many."""
    rows = session.execute(_REPORTED, (key.id, MOST_REPORTED)).fetchall()
    return [(repo, from_us(first), from_us(last), events) for repo, first, last, events in rows]


def put_in_place(
    session: Session,
    key: Key,
    *,
    until: datetime | None = None,
    leaked: bool = False,
    actor: str,
    now: datetime,
) -> tuple[Secret, Key, Key]:
    """Create a key with the name, the rights and the limits of another, inside a transaction.

    It lasts as long as the other was to. The other one has another name from now on, and works until *until*,
    for a week unless given. One that has *leaked* is deleted at once. Returns the secret, the new key and the
    other one. Raises UsageError for a read token, and if *until* is past.
    """
    if key.is_token:
        raise UsageError("key: this is a read token; its person creates another one on the pages")
    _refuse_keyless(key)
    until = now + OVERLAP if until is None else until
    if until <= now:
        raise UsageError(f"until: expected a time in the future, got {text_of(until)}")
    last = until if key.expires_at is None else min(until, key.expires_at)
    old = replace(key, name=f"{key.name[:88]} (old {key.last4})", expires_at=last)
    session.execute(_STEP_BACK, (old.name, to_us(last), key.id))
    expires_at = None if key.expires_at is None else now + (key.expires_at - key.created_at)
    detail = {"name": key.name, "until": text_of(now if leaked else last)}
    write_audit(session, now, actor=actor, action="key.replaced", subject=key.shown, detail=detail)
    if leaked:
        remove_key(session, old, actor=actor, now=now)
        old = replace(old, deleted_at=now)
    return *add_key(session, key.name, key.allow, expires_at, key.limits, actor=actor, now=now), old


def all_keys(session: Session, *, deleted: bool = False) -> list[Key]:
    """Return the keys without read tokens, oldest first; with *deleted*, deleted ones too."""
    return _rows(session, _OF_NOBODY if deleted else f"{_OF_NOBODY} AND deleted_at IS NULL")


def tokens_of(session: Session, person_id: int) -> list[Key]:
    """Return the read tokens of a person, oldest first."""
    return _rows(session, "person_id = ? AND deleted_at IS NULL", person_id)


def find_key_by_id(session: Session, id_: int) -> Key | None:
    """Find a key by its number; None if there is none, or if it is deleted or a read token."""
    found = _rows(session, f"id = ? AND {_OF_NOBODY} AND deleted_at IS NULL", id_)
    return found[0] if found else None


def remove_key(session: Session, key: Key, *, actor: str, now: datetime) -> None:
    """Delete a key inside a transaction; raises UsageError for the entry of CI jobs without a key."""
    _refuse_keyless(key)
    session.execute(_DELETE, (to_us(now), key.id))
    forget_wrong(session, key.id)
    detail, what = {"name": key.name}, "token" if key.is_token else "key"
    write_audit(session, now, actor=actor, action=f"{what}.deleted", subject=key.shown, detail=detail)


def remove_tokens_of(session: Session, person_id: int, *, actor: str, now: datetime) -> None:
    """Delete every read token of a person inside a transaction."""
    for token in tokens_of(session, person_id):
        remove_key(session, token, actor=actor, now=now)


def find_key(session: Session, hash_: bytes) -> Key | None:
    """Find a key by its hash, also one that is deleted or expired."""
    row = session.execute(_BY_HASH, (hash_,)).fetchone()
    return None if row is None else _key(row)


def _refuse_keyless(key: Key) -> None:
    if key.is_keyless:
        raise UsageError(f"{key.name}: this is no key; remove the issuer from dora.trusted_ci in its place")


def _lookup(text: str) -> tuple[str, str | bytes, str]:
    """Return how to find the key that a person named, and the message if there is none; it shows no key."""
    if keys.well_formed(text):
        return "hash = ?", keys.hash_of(text), "this store has no such key"
    if text.startswith(keys.PREFIX):
        # Lists show the beginning, "…" and four more characters. Only the beginning is compared.
        prefix = text[: keys.SHOWN]
        return "prefix = ?", prefix, f"no key begins with {got(prefix)}"
    return f"name = ? AND {_OF_NOBODY}", text, f"no key has the name {got(text)}"


def _rows(session: Session, condition: str, *values: Any) -> list[Key]:
    return [_key(row) for row in session.execute(_SELECT.format(condition), values)]


def _key(row: tuple[Any, ...]) -> Key:
    id_, name, prefix, last4, allow, created, created_by, *moments, person_id = row
    used, expires, deleted = map(from_us, moments)
    rights, limits = keys.stored(allow)
    made = (rights, from_us(created), created_by)
    return Key(id_, name, prefix, last4, *made, used, expires, deleted, person_id, limits)
