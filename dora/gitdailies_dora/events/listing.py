"""Lists of events: filtered, searched, in the order of arrival or of time, page by page.

Each function runs inside a transaction of its caller. A list is put together from parts. Each part is what
one look into an index finds, in the order of that index: an incident, a spelling of a repository, or a kind.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

import orjson
from gitdailies_core.events.events import INCIDENT_STARTED
from gitdailies_core.values.renames import NO_RENAMES, Renames
from gitdailies_server.round_trips import fetch_together, read_together
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import from_us, text_of_us

from gitdailies_dora.events.intake import RECEIVED_AT
from gitdailies_dora.events.query import (
    EARLIEST,
    END,
    EVERYTHING,
    FILTERS,
    HAPPENED,
    LATEST,
    Condition,
    Listing,
    Position,
    Wanted,
    like,
)
from gitdailies_dora.events.records import spellings
from gitdailies_dora.sql.bulk import takes_lists

# Up to this many events of a period are sorted by arrival. For more, all are read in that order.
NARROW = 10_000

# Events that meet some conditions, in an order.
_LIST = (
    "SELECT seq, time, received_at, body, events.id, keys.name, kind FROM events"
    " JOIN keys ON keys.id = events.key_id WHERE {} ORDER BY {} LIMIT ?"
)
# The number of the event that was stored last. Events get their numbers in the order of their commits.
# The newest event may have been deleted, and its number is never given again.
_STORE_END = (
    "SELECT coalesce((SELECT max(seq) FROM events), 0),"
    " (SELECT value FROM store_facts WHERE name = 'epoch'), {}"
)
_LAST_EVER = {
    False: "coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0)",
    True: "coalesce(pg_sequence_last_value(pg_get_serial_sequence('events', 'seq')::regclass), 0)",
}
# How many events meet some conditions, up to a number.
_COUNT = "SELECT count(*) FROM (SELECT 1 FROM events WHERE {} LIMIT ?) AS found"
# Every kind of event that is here, one step in the index for each.
_KINDS = """
WITH RECURSIVE known(kind) AS (
 SELECT min(kind) FROM events
 UNION ALL
 SELECT (SELECT min(kind) FROM events WHERE kind > known.kind) FROM known WHERE known.kind IS NOT NULL
)
SELECT kind FROM known WHERE kind IS NOT NULL
"""

_ALL = Condition("", ())
# What an index finds. Other conditions are written so that no index fits them: `+ 0`, `coalesce`.
_FOUND_BY = "{} = ?"
_IN_PERIOD, _FILTERED_BY_PERIOD = "time >= ? AND time < ?", "time + 0 >= ? AND time + 0 < ?"
_EQUAL, _EQUAL_IN_ANY_CASE = "coalesce({}, '') = ?", "lower(coalesce({}, '')) = lower(?)"
_STORED_BEFORE = "events.seq + 0 <= ?"
_CONTAINS = "lower(events.body) LIKE lower(?) ESCAPE '!'"
_INCIDENT, _REPO, _KIND = "incidentId", "repo", "kind"


@dataclass(frozen=True)
class StoredEvent:
    """An event of a list: its number, its JSON, when it came and with which key."""

    seq: int
    id: str
    body: str
    time: datetime
    received_at: datetime
    key: str
    position: Position
    kind: str = ""


def list_events(session: Session, listing: Listing, *, after: Position, limit: int) -> list[StoredEvent]:
    """Read the next *limit* events of a listing behind the position *after*."""
    rows = _read(session, listing.wanted, after, limit, newest=listing.backward)
    renames = listing.wanted.renames
    return [_stored((*row[:3], with_arrival(shown(row[3], renames), row[2]), *row[4:])) for row in rows]


def shown(body: str, renames: Renames) -> str:
    """Return the JSON of an event with the present name of its repository."""
    if not renames.pairs:
        return body
    event = orjson.loads(body)
    repo = event.get("repo")
    if repo is None or renames.present(repo) == repo:
        return body
    return orjson.dumps({**event, "repo": renames.present(repo)}).decode()


def with_arrival(body: str, received_at: int) -> str:
    """Return the JSON of an event with the time (µs) at which it was received."""
    # The stored text is a JSON object that is not empty and that has no field of this name.
    return f'{body[:-1]},"{RECEIVED_AT}":"{text_of_us(received_at)}"}}'


def texts_of(body: str, renames: Renames = NO_RENAMES) -> dict[str, str]:
    """Return the fields of an event that are text, by their names; *body* is its JSON.

    The repository has its present name.
    """
    texts = {name: value for name, value in orjson.loads(body).items() if isinstance(value, str)}
    return {**texts, "repo": renames.present(texts["repo"])} if "repo" in texts else texts


class StoreEnd(NamedTuple):
    """The number of the event that was stored last, or 0; the epoch; the largest number that an event had."""

    last: int
    epoch: str
    last_ever: int

    def cursor(self, position: Position, order: str) -> str:
        """Return the cursor of a position, for `after`."""
        return f"{self.epoch}.{position.text(order)}"


def store_end(session: Session) -> StoreEnd:
    """Return where the store ends now."""
    return StoreEnd(*session.execute(_STORE_END.format(_LAST_EVER[takes_lists(session)])).fetchone())


def up_to(listing: Listing, number: int) -> Listing:
    """Return a listing without the events that were stored after the one with *number*."""
    also = (*listing.wanted.also, Condition(_STORED_BEFORE, (number,)))
    return replace(listing, wanted=replace(listing.wanted, also=also))


def newest_events(
    session: Session, wanted: Wanted = EVERYTHING, *, before: Position = END, limit: int
) -> list[StoredEvent]:
    """Read up to *limit* events before a position, the last in their order first."""
    return list(map(_stored, _read(session, wanted, before, limit, newest=True)))


def event_numbered(session: Session, seq: int) -> StoredEvent | None:
    """Return the event with a number, or None."""
    found = newest_events(session, before=Position(LATEST, seq + 1), limit=1)
    return found[0] if found and found[0].seq == seq else None


def event_with_id(session: Session, id_: str) -> StoredEvent | None:
    """Return the event with an id, or None."""
    return _one(session, "events.id = ?", id_)


def incident_with_id(session: Session, id_: str) -> StoredEvent | None:
    """Return the start with an id, else the newest start of the incident with it, else the event with it."""
    found: list[StoredEvent | None] = read_together(
        session, partial(event_with_id, session, id_), partial(newest_start, session, id_)
    )
    event, newest = found
    return event if event is not None and event.kind == INCIDENT_STARTED else newest or event


def newest_start(session: Session, incident_id: str, until: int = LATEST) -> StoredEvent | None:
    """Return the newest start of an incident up to a moment (µs), or None."""
    return _one(session, "incident_id = ? AND kind = 'incidentStarted' AND time <= ?", incident_id, until)


def _one(session: Session, condition: str, *values: Any) -> StoredEvent | None:
    rows = session.execute(_LIST.format(condition, "time + 0 DESC, seq DESC"), (*values, 1)).fetchall()
    return next(map(_stored, rows), None)


def _stored(row: tuple[Any, ...]) -> StoredEvent:
    seq, time, received_at, body, id_, key, kind = row
    return StoredEvent(seq, id_, body, from_us(time), from_us(received_at), key, Position(time, seq), kind)


def _read(
    session: Session, wanted: Wanted, cursor: Position, limit: int, *, newest: bool
) -> list[tuple[Any, ...]]:
    """Read rows that begin with number and time, on one side of *cursor*."""
    parts, sorted_here = _plan(session, wanted)
    aside, sign, direction = " + 0" if sorted_here else "", "<" if newest else ">", " DESC" * newest
    by_time = wanted.order == HAPPENED
    columns, values = (
        (f"time{aside}", "seq") if by_time else (f"seq{aside}",),
        cursor if by_time else cursor[1:],
    )
    behind = f"({', '.join(columns)}) {sign} ({', '.join('?' * len(columns))})"
    order = ", ".join(f"{column}{direction}" for column in columns)
    wholes = [part.and_(behind, *values) for part in parts]
    asked = ((_LIST.format(whole.text, order), (*whole.values, limit)) for whole in wholes)
    found = [row for rows in fetch_together(session, *asked) for row in rows]
    found.sort(key=lambda row: (row[1], row[0]) if by_time else row[0], reverse=newest)
    return found[:limit]


def _plan(session: Session, wanted: Wanted) -> tuple[list[Condition], bool]:
    """Decide how the database finds the events of a list: its parts, and whether they are sorted here.

    Then they are small, and their index has another order than the list.

    An incident has few events: sorting them keeps the database from reading all in order. So does sorting
    the events of a short period. Else the index gives the order of the list.
    """
    by_time = wanted.order == HAPPENED
    if not (by_time or _has_period(wanted) or wanted.filters.get(_INCIDENT) or wanted.filters.get(_REPO)):
        # The numbers of the events are the index.
        return [_filtered(session, _ALL, wanted, "")], False
    found_by, parts = _looked_up(session, wanted)
    sorted_here = found_by == _INCIDENT
    if not by_time and not sorted_here:
        by_time = sorted_here = _is_narrow(session, parts, wanted)
        if not by_time and found_by == _KIND:  # then the numbers of the events are the index
            found_by, parts = "", [_ALL]
    period = _IN_PERIOD if by_time and found_by != _INCIDENT else _FILTERED_BY_PERIOD
    if period == _IN_PERIOD or _has_period(wanted):
        parts = [part.and_(period, *_period(wanted)) for part in parts]
    return [_filtered(session, part, wanted, found_by) for part in parts], sorted_here


def kinds(session: Session) -> list[str]:
    """Return every kind of event that is here."""
    return [word for (word,) in session.execute(_KINDS).fetchall()]


def _looked_up(session: Session, wanted: Wanted) -> tuple[str, list[Condition]]:
    """Return the filter for which there is an index, and a part for each of its values.

    Each spelling of a repository is a value of its own, and each kind if no other filter has an index.
    """
    incident, repo, kind = (wanted.filters.get(name) for name in (_INCIDENT, _REPO, _KIND))
    if incident:
        found_by, values = _INCIDENT, [incident]
    elif repo:
        found_by, values = _REPO, spellings.spellings(session, wanted.renames.key(repo), wanted.renames)
    else:
        found_by, values = _KIND, [kind] if kind else kinds(session)
    condition = _FOUND_BY.format(FILTERS[found_by][0])
    return found_by, [Condition(condition, (value,)) for value in values]


def _filtered(session: Session, part: Condition, wanted: Wanted, found_by: str) -> Condition:
    """Return a part with the conditions for which there is no index; "" finds events without a field."""
    for name, value in wanted.filters.items():
        if name == found_by:
            continue
        column, exact = FILTERS[name]
        if name == _REPO and value:
            names = spellings.spellings(session, wanted.renames.key(value), wanted.renames)
            marks = ", ".join("?" * len(names))
            part = part.and_(f"coalesce(repo, '') IN ({marks})" if names else "1 = 0", *names)
        else:
            part = part.and_((_EQUAL if exact else _EQUAL_IN_ANY_CASE).format(column), value)
    for condition in wanted.also:
        part = part.and_(condition.text, *condition.values)
    if wanted.search:
        part = part.and_(_CONTAINS, f"%{like(wanted.search)}%")
    return part


def _is_narrow(session: Session, parts: Sequence[Condition], wanted: Wanted) -> bool:
    """Whether a period is given, and there are few events in it."""
    if not _has_period(wanted):
        return False
    counted = [part.and_(_IN_PERIOD, *_period(wanted)) for part in parts]
    queries = ((_COUNT.format(one.text), (*one.values, NARROW + 1)) for one in counted)
    return bool(sum(rows[0][0] for rows in fetch_together(session, *queries)) <= NARROW)


def _has_period(wanted: Wanted) -> bool:
    return wanted.since is not None or wanted.until is not None


def _period(wanted: Wanted) -> tuple[int, int]:
    return (
        EARLIEST if wanted.since is None else wanted.since,
        LATEST if wanted.until is None else wanted.until,
    )
