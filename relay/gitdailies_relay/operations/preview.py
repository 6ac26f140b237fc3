"""What a source's mapping makes of stored deliveries. Nothing is stored or sent."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from gitdailies_connection.config.settings import Source
from gitdailies_connection.config.sources import adapter_of
from gitdailies_core.incidents.routing import Routes
from gitdailies_core.reasons import QUARANTINED
from gitdailies_core.sources.protocol import Change, Ignored
from gitdailies_core.sources.request import Request
from gitdailies_server.storage.database import Database
from gitdailies_server.storage.timestamps import from_us, to_us

from gitdailies_relay.accepting.interpret import REPLAY, RoutedMessage, decode, interpret
from gitdailies_relay.store.store import reading

# The stored bodies of a source, oldest first. Those of deliveries that counted are not stored.
_BODIES = " UNION ALL ".join(
    f"SELECT delivery, '{table}', received_at, content_type, headers, body FROM {table}"  # noqa: S608
    " WHERE source = ? AND received_at >= ? AND delivery > ?"
    for table in ("quarantine", "ignored")
)
_PAGE = f"{_BODIES} ORDER BY 1 LIMIT ?"
_LAST = "SELECT body FROM quarantine WHERE source = ? ORDER BY seq DESC LIMIT 1"
_BATCH = 200


@dataclass
class Preview:
    """The outcomes of stored deliveries, each with its number.

    `counted` is by state or kind, `ignored` by word and reason, `unreadable` by what was expected where.
    `would_count` are the ids of deliveries that would count now and have not counted so far.
    """

    deliveries: int = 0
    counted: Counter[str] = field(default_factory=Counter)
    ignored: Counter[tuple[str, str]] = field(default_factory=Counter)
    unreadable: Counter[str] = field(default_factory=Counter)
    would_count: list[str] = field(default_factory=list)


def preview(database: Database, source: Source, routes: Routes, since: datetime) -> Preview:
    """Read what is stored of *source* since a time with its mapping and *routes*, as they are now."""
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
    """Add one message; return whether it counts."""
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


def request_of(row: tuple[Any, ...]) -> Request:
    _, _, received_at, content_type, headers, body = row
    return Request.make(
        headers=orjson.loads(headers) if headers else {"content-type": content_type},
        body=bytes(body),
        decode=decode,
        received_at=from_us(received_at),
    )
