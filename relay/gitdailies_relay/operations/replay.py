"""Replay: stored deliveries are translated again, dead letters and delivered events are sent again.

A replay never counts an occurrence twice: the records of its incident say what was counted, and
under which id. An event that was delivered goes out under its old id.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from gitdailies_connection.config.sections.settings import Source
from gitdailies_connection.config.sections.sources import adapter_of
from gitdailies_connection.relay.answers import ActedDelivery, ReplayResult
from gitdailies_core.incidents.routing import Routes
from gitdailies_core.reasons import FILTERED, NO_ROUTE, UNMAPPED
from gitdailies_server.storage.database import Database, Session, paced_transaction
from gitdailies_server.storage.timestamps import now_us, to_us

from gitdailies_relay.accepting.acceptance import Accepted, Delivery, accept
from gitdailies_relay.accepting.interpret import REPLAY, interpret
from gitdailies_relay.accepting.store_port import AcceptanceStore
from gitdailies_relay.operations.stored_bodies import request_of
from gitdailies_relay.store import outbox
from gitdailies_relay.store.store import DESTINATION, acceptance_store

# What a selection may name, each a state of a delivery or of an event.
QUARANTINED: Final = "quarantined"
IGNORED: Final = "ignored"
DEAD_LETTERS: Final = "dead_letters"
DELIVERED: Final = "delivered"
# `FILTERED`, and `UNMAPPED` for some of those in quarantine, are codes of core as well.
STATES = (QUARANTINED, FILTERED, IGNORED, DEAD_LETTERS, DELIVERED)

# The bodies of a table that a selection chooses.
_BODIES = (
    "SELECT delivery, received_at, content_type, headers, body, digest, '{table}', source FROM {table}"
    " WHERE replayed_at IS NULL AND {condition} AND delivery > ?"
    " AND {which} AND (CAST(? AS TEXT) IS NULL OR source = ?)"
    " AND received_at >= ? AND received_at < ?"
)
# One delivery or all bodies. A delivery has its own condition, so that an index finds it.
_ALL_IDS = "CAST(? AS TEXT) IS NULL AND CAST(? AS TEXT) IS NULL"
_ONE_ID = "CAST(? AS TEXT) IS NOT NULL AND delivery = ?"
_CONDITIONS = {
    QUARANTINED: ("quarantine", "1 = 1"),
    # A route may be added as a filter may be changed.
    FILTERED: ("ignored", f"code IN ('{FILTERED}', '{NO_ROUTE}')"),
    IGNORED: ("ignored", f"code NOT IN ('{FILTERED}', '{NO_ROUTE}')"),
    UNMAPPED: ("quarantine", f"code = '{UNMAPPED}'"),
}
# The selected events, oldest first.
_EVENTS = (
    "SELECT e.seq, e.id FROM events e {join} WHERE {condition} AND e.seq > ?"
    " AND (CAST(? AS TEXT) IS NULL OR e.id = ? OR e.delivery = ?)"
    " AND (CAST(? AS TEXT) IS NULL OR e.source = ?) AND e.stored_at >= ? AND e.stored_at < ?"
    " ORDER BY e.seq LIMIT ?"
)
_DEAD_LETTERS = _EVENTS.format(join="JOIN outbox o ON o.seq = e.seq", condition="o.dead_letter IS NOT NULL")
_DELIVERED = _EVENTS.format(
    join="", condition="e.discarded IS NULL AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.seq = e.seq)"
)
# A delivery that counts now, or whose body is in the other table now.
_MARK_REPLAYED = "UPDATE {table} SET replayed_at = ? WHERE delivery = ?"
_FOREVER = 2**62
# While a batch is written, a running relay stores nothing. Between two batches it has as much time.
_BATCH = 20


@dataclass(frozen=True)
class ReplaySelection:
    """What to replay: by state, by the id of a delivery or an event, by source, by time.

    `states` are some of STATES, or UNMAPPED.
    """

    id: str | None = None
    source: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    states: tuple[str, ...] = (QUARANTINED, DEAD_LETTERS)

    @property
    def span(self) -> tuple[int, int]:
        """Both times in microseconds."""
        since, until = to_us(self.since), to_us(self.until)
        return (since or 0, _FOREVER if until is None else until)


def replay(
    database: Database,
    sources: Mapping[str, Source],
    routes: Routes,
    selection: ReplaySelection,
    *,
    body: bytes | None = None,
) -> ReplayResult:
    """Replay what a store holds, oldest first, so that starts come before ends.

    The relay may be running. What still does not count stays stored, with its new reason.
    *body* takes the place of the stored body of the one delivery that `selection.id` names.
    """
    deliveries, left_out = _translate_again(database, sources, routes, selection, body)
    events: tuple[str, ...] = ()
    if DEAD_LETTERS in selection.states:
        events += _send_again(database, selection, _DEAD_LETTERS, outbox.requeue)
    if DELIVERED in selection.states:
        events += _send_again(database, selection, _DELIVERED, outbox.send_again)
    return ReplayResult(tuple(deliveries), events, tuple(left_out))


def _translate_again(
    database: Database,
    sources: Mapping[str, Source],
    routes: Routes,
    selection: ReplaySelection,
    body: bytes | None,
) -> tuple[list[ActedDelivery], list[str]]:
    deliveries: list[ActedDelivery] = []
    left_out: list[str] = []
    tables = [_CONDITIONS[state] for state in selection.states if state in _CONDITIONS]
    if not tables:
        return deliveries, left_out
    chosen = (selection.id, selection.id, selection.source, selection.source, *selection.span)
    which = _ALL_IDS if selection.id is None else _ONE_ID
    parts = (_BODIES.format(table=table, condition=condition, which=which) for table, condition in tables)
    select = f"{' UNION ALL '.join(parts)} ORDER BY 1 LIMIT ?"
    after, more = "", True
    while more:
        with paced_transaction(database) as session:
            rows = session.execute(select, (*(after, *chosen) * len(tables), _BATCH)).fetchall()
            for row in rows:
                after, *_, table, source = row
                if source in sources:
                    store = acceptance_store(database, session)
                    accepted = _accept_again(store, sources[source], routes, row, body)
                    if _is_done(table, accepted):
                        session.execute(_MARK_REPLAYED.format(table=table), (now_us(), after))
                    deliveries.append(ActedDelivery(accepted.delivery, accepted.events, accepted.texts))
                else:
                    left_out.append(f"{after}: no source named {source!r} in the configuration")
        more = len(rows) == _BATCH
    return deliveries, left_out


def _is_done(table: str, accepted: Accepted) -> bool:
    """Whether the body in *table* is no longer to be replayed."""
    if table == "quarantine":
        return not accepted.quarantine_code
    return bool(accepted.events or accepted.quarantine_code)


def _send_again(
    database: Database, selection: ReplaySelection, select: str, send: Callable[[Session, int, int], None]
) -> tuple[str, ...]:
    chosen = (*(selection.id,) * 3, selection.source, selection.source, *selection.span)
    events: list[str] = []
    after, more = 0, True
    while more:
        with paced_transaction(database) as session:
            rows = session.execute(select, (after, *chosen, _BATCH)).fetchall()
            for after, event in rows:
                send(session, after, now_us())
                events.append(event)
        more = len(rows) == _BATCH
    return tuple(events)


def _accept_again(
    store: AcceptanceStore, source: Source, routes: Routes, row: tuple[Any, ...], body: bytes | None
) -> Accepted:
    id_, received_at, _, _, _, digest, _, _ = row
    request = request_of(row)
    if body is not None:
        request, digest = request._replace(body=body), ""
    interpretation = interpret(request, source, adapter_of(source), routes, REPLAY, digest)
    delivery = Delivery(id_, now_us(), DESTINATION, interpretation, replay=True, came_at=received_at)
    return accept(store, [delivery])[0]


def summary(replayed: ReplayResult) -> Sequence[str]:
    """Say what a replay did, one line each."""
    lines = [
        f"{one.delivery}: " + (", ".join(one.events) or f"nothing to send: {'; '.join(one.reasons)}")
        for one in replayed.deliveries
    ]
    return [*lines, *(f"{event}: requeued" for event in replayed.events), *replayed.left_out]
