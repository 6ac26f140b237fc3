"""What people do about deliveries, with commands and pages: replay, requeue, discard, close, pause, resume.

The relay may be running. Each action is noted with who did it, and why.

A discarded event is not sent, and a discarded delivery is not replayed. Both stay in the store, with
the reason, for as long as delivered events. A discarded deploy does not count for later ones: they
bring the commits that it would have brought.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from gitdailies_connection.config.sections.settings import Source
from gitdailies_connection.relay.answers import ActedDelivery, ActionResult, PausedDelivery, ShownEvent
from gitdailies_core.error_text import got
from gitdailies_core.errors import UsageError
from gitdailies_core.incidents.routing import Routes
from gitdailies_core.reasons import FILTERED
from gitdailies_core.sources.protocol import RESOLVED, Change
from gitdailies_core.values.times import text_of
from gitdailies_server.storage.database import Database, Session, paced_transaction, transaction
from gitdailies_server.storage.timestamps import from_us, now_us, to_us

from gitdailies_relay.accepting.acceptance import close_by_hand, delivery_id
from gitdailies_relay.accepting.deploys import settle
from gitdailies_relay.accepting.store_port import Owner
from gitdailies_relay.delivery.isolation import MANUAL
from gitdailies_relay.operations import reading, replay
from gitdailies_relay.operations.outcomes import CLOSE, DISCARD, REPLAY, REQUEUE, DeliveryFacts
from gitdailies_relay.operations.status import paused
from gitdailies_relay.store import outbox, store
from gitdailies_relay.store.deploys import forget_deploy
from gitdailies_relay.store.store import DESTINATION, acceptance_store

_BODIES = (replay.QUARANTINED, FILTERED, replay.IGNORED)
# What was done, as it is noted.
DISCARDED, CLOSED, PAUSED, RESUMED = "discarded", "closed", "paused", "resumed"
CONFIRMED, REPLAYED, REQUEUED = "confirmed", "replayed", "requeued"
CLOSED_BY_HAND = "closed by hand"

_NOTE = "INSERT INTO actions (at, person, action, subject, reason) VALUES (?,?,?,?,?)"
# The sources of an incident that is open.
_SOURCES = (
    "SELECT DISTINCT destination, source FROM occurrences WHERE incident = ? AND state IN ('open', 'merged')"
)
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


@dataclass(frozen=True)
class Order:
    """What to do, why, and who asks for it. `incident` is the one to close."""

    action: str
    person: str
    reason: str = ""
    incident: str | None = None


# What was paused before, and what is now.
PauseChange: TypeAlias = tuple[tuple[PausedDelivery, ...], tuple[PausedDelivery, ...]]


@dataclass
class Discarded:
    """What was discarded: ids of events and of deliveries; and the ids that name neither."""

    events: list[str] = field(default_factory=list)
    deliveries: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def discard_ids(database: Database, ids: Sequence[str], *, person: str, reason: str) -> Discarded:
    """Discard what *ids* name, in one transaction; nothing, if one is unknown."""
    done = Discarded()
    with transaction(database) as session:
        events: list[tuple[int, str]] = []
        deliveries: list[tuple[str]] = []
        for id_ in ids:
            found = session.execute(_EVENTS_OF, (id_, id_)).fetchall()
            waiting = session.execute(_DELIVERY, (id_,)).fetchall()
            events += found
            deliveries += waiting
            done.unknown += [] if found or waiting else [id_]
        if not done.unknown:
            _discard(database, session, events, deliveries, done, person=person, reason=reason)
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
    while True:
        with paced_transaction(database) as session:
            events = session.execute(_DEAD_LETTERS, chosen).fetchall()
            deliveries = session.execute(_QUARANTINED, chosen).fetchall()
            if not events and not deliveries:
                return done
            _discard(database, session, events, deliveries, done, person=person, reason=reason)


def _discard(
    database: Database,
    session: Session,
    events: Sequence[tuple[int, str]],
    deliveries: Sequence[tuple[str]],
    done: Discarded,
    *,
    person: str,
    reason: str,
) -> None:
    """Discard events, by number and id, and deliveries, and add them to *done*."""
    repos = [forget_deploy(session, seq, database.as_bytes) for seq, _ in events]
    for seq, _ in events:
        outbox.discard(session, seq, reason)
    settle(acceptance_store(database, session), filter(None, repos))
    session.executemany(_DISCARD_DELIVERY, [(reason, now_us(), delivery) for (delivery,) in deliveries])
    done.events += [id_ for _, id_ in events]
    done.deliveries += [delivery for (delivery,) in deliveries]
    subjects = [*(id_ for _, id_ in events), *(delivery for (delivery,) in deliveries)]
    note(session, DISCARDED, subjects, person=person, reason=reason)


def note(session: Session, action: str, subjects: Iterable[str], *, person: str, reason: str) -> None:
    """Note that *person* did this to each of *subjects*, in the caller's transaction."""
    at = now_us()
    session.executemany(_NOTE, [(at, person, action, subject, reason) for subject in subjects])


def pause(session: Session, source: str | None, *, person: str, reason: str) -> PauseChange:
    """Pause the events of a source, or all of them."""
    place = f"{DESTINATION}/{source}" if source else DESTINATION
    before = paused(session)
    store.pause(session, place, MANUAL, reason)
    now = paused(session)
    if before != now:
        note(session, PAUSED, [place], person=person, reason=reason)
    return before, now


