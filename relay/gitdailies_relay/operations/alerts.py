"""How many of the last alerts of a source would count. Nothing is stored or sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from functools import cache
from typing import NamedTuple

from gitdailies_connection.config.settings import Source
from gitdailies_connection.config.sources import adapter_of
from gitdailies_core.incidents.routing import Routes
from gitdailies_core.sources.protocol import STARTED, Change
from gitdailies_server.storage.database import Database, Session

from gitdailies_relay.accepting.interpret import REPLAY, interpret
from gitdailies_relay.operations.preview import request_of
from gitdailies_relay.store.store import reading

MOST = 300
_PAGE = 500
# A group may be sent again all day. The alerts of a source that repeats even more are not all found.
_MOST_ROWS = 50_000
_ROWS = (
    "SELECT seq, delivery, message, word, events FROM deliveries"
    " WHERE source = ? AND seq < ? ORDER BY seq DESC LIMIT ?"
)
_BODY = " UNION ALL ".join(
    f"SELECT delivery, '{table}', received_at, content_type, headers, body, digest"  # noqa: S608
    f" FROM {table} WHERE delivery = ?"
    for table in ("quarantine", "ignored")
)
_NEWEST = 2**62
_NO_EVENTS = "[]"


class Alerts(NamedTuple):
    """Of *seen* alerts, *counting* counted when they came, or would with the settings as they are now."""

    seen: int
    counting: int


def last_alerts(database: Database, source: Source, routes: Routes, most: int = MOST) -> Alerts:
    """Return how many of the last starts of a source count. A start that was sent again is one.

    The body of a start that counted is not stored. It is taken to count, whatever the settings say now.
    """
    starts = _starts(adapter_of(source).table)
    counts: dict[str, bool] = {}
    before, rows_left = _NEWEST, _MOST_ROWS
    with reading(database) as session:
        read = cache(lambda delivery: _read(session, source, routes, delivery))
        while rows_left > 0:
            rows = session.execute(_ROWS, (source.name, before, _PAGE)).fetchall()
            for _, delivery, message, word, events in rows:
                if message in counts or not starts(word):
                    continue
                now = read(delivery) if events == _NO_EVENTS else {message: True}
                if message in now:
                    counts[message] = now[message]
                    if len(counts) == most:
                        return Alerts(most, sum(counts.values()))
            if len(rows) < _PAGE:
                break
            before = rows[-1][0]
            rows_left -= len(rows)
    return Alerts(len(counts), sum(counts.values()))


def _starts(table: Mapping[str, str]) -> Callable[[str], bool]:
    """Return whether a word starts an incident, by the table of an adapter."""
    meanings = {word.casefold(): meaning for word, meaning in table.items()}

    @cache
    def check(word: str) -> bool:
        folded = word.casefold()
        if folded in meanings:
            return meanings[folded] == STARTED
        fitting = (meaning for glob, meaning in meanings.items() if fnmatchcase(folded, glob))
        return next(fitting, "") == STARTED

    return check


def _read(session: Session, source: Source, routes: Routes, delivery: str) -> Mapping[str, bool]:
    """Return the starts of a stored body, by their keys, and whether they would count now."""
    row = session.execute(_BODY, (delivery, delivery)).fetchone()
    if row is None:
        return {}
    *stored, digest = row
    read = interpret(request_of(tuple(stored)), source, adapter_of(source), routes, REPLAY, digest)
    return {
        routed.key: bool(routed.targets) and routed.refusal is None
        for routed in read.messages
        if isinstance(routed.message, Change) and routed.message.state == STARTED
    }
