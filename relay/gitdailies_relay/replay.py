"""Replay: kept deliveries are translated anew, buried events are put back in their place."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gitdailies_core.request import Request
from gitdailies_server.moments import now_us, to_us

from gitdailies_relay import queue
from gitdailies_relay.acceptance import Accepted, Delivery, accept
from gitdailies_relay.app import Intake, decode
from gitdailies_relay.reading import UNMAPPED, read
from gitdailies_relay.store import transaction

_KEPT = (
    "SELECT seq, delivery, source, content_type, body FROM kept"
    " WHERE replayed_at IS NULL AND (? IS NULL OR delivery = ?) AND (? IS NULL OR source = ?)"
    " AND (? IS NULL OR why = ?) AND received_at >= ? AND received_at < ? AND seq > ? ORDER BY seq LIMIT ?"
)
_BURIED = (
    "SELECT p.seq, e.id FROM pending p JOIN events e ON e.seq = p.seq"
    " WHERE p.buried IS NOT NULL AND (? IS NULL OR e.id = ? OR e.delivery = ?)"
    " AND (? IS NULL OR e.source = ?) AND e.stored_at >= ? AND e.stored_at < ? ORDER BY p.seq"
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


def replay(path: Path, intake: Intake, selection: Selection) -> Replayed:
    """Replay what a store holds, oldest first, so that starts come before ends.

    A running relay goes on meanwhile. What is still not counted stays kept, with its new reason.
    """
    deliveries: list[Accepted] = []
    left_out: list[str] = []
    why = UNMAPPED if selection.unmapped else None
    chosen = (selection.id, selection.id, selection.source, selection.source, why, why, *selection.span)
    after, more = 0, True
    while more:
        began = time.monotonic()
        with transaction(path) as connection:
            rows = connection.execute(_KEPT, (*chosen, after, _BATCH)).fetchall()
            for seq, id_, source, content_type, body in rows:
                after = seq
                if source in intake.sources:
                    deliveries.append(_again(connection, intake, id_, source, content_type, body))
                else:
                    left_out.append(f"{id_}: no source named {source!r} in the configuration")
        more = len(rows) == _BATCH
        if more:
            time.sleep(max(_PAUSE_SECONDS, time.monotonic() - began))
    events = () if selection.unmapped else _dig_up(path, selection)
    return Replayed(tuple(deliveries), events, tuple(left_out))


def _dig_up(path: Path, selection: Selection) -> tuple[str, ...]:
    which = (*(selection.id,) * 3, selection.source, selection.source, *selection.span)
    with transaction(path) as connection:
        found = connection.execute(_BURIED, which).fetchall()
        for seq, _ in found:
            queue.dig_up(connection, seq, now_us())
    return tuple(event for _, event in found)


def _again(
    connection: sqlite3.Connection, intake: Intake, id_: str, source: str, content_type: str, body: bytes
) -> Accepted:
    request = Request.make(headers={"content-type": content_type}, body=body, decode=decode)
    # Its proof was checked when it came; secrets may have changed since.
    reading = read(request, intake.sources[source], intake.adapters[source], intake.routes, "replay")
    accepted = accept(connection, Delivery(id_, now_us(), "default", reading, replay=True))
    if not accepted.why:
        connection.execute(_REPLAYED, (now_us(), id_))
    return accepted


def summary(replayed: Replayed) -> Sequence[str]:
    """Say what a replay did, a line each."""
    lines = []
    for accepted in replayed.deliveries:
        if accepted.events:
            lines.append(f"{accepted.delivery}: {', '.join(accepted.events)}")
        else:
            lines.append(f"{accepted.delivery}: nothing to send: {'; '.join(accepted.reasons)}")
    lines += [f"{event}: put back" for event in replayed.events]
    return [*lines, *replayed.left_out]
