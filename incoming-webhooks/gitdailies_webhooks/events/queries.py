"""What is said to the store, each function inside a transaction that the caller began.

Driver statements, without SQLAlchemy in between: this is the path of every event.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from types import MappingProxyType
from typing import Any

from gitdailies_core.events.events import DEPLOYED, KINDS, Kind
from gitdailies_core.values.times import text_of
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import from_us, to_us

from gitdailies_webhooks.accounts.audit import write_audit
from gitdailies_webhooks.accounts.keys import Key
from gitdailies_webhooks.events import change_log
from gitdailies_webhooks.events.intake import RECEIVED_AT, Candidate, Known, Outcome, Submission, decide
from gitdailies_webhooks.events.query import FILTERS, Listing
from gitdailies_webhooks.events.strict_order import INCIDENT_FIELD, Mark, Newest

# Below what any build of SQLite takes as parameters of one statement.
_AT_ONCE = 500

# `last used` is kept to the minute: it is for people, and not worth a write a request.
USED_EVERY = timedelta(minutes=1)

_WILD = re.compile(r"[!%_]")

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_INSERT = (
    "INSERT INTO events (id, kind, time, time_given, repo, environment, service, incident_id,"
    " received_at, key_id, digest, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_KNOWN = "SELECT id, digest, time, time_given FROM events WHERE id"


@dataclass(frozen=True)
class Row:
    """An event as it is listed: its cursor and its JSON."""

    seq: int
    body: str


@dataclass(frozen=True)
class Stored:
    """An event as pages show it: with what the receiver knows of it."""

    seq: int
    id: str
    body: str
    time: datetime
    received_at: datetime
    key: str


def take(
    session: Session,
    submission: Submission,
    *,
    key: Key,
    now: datetime,
    strict_order: bool,
) -> tuple[Outcome, ...] | None:
    """Decide and write a submission; None where its key was deleted while the body came in."""
    row = session.execute("SELECT deleted_at FROM keys WHERE id = ?", (key.id,)).fetchone()
    if row is None or row[0] is not None:
        return None
    outcomes = weigh(session, submission, strict_order=strict_order)
    received_at = to_us(now)
    session.executemany(
        _INSERT,
        (
            _values(outcome.created, key.id, received_at)
            for outcome in outcomes
            if outcome.created is not None
        ),
    )
    use(session, key, now)
    return outcomes


def weigh(session: Session, submission: Submission, *, strict_order: bool) -> tuple[Outcome, ...]:
    """Decide a submission against what is stored, and write nothing."""
    ids = [entry.id for entry in submission.entries if isinstance(entry, Candidate)]
    return decide(
        submission.entries,
        known=dict(_known(session, ids)),
        newest=newest(session) if strict_order else None,
    )


def use(session: Session, key: Key, now: datetime) -> None:
    """Write down that *key* was used, unless that stands there already for this minute."""
    if unused(key, now):
        session.execute("UPDATE keys SET last_used_at = ? WHERE id = ?", (to_us(now), key.id))


def unused(key: Key, now: datetime) -> bool:
    """Whether the last use of *key* that is written down is too long ago."""
    return key.last_used_at is None or now - key.last_used_at >= USED_EVERY


def newest(session: Session, kinds: tuple[Kind, ...] = KINDS) -> Newest:
    """Find the newest deploy and the newest incident event."""
    words = [kind.word for kind in kinds if kind.field(INCIDENT_FIELD)]
    incidents = [mark for word in words if (mark := _mark(session, word)) is not None]
    return Newest(_mark(session, DEPLOYED), max(incidents, key=lambda mark: mark.at, default=None))


def delete(session: Session, id_: str, *, actor: str, now: datetime) -> bool:
    """Delete an event and keep it in an audit line; False where there is none of that id."""
    row = session.execute(
        "DELETE FROM events WHERE id = ? RETURNING body, received_at, key_id, repo, incident_id",
        (id_,),
    ).fetchone()
    if row is None:
        return False
    body, received_at, key_id, repo, incident = row
    if repo is not None:
        change_log.note(session, [(id_, repo, incident)], to_us(now))
    detail = {"event": json.loads(body), RECEIVED_AT: text_of(from_us(received_at)), "key": key_id}
    write_audit(session, now, actor=actor, action="event.deleted", subject=id_, detail=detail)
    return True


def listed(session: Session, listing: Listing, *, after: int, limit: int) -> list[Row]:
    """Read the next *limit* events of a listing behind the cursor *after*."""
    conditions, values = _matching(listing.filters)
    query = f"SELECT seq, received_at, body FROM events WHERE seq > ?{conditions} ORDER BY seq LIMIT ?"  # noqa: S608  columns of FILTERS
    return [
        # The stored text is an object that is never empty and never has this name.
        Row(seq, f'{body[:-1]},"{RECEIVED_AT}":"{text_of(from_us(received_at))}"}}')
        for seq, received_at, body in session.execute(query, (after, *values, limit))
    ]


def newest_first(
    session: Session,
    *,
    filters: Mapping[str, str] = MappingProxyType({}),
    search: str = "",
    before: int | None = None,
    limit: int,
) -> list[Stored]:
    """Read the last *limit* events before a cursor; *search* is sought in all of an event's text."""
    conditions, values = _matching(filters)
    if search:
        conditions += " AND lower(events.body) LIKE lower(?) ESCAPE '!'"
        values = (*values, "%" + _WILD.sub(r"!\g<0>", search) + "%")
    query = (
        "SELECT seq, events.id, body, time, received_at, keys.name FROM events"  # noqa: S608  columns of FILTERS
        f" JOIN keys ON keys.id = events.key_id WHERE seq < ?{conditions} ORDER BY seq DESC LIMIT ?"
    )
    return [
        Stored(seq, id_, body, from_us(time), from_us(received_at), key)
        for seq, id_, body, time, received_at, key in session.execute(
            query, (2**62 if before is None else before, *values, limit)
        )
    ]


def _matching(filters: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """Return the conditions that filters are, each with AND before it, and their values."""
    conditions = ""
    for name in filters:
        column, exact = FILTERS[name]
        # Whoever filters by "" asks for the events that say nothing there.
        conditions += (
            f" AND coalesce({column}, '') = ?" if exact else f" AND lower(coalesce({column}, '')) = lower(?)"
        )
    return conditions, tuple(filters.values())


def _known(session: Session, ids: Sequence[str]) -> Iterator[tuple[str, Known]]:
    takes_lists = getattr(session, "takes_lists", False)
    for chunk in _chunks(ids):
        if takes_lists and len(chunk) > 1:
            # Else it would prepare, and keep, a statement for each length that a list of events has.
            found = session.execute(f"{_KNOWN} = ANY(?::text[])", (chunk,))
        else:
            found = session.execute(f"{_KNOWN} IN ({', '.join('?' * len(chunk))})", chunk)
        for id_, digest, time, time_given in found:
            yield id_, Known(digest.hex(), from_us(time), bool(time_given))


def _chunks(ids: Iterable[str]) -> Iterator[list[str]]:
    waiting = iter(ids)
    while chunk := list(islice(waiting, _AT_ONCE)):
        yield chunk


def _mark(session: Session, kind: str) -> Mark | None:
    row = session.execute(
        "SELECT id, time FROM events WHERE kind = ? ORDER BY time DESC LIMIT 1", (kind,)
    ).fetchone()
    return None if row is None else Mark(row[0], kind, from_us(row[1]))


def _values(candidate: Candidate, key_id: int, received_at: int) -> tuple[Any, ...]:
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
        _encode(event.to_wire()),
    )
