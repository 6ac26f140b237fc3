"""Discard what shall never count: dead letters, quarantined deliveries, and by its id an event that waits.

A discarded event is not sent, and a discarded delivery is not replayed. Both stay in the store, with
the reason, for as long as what was delivered or replayed. A discarded deploy is none for those after it: they
bring what it would have brought.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gitdailies_server.storage.database import Database, Session
from gitdailies_server.storage.timestamps import now_us, to_us

from gitdailies_relay.accepting.waiting import settle
from gitdailies_relay.operations.actions import DISCARDED, note
from gitdailies_relay.store import outbox
from gitdailies_relay.store.pushes import forget_deploy
from gitdailies_relay.store.store import acceptance_store, transaction

# The events of an id that wait or are dead letters, and those of a delivery that are dead letters.
_EVENTS_OF = (
    "SELECT o.seq, e.id FROM outbox o JOIN events e ON e.seq = o.seq"
    " WHERE e.id = ? OR (e.delivery = ? AND o.dead_letter IS NOT NULL) ORDER BY o.seq"
)
_DELIVERY = "SELECT delivery FROM quarantine WHERE delivery = ? AND replayed_at IS NULL"
# The selected dead letters and quarantined deliveries, a batch of each.
_DEAD_LETTERS = (
    "SELECT o.seq, e.id FROM outbox o JOIN events e ON e.seq = o.seq WHERE o.dead_letter IS NOT NULL"
    " AND (CAST(? AS TEXT) IS NULL OR e.source = ?) AND e.stored_at >= ? AND e.stored_at < ?"
    " ORDER BY o.seq LIMIT ?"
)
_QUARANTINED = (
    "SELECT delivery FROM quarantine WHERE replayed_at IS NULL"
    " AND (CAST(? AS TEXT) IS NULL OR source = ?) AND received_at >= ? AND received_at < ?"
    " ORDER BY seq LIMIT ?"
)
_DISCARD_DELIVERY = "UPDATE quarantine SET discarded = ?, replayed_at = ? WHERE delivery = ?"
_FOREVER = 2**62
# While a batch is written, a running relay stores nothing. Between two batches it has as much time.
_BATCH = 100


@dataclass
class Discarded:
    """What was discarded: ids of events and of deliveries; and the ids that name neither."""

    events: list[str] = field(default_factory=list)
    deliveries: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return {"events": self.events, "deliveries": self.deliveries, "unknown": self.unknown}


def discard_ids(database: Database, ids: Sequence[str], *, person: str, reason: str) -> Discarded:
    """Discard what *ids* name, in one transaction; nothing, if one is unknown. The relay may be running."""
    done = Discarded()
    with transaction(database) as session:
        found = [
            (
                id_,
                session.execute(_EVENTS_OF, (id_, id_)).fetchall(),
                session.execute(_DELIVERY, (id_,)).fetchall(),
            )
            for id_ in ids
        ]
        done.unknown += [id_ for id_, events, deliveries in found if not events and not deliveries]
        if not done.unknown:
            for _, *both in found:
                _discard(database, session, (both[0], both[1]), done, person=person, reason=reason)
    return done


def discard_found(
    database: Database,
    events: Sequence[tuple[int, str]],
    deliveries: Sequence[str],
    *,
    person: str,
    reason: str,
) -> Discarded:
    """Discard *events*, by number and id, and quarantined *deliveries*, in one transaction.

    Raises StoreUnavailable. The relay may be running.
    """
    done = Discarded()
    with transaction(database) as session:
        rows = [row for one in deliveries for row in session.execute(_DELIVERY, (one,)).fetchall()]
        _discard(database, session, (events, rows), done, person=person, reason=reason)
    return done


def discard_selected(
    database: Database,
    *,
    source: str | None,
    since: datetime | None,
    until: datetime | None,
    person: str,
    reason: str,
) -> Discarded:
    """Discard dead letters and quarantined deliveries of a source and a time. The relay may be running."""
    end = to_us(until)
    chosen = (source, source, to_us(since) or 0, _FOREVER if end is None else end, _BATCH)
    done = Discarded()
    for session in _turns(database):
        events = session.execute(_DEAD_LETTERS, chosen).fetchall()
        deliveries = session.execute(_QUARANTINED, chosen).fetchall()
        if not events and not deliveries:
            break
        _discard(database, session, (events, deliveries), done, person=person, reason=reason)
    return done


def _turns(database: Database) -> Iterator[Session]:
    """Yield one transaction after another, and leave the relay as much time in between."""
    while True:
        began = time.monotonic()
        with transaction(database) as session:
            yield session
        time.sleep(time.monotonic() - began)


def _discard(
    database: Database,
    session: Session,
    found: tuple[Sequence[tuple[int, str]], Sequence[tuple[str]]],
    done: Discarded,
    *,
    person: str,
    reason: str,
) -> None:
    events, deliveries = found
    repos = [forget_deploy(session, seq, database.as_bytes) for seq, _ in events]
    for seq, _ in events:
        outbox.discard(session, seq, reason)
    settle(acceptance_store(database, session), filter(None, repos))
    session.executemany(_DISCARD_DELIVERY, [(reason, now_us(), delivery) for (delivery,) in deliveries])
    ids = [id_ for _, id_ in events], [delivery for (delivery,) in deliveries]
    done.events += ids[0]
    done.deliveries += ids[1]
    note(session, DISCARDED, [*ids[0], *ids[1]], person=person, reason=reason)
