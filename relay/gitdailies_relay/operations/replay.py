"""Replay: kept deliveries are translated anew, buried events are put back in their place."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gitdailies_connection.config.settings import Source
from gitdailies_core.incidents.routing import Routes
from gitdailies_core.sources import registry
from gitdailies_core.sources.protocol import Adapter
from gitdailies_core.sources.request import Request
from gitdailies_server.storage.database import Database
from gitdailies_server.storage.timestamps import now_us, to_us

from gitdailies_relay.accepting.acceptance import Accepted, Delivery, accept
from gitdailies_relay.accepting.interpret import REPLAY, UNMAPPED, read
from gitdailies_relay.accepting.store_port import Rows
from gitdailies_relay.intake.app import decode
from gitdailies_relay.store import outbox
from gitdailies_relay.store.store import rows_of, transaction

_KEPT = (
    "SELECT seq, delivery, source, content_type, body FROM kept"
    " WHERE replayed_at IS NULL AND (CAST(? AS TEXT) IS NULL OR delivery = ?)"
    " AND (CAST(? AS TEXT) IS NULL OR source = ?) AND (CAST(? AS TEXT) IS NULL OR why = ?)"
    " AND received_at >= ? AND received_at < ? AND seq > ? ORDER BY seq LIMIT ?"
)
_BURIED = (
    "SELECT p.seq, e.id FROM pending p JOIN events e ON e.seq = p.seq"
    " WHERE p.buried IS NOT NULL AND (CAST(? AS TEXT) IS NULL OR e.id = ? OR e.delivery = ?)"
    " AND (CAST(? AS TEXT) IS NULL OR e.source = ?) AND e.stored_at >= ? AND e.stored_at < ? ORDER BY p.seq"
)
_REPLAYED = "UPDATE kept SET replayed_at = ? WHERE delivery = ?"
_EVER = 2**62
# While a batch is written a running relay stores nothing, and between two it has as long to itself.
_BATCH = 20
_PAUSE_SECONDS = 0.01


@dataclass(frozen=True)
class Selection:
    """Which of them: by the id of a delivery or an event, by source, by time, only the unmapped."""

    id: str | None = None
    source: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    unmapped: bool = False

    @property
    def span(self) -> tuple[int, int]:
        since, until = to_us(self.since), to_us(self.until)
        return (since or 0, _EVER if until is None else until)


@dataclass(frozen=True)
class Replayed:
    """What became of the selected: kept deliveries in their order, and event ids put back."""

    deliveries: tuple[Accepted, ...]
    events: tuple[str, ...]
    left_out: tuple[str, ...]


def replay(
    database: Database, sources: Mapping[str, Source], routes: Routes, selection: Selection
) -> Replayed:
    """Replay what a store holds, oldest first, so that starts come before ends.

    A running relay goes on meanwhile. What is still not counted stays kept, with its new reason.
    """
    adapters = {source.adapter: registry.adapter(source.adapter) for source in sources.values()}
    deliveries: list[Accepted] = []
    left_out: list[str] = []
    why = UNMAPPED if selection.unmapped else None
    chosen = (selection.id, selection.id, selection.source, selection.source, why, why, *selection.span)
    after, more = 0, True
    while more:
        began = time.monotonic()
        with transaction(database) as session:
            rows = session.execute(_KEPT, (*chosen, after, _BATCH)).fetchall()
            for kept in rows:
                after, id_, source, *_ = kept
                if source in sources:
                    adapter = adapters[sources[source].adapter]
                    accepted = _again(rows_of(database, session), sources[source], adapter, routes, kept)
                    if not accepted.why:
                        session.execute(_REPLAYED, (now_us(), id_))
                    deliveries.append(accepted)
                else:
                    left_out.append(f"{id_}: no source named {source!r} in the configuration")
        more = len(rows) == _BATCH
        if more:
            time.sleep(max(_PAUSE_SECONDS, time.monotonic() - began))
    events = () if selection.unmapped else _dig_up(database, selection)
    return Replayed(tuple(deliveries), events, tuple(left_out))


def _dig_up(database: Database, selection: Selection) -> tuple[str, ...]:
    which = (*(selection.id,) * 3, selection.source, selection.source, *selection.span)
    with transaction(database) as session:
        found = session.execute(_BURIED, which).fetchall()
        for seq, _ in found:
            outbox.dig_up(session, seq, now_us())
    return tuple(event for _, event in found)


def _again(rows: Rows, source: Source, adapter: Adapter, routes: Routes, kept: tuple[Any, ...]) -> Accepted:
    _, id_, _, content_type, body = kept
    request = Request.make(headers={"content-type": content_type}, body=body, decode=decode)
    reading = read(request, source, adapter, routes, REPLAY)
    return accept(rows, [Delivery(id_, now_us(), "default", reading, replay=True)])[0]


def summary(replayed: Replayed) -> Sequence[str]:
    """Say what a replay did, a line each."""
    lines = []
    for accepted in replayed.deliveries:
        if accepted.events:
            lines.append(f"{accepted.delivery}: {', '.join(accepted.events)}")
        else:
            lines.append(f"{accepted.delivery}: nothing to send: {'; '.join(accepted.texts)}")
    lines += [f"{event}: put back" for event in replayed.events]
    return [*lines, *replayed.left_out]
