"""What the stored bodies say when they are read again: a preview of a mapping, alerts, and handshakes.

Nothing is stored or sent. The bodies of deliveries that counted are not stored.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from functools import cache, partial
from typing import Any, NamedTuple

import orjson
from gitdailies_connection.config.sections.settings import Source
from gitdailies_connection.config.sections.sources import adapter_of
from gitdailies_connection.relay.answers import AskedHandshake
from gitdailies_core.errors import ProofError
from gitdailies_core.incidents.routing import Routes
from gitdailies_core.reasons import QUARANTINED
from gitdailies_core.sources.protocol import STARTED, Certified, Change, Ignored
from gitdailies_core.sources.request import Request
from gitdailies_server.storage.database import Database, Session
from gitdailies_server.storage.timestamps import from_us, to_us

from gitdailies_relay.accepting.interpret import REPLAY, RoutedMessage, decode, interpret
from gitdailies_relay.store.store import reading

_BODY = "SELECT delivery, received_at, content_type, headers, body, digest FROM"
# The stored bodies of a source that neither counted in a replay nor were discarded, oldest first.
_CHOSEN = "WHERE replayed_at IS NULL AND source = ? AND received_at >= ? AND delivery > ?"
_PAGE = f"{_BODY} quarantine {_CHOSEN} UNION ALL {_BODY} ignored {_CHOSEN} ORDER BY 1 LIMIT ?"
_BATCH = 200
_LAST = "SELECT body FROM quarantine WHERE source = ? ORDER BY seq DESC LIMIT 1"
# The stored body of a delivery.
_OF_DELIVERY = f"{_BODY} quarantine WHERE delivery = ? UNION ALL {_BODY} ignored WHERE delivery = ?"
# The latest ones. What counts nothing is ignored; with `capture`, it is in quarantine.
_LATEST = (
    f"{_BODY} ignored WHERE source = ? UNION ALL {_BODY} quarantine WHERE source = ? ORDER BY 2 DESC LIMIT ?"
)
_MOST_LATEST = 5000
# The messages of a source before a number, the newest first.
_MESSAGES = (
    "SELECT seq, delivery, message, word, events FROM deliveries"
    " WHERE source = ? AND seq < ? ORDER BY seq DESC LIMIT ?"
)
MOST_ALERTS = 300
_MESSAGES_AT_ONCE = 500
# A group may be sent again all day. The alerts of a source that repeats even more are not all found.
_MOST_MESSAGES = 50_000
_NEWEST = 2**62
_NO_EVENTS = "[]"


@dataclass
class Preview:
    """The outcomes of stored deliveries, each with its number.

    `counted` is by state or kind, `ignored` by word and reason, `unreadable` by what was expected where.
    `would_count` are the ids of deliveries that would count now.
    """

    deliveries: int = 0
    counted: Counter[str] = field(default_factory=Counter)
    ignored: Counter[tuple[str, str]] = field(default_factory=Counter)
    unreadable: Counter[str] = field(default_factory=Counter)
    would_count: list[str] = field(default_factory=list)


def preview(database: Database, source: Source, routes: Routes, since: datetime) -> Preview:
    """Read the stored bodies of *source* since a time with its mapping and *routes*, as they are now.

    One that counts after a replay, or was discarded, is not read.
    """
    adapter, found, after = adapter_of(source), Preview(), ""
    while True:
        chosen = (source.name, to_us(since), after)
        with reading(database) as session:
            rows = session.execute(_PAGE, (*chosen, *chosen, _BATCH)).fetchall()
        for row in rows:
            after = row[0]
            found.deliveries += 1
            read = interpret(request_of(row), source, adapter, routes, REPLAY)
            if read.reason is not None:
                found.unreadable[read.reason.text] += 1
            counts = [_add(found, routed) for routed in read.messages]
            if any(counts):
                found.would_count.append(after)
        if len(rows) < _BATCH:
            return found


def last_body(database: Database, source: str) -> bytes | None:
    """Return the body of the last quarantined delivery of a source, or None."""
    with reading(database) as session:
        row = session.execute(_LAST, (source,)).fetchone()
    return None if row is None else bytes(row[0])


def _add(found: Preview, routed: RoutedMessage) -> bool:
    message = routed.message
    if isinstance(message, Ignored):
        if message.code in QUARANTINED:
            found.unreadable[message.reason] += 1
        else:
            found.ignored[message.word, message.reason] += 1
        return False
    if routed.refusal is not None:
        found.ignored[message.word, routed.refusal.text] += 1
        return False
    kind = message.state if isinstance(message, Change) else type(message).__name__.lower()
    found.counted[kind] += 1
    return kind not in ("updated", "push")


class Alerts(NamedTuple):
    """How many of the *seen* alerts counted when they came, or would with the current settings."""

    seen: int
    counting: int


def last_alerts(database: Database, source: Source, routes: Routes, most: int = MOST_ALERTS) -> Alerts:
    """Return how many of the last starts of a source count. A start that was sent again is one.

    The body of a start that counted is not stored. It is taken to count, whatever the settings say now.
    """
    starts = cache(partial(_starts, adapter_of(source).table))
    counts: dict[str, bool] = {}
    before, rows_left = _NEWEST, _MOST_MESSAGES
    with reading(database) as session:
        read = cache(lambda delivery: _read(session, source, routes, delivery))
        while rows_left > 0:
            rows = session.execute(_MESSAGES, (source.name, before, _MESSAGES_AT_ONCE)).fetchall()
            for _, delivery, message, word, events in rows:
                if message in counts or not starts(word):
                    continue
                now = read(delivery) if events == _NO_EVENTS else {message: True}
                if message in now:
                    counts[message] = now[message]
                    if len(counts) == most:
                        return Alerts(most, sum(counts.values()))
            if len(rows) < _MESSAGES_AT_ONCE:
                break
            before = rows[-1][0]
            rows_left -= len(rows)
    return Alerts(len(counts), sum(counts.values()))


def _starts(table: Mapping[str, str], word: str) -> bool:
    """Whether a word starts an incident, by the table of an adapter. Its words override its globs."""
    meanings, folded = {one.casefold(): meaning for one, meaning in table.items()}, word.casefold()
    fitting = (meaning for glob, meaning in meanings.items() if fnmatchcase(folded, glob))
    return meanings.get(folded, next(fitting, "")) == STARTED


def _read(session: Session, source: Source, routes: Routes, delivery: str) -> Mapping[str, bool]:
    """Return the starts of a stored body, by their keys, and whether they would count now."""
    row = session.execute(_OF_DELIVERY, (delivery, delivery)).fetchone()
    if row is None:
        return {}
    read = interpret(request_of(row), source, adapter_of(source), routes, REPLAY, row[-1])
    return {
        routed.key: bool(routed.targets) and routed.refusal is None
        for routed in read.messages
        if isinstance(routed.message, Change) and routed.message.state == STARTED
    }


def handshakes(session: Session, source: Source) -> list[AskedHandshake]:
    """Return what the stored deliveries of *source* ask for: the latest of each topic, newest first.

    One that is refused comes only where no later delivery of its kind is fine.
    """
    adapter = adapter_of(source)
    if not isinstance(adapter, Certified):
        return []
    asked: list[AskedHandshake] = []
    topics: set[str] = set()
    for row in session.execute(_LATEST, (source.name, source.name, _MOST_LATEST)).fetchall():
        delivery, received_at, *_ = row
        try:
            handshake = adapter.handshake(request_of(row), source.proof)
        except ProofError as error:
            if not asked:
                asked.append(AskedHandshake(delivery, from_us(received_at), None, None, str(error)))
            continue
        if handshake is not None and handshake.topic not in topics:
            topics.add(handshake.topic)
            asked.append(
                AskedHandshake(delivery, from_us(received_at), handshake.topic, handshake.address, None)
            )
    return asked


def request_of(row: tuple[Any, ...]) -> Request:
    """Return the stored delivery of a row, which begins with the columns of `_BODY`."""
    _, received_at, content_type, headers, body, *_ = row
    return Request.make(
        headers=orjson.loads(headers) if headers else {"content-type": content_type},
        body=bytes(body),
        decode=decode,
        received_at=from_us(received_at),
    )
