"""Replay: quarantined deliveries are translated again, dead letters go back into the outbox."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gitdailies_connection.config.settings import Source
from gitdailies_core.incidents.routing import Routes
from gitdailies_core.reasons import UNMAPPED
from gitdailies_core.sources import registry
from gitdailies_core.sources.protocol import Adapter
from gitdailies_core.sources.request import Request
from gitdailies_server.storage.database import Database
from gitdailies_server.storage.timestamps import now_us, to_us

from gitdailies_relay.accepting.acceptance import Accepted, Delivery, accept
from gitdailies_relay.accepting.interpret import REPLAY, decode, interpret
from gitdailies_relay.accepting.store_port import AcceptanceStore
from gitdailies_relay.store import outbox
from gitdailies_relay.store.store import acceptance_store, transaction

# The selected quarantined deliveries, oldest first.
_QUARANTINED = (
    "SELECT seq, delivery, source, content_type, body FROM quarantine"
    " WHERE replayed_at IS NULL AND (CAST(? AS TEXT) IS NULL OR delivery = ?)"
    " AND (CAST(? AS TEXT) IS NULL OR source = ?) AND (CAST(? AS TEXT) IS NULL OR code = ?)"
    " AND received_at >= ? AND received_at < ? AND seq > ? ORDER BY seq LIMIT ?"
)
# The selected dead letters, oldest first.
_DEAD_LETTERS = (
    "SELECT o.seq, e.id FROM outbox o JOIN events e ON e.seq = o.seq"
    " WHERE o.dead_letter IS NOT NULL AND (CAST(? AS TEXT) IS NULL OR e.id = ? OR e.delivery = ?)"
    " AND (CAST(? AS TEXT) IS NULL OR e.source = ?) AND e.stored_at >= ? AND e.stored_at < ? ORDER BY o.seq"
)
# A quarantined delivery that counts now.
_MARK_REPLAYED = "UPDATE quarantine SET replayed_at = ? WHERE delivery = ?"
_FOREVER = 2**62
# While a batch is written, a running relay stores nothing. Between two batches it has as much time.
_BATCH = 20
_PAUSE_SECONDS = 0.01


@dataclass(frozen=True)
class Selection:
    """What to replay: by the id of a delivery or an event, by source, by time, or only unmapped ones."""

    id: str | None = None
    source: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    unmapped: bool = False

    @property
    def span(self) -> tuple[int, int]:
        """Both times in microseconds."""
        since, until = to_us(self.since), to_us(self.until)
        return (since or 0, _FOREVER if until is None else until)


@dataclass(frozen=True)
class Replayed:
    """What a replay did: quarantined deliveries in their order, and the ids of requeued events.

    `left_out` names, each with the reason, what could not be replayed.
    """

    deliveries: tuple[Accepted, ...]
    events: tuple[str, ...]
    left_out: tuple[str, ...]


def replay(
    database: Database, sources: Mapping[str, Source], routes: Routes, selection: Selection
) -> Replayed:
    """Replay what a store holds, oldest first, so that starts come before ends.

    The relay may be running. What still does not count stays quarantined, with its new reason.
    """
    adapters = {source.adapter: registry.adapter(source.adapter) for source in sources.values()}
    deliveries: list[Accepted] = []
    left_out: list[str] = []
    code = UNMAPPED if selection.unmapped else None
    chosen = (selection.id, selection.id, selection.source, selection.source, code, code, *selection.span)
    after, more = 0, True
    while more:
        began = time.monotonic()
        with transaction(database) as session:
            rows = session.execute(_QUARANTINED, (*chosen, after, _BATCH)).fetchall()
            for row in rows:
                after, id_, source, *_ = row
                if source in sources:
                    adapter = adapters[sources[source].adapter]
                    store = acceptance_store(database, session)
                    accepted = _accept_again(store, sources[source], adapter, routes, row)
                    if not accepted.quarantine_code:
                        session.execute(_MARK_REPLAYED, (now_us(), id_))
                    deliveries.append(accepted)
                else:
                    left_out.append(f"{id_}: no source named {source!r} in the configuration")
        more = len(rows) == _BATCH
        if more:
            time.sleep(max(_PAUSE_SECONDS, time.monotonic() - began))
    events = () if selection.unmapped else _requeue(database, selection)
    return Replayed(tuple(deliveries), events, tuple(left_out))


def _requeue(database: Database, selection: Selection) -> tuple[str, ...]:
    chosen = (*(selection.id,) * 3, selection.source, selection.source, *selection.span)
    with transaction(database) as session:
        dead_letters = session.execute(_DEAD_LETTERS, chosen).fetchall()
        for seq, _ in dead_letters:
            outbox.requeue(session, seq, now_us())
    return tuple(event for _, event in dead_letters)


def _accept_again(
    store: AcceptanceStore, source: Source, adapter: Adapter, routes: Routes, row: tuple[Any, ...]
) -> Accepted:
    _, id_, _, content_type, body = row
    request = Request.make(headers={"content-type": content_type}, body=body, decode=decode)
    interpretation = interpret(request, source, adapter, routes, REPLAY)
    return accept(store, [Delivery(id_, now_us(), "default", interpretation, replay=True)])[0]


def summary(replayed: Replayed) -> Sequence[str]:
    """Say what a replay did, one line each."""
    lines = []
    for accepted in replayed.deliveries:
        if accepted.events:
            lines.append(f"{accepted.delivery}: {', '.join(accepted.events)}")
        else:
            lines.append(f"{accepted.delivery}: nothing to send: {'; '.join(accepted.texts)}")
    lines += [f"{event}: requeued" for event in replayed.events]
    return [*lines, *replayed.left_out]