def resume(session: Session, source: str | None, *, person: str) -> PauseChange:
    """End the pause of a source, or every pause; then events that wait for a retry are due at once, too."""
    before = paused(session)
    ended = [one for one in before if source in (None, one.source)]
    for one in ended:
        store.end_pause(session, one.destination, one.by)
    if source is None:
        store.resume(session, DESTINATION)
    note(session, RESUMED, [one.destination for one in ended], person=person, reason="")
    return before, paused(session)


def close(
    database: Database,
    incident: str,
    *,
    source: str | None = None,
    at: datetime | None = None,
    reason: str = "",
    person: str,
) -> tuple[str, ...]:
    """End by hand the open occurrences of *incident*; return the ids of the events. The relay may be running.

    The ids are those that the vendor's own end would get, so that the end counts once, whichever
    comes first. *at* is when it was over, by default now. Raises UsageError where nothing is open,
    where several sources have such an incident, and where *at* is in the future.
    """
    now = now_us()
    ended_at = from_us(now) if at is None else at
    if to_us(ended_at) > now:
        raise UsageError(f"at: expected a time that is past, got {text_of(ended_at)}")
    with transaction(database) as session:
        owners = [Owner(*row) for row in session.execute(_SOURCES, (incident,)).fetchall()]
        owners = [owner for owner in owners if source in (None, owner.source)]
        if not owners:
            raise UsageError(f"incident: expected one that is open, got {got(incident)}")
        if len({owner.source for owner in owners}) > 1:
            names = ", ".join(sorted({owner.source for owner in owners}))
            raise UsageError(f"source: {got(incident)} is open at several; name one of {names}")
        change = Change(state=RESOLVED, word=CLOSED_BY_HAND, incident=incident, at=ended_at)
        note(session, CLOSED, [incident], person=person, reason=reason)
        opened = acceptance_store(database, session)
        return tuple(
            event
            for owner in owners
            for event in close_by_hand(opened, owner, change, delivery_id(now), now, reason)
        )


@dataclass(frozen=True)
class DeliveryActions:
    """Acts on the deliveries of a store, with a configuration."""

    database: Database
    sources: Mapping[str, Source]
    routes: Routes

    def act(self, order: Order, ids: Sequence[str]) -> ActionResult:
        """Act on deliveries, in their order; return what came of each. Raises UsageError, StoreUnavailable.

        One that the action does not fit is left as it is, and the answer says so.
        """
        with store.reading(self.database) as session:
            found = {id_: reading.facts_of(session, id_) for id_ in ids}
        subjects: list[str] = []
        try:
            done = [self._act(order, id_, known, subjects) for id_, known in found.items()]
        finally:
            # What was done before a fault is noted as well. The other actions note themselves.
            if subjects:
                action = REPLAYED if order.action == REPLAY else REQUEUED
                with transaction(self.database) as session:
                    note(session, action, subjects, person=order.person, reason=order.reason)
        return ActionResult(order.action, tuple(done), tuple(event for one in done for event in one.events))

    def _act(self, order: Order, id_: str, known: DeliveryFacts | None, subjects: list[str]) -> ActedDelivery:
        """Act on one delivery, and add to *subjects* what it was about."""
        events: Sequence[str] = ()
        reasons: Sequence[str] = ()
        if known is None:
            reasons = ("no such delivery",)
        elif order.action == REPLAY:
            events, reasons = self._replay(known, subjects)
        elif order.action == REQUEUE:
            dead = known.in_state("dead_letter")
            events, reasons = (
                self._send(dead, outbox.requeue, subjects),
                () if dead else ("it has no dead letter",),
            )
        elif order.action == DISCARD:
            events, reasons = self._discard(order, known)
        elif order.action == CLOSE:
            events = self._close(order, known)
        return ActedDelivery(id_, tuple(events), tuple(reasons))

    def _replay(self, known: DeliveryFacts, subjects: list[str]) -> tuple[Sequence[str], Sequence[str]]:
        """Read a stored body again; without one, send again the events that were taken."""
        if known.waits:
            selection = replay.ReplaySelection(known.delivery, states=_BODIES)
            found = replay.replay(self.database, self.sources, self.routes, selection)
            subjects.append(known.delivery)
            events = [event for one in found.deliveries for event in one.events]
            reasons = [text for one in found.deliveries for text in one.reasons]
            return events, [*reasons, *found.left_out]
        taken = known.in_state("delivered")
        reasons = [] if taken else ["nothing that could be sent is stored"]
        return self._send(taken, outbox.send_again, subjects), reasons

    def _send(
        self,
        events: Mapping[int, ShownEvent],
        send: Callable[[Session, int, int], None],
        subjects: list[str],
    ) -> Sequence[str]:
        with transaction(self.database) as session:
            for seq in events:
                send(session, seq, now_us())
        ids = [event.id for event in events.values()]
        subjects += ids
        return ids

    def _discard(self, order: Order, known: DeliveryFacts) -> tuple[Sequence[str], Sequence[str]]:
        """Discard what waits, or is a dead letter, and a request in quarantine."""
        open_events = known.in_state("dead_letter", "waiting", "blocked", "held")
        events = [(seq, event.id) for seq, event in open_events.items()]
        done = Discarded()
        with transaction(self.database) as session:
            deliveries = session.execute(_DELIVERY, (known.delivery,)).fetchall()
            _discard(
                self.database, session, events, deliveries, done, person=order.person, reason=order.reason
            )
        return done.events, () if done.events or done.deliveries else ("nothing waits",)

    def _close(self, order: Order, known: DeliveryFacts) -> Sequence[str]:
        incident = order.incident or next(iter(known.incidents), "")
        if incident not in known.incidents:
            raise UsageError("incident: expected one of this delivery, got another one")
        source = known.messages[0].source
        return close(self.database, incident, source=source, reason=order.reason, person=order.person)
