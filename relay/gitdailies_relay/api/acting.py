"""Actions on deliveries: replay, requeue, discard, close. The relay may be running."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from gitdailies_connection.config.settings import Source
from gitdailies_core.errors import UsageError
from gitdailies_core.incidents.routing import Routes
from gitdailies_core.reasons import FILTERED
from gitdailies_core.sources.protocol import Adapter
from gitdailies_server.storage.database import Database
from gitdailies_server.storage.timestamps import now_us

from gitdailies_relay.api import facts
from gitdailies_relay.api.outcomes import CLOSE, DISCARD, REPLAY, REQUEUE, Facts
from gitdailies_relay.api.questions import Order
from gitdailies_relay.operations import replay as replaying
from gitdailies_relay.operations.actions import REPLAYED, REQUEUED, note
from gitdailies_relay.operations.discard import discard_found
from gitdailies_relay.operations.incidents import close
from gitdailies_relay.store import outbox
from gitdailies_relay.store.store import reading, transaction

_BODIES = (replaying.QUARANTINED, FILTERED, replaying.IGNORED)


class Actor:
    """Acts on the deliveries of a store, with a configuration."""

    def __init__(self, database: Database, sources: Mapping[str, Source], routes: Routes) -> None:
        self._database = database
        self._sources = sources
        self._routes = routes

    @cached_property
    def _adapters(self) -> Mapping[str, Adapter]:
        # Found at the first replay, in the thread that acts: it reads the metadata of packages.
        return replaying.adapters_of(self._sources)

    def act(self, order: Order, ids: Sequence[str]) -> dict[str, Any]:
        """Act on deliveries, in their order; return what came of each. Raises UsageError, StoreUnavailable.

        One that the action does not fit is left as it is, and the answer says so.
        """
        with reading(self._database) as session:
            found = {id_: facts.facts_between(session, id_, id_).get(id_) for id_ in ids}
        subjects: list[str] = []
        try:
            done = [self._act(order, id_, known, subjects) for id_, known in found.items()]
        finally:
            # What was done before a fault is noted as well.
            self._note(order, subjects)
        return {
            "action": order.action,
            "deliveries": done,
            "events": [event for one in done for event in one["events"]],
        }

    def _act(self, order: Order, id_: str, known: Facts | None, subjects: list[str]) -> dict[str, Any]:
        """Act on one delivery, and add to *subjects* what it was about."""
        events: Sequence[str] = ()
        reasons: Sequence[str] = ()
        if known is None:
            reasons = ("no such delivery",)
        elif order.action == REPLAY:
            events, reasons = self._replay(known, subjects)
        elif order.action == REQUEUE:
            events, reasons = self._requeue(known, subjects)
        elif order.action == DISCARD:
            events, reasons = self._discard(order, known)
        elif order.action == CLOSE:
            events = self._close(order, known)
        return {"delivery": id_, "events": list(events), "reasons": list(reasons)}

    def _replay(self, known: Facts, subjects: list[str]) -> tuple[Sequence[str], Sequence[str]]:
        """Read a stored body again; without one, send again the events that were taken."""
        if any(body.waits for body in known.bodies):
            selection = replaying.Selection(known.delivery, states=_BODIES)
            found = replaying.replay(
                self._database, self._sources, self._routes, selection, adapters=self._adapters
            )
            subjects.append(known.delivery)
            events = [event for accepted in found.deliveries for event in accepted.events]
            reasons = [text for accepted in found.deliveries for text in accepted.texts]
            return events, [*reasons, *found.left_out]
        taken = [event for event in known.events if event.state == "delivered"]
        with transaction(self._database) as session:
            for event in taken:
                outbox.send_again(session, event.seq, now_us())
        subjects += [event.id for event in taken]
        return [event.id for event in taken], () if taken else ("nothing of it is stored that could be sent",)

    def _requeue(self, known: Facts, subjects: list[str]) -> tuple[Sequence[str], Sequence[str]]:
        dead = [event for event in known.events if event.state == "dead_letter"]
        with transaction(self._database) as session:
            for event in dead:
                outbox.requeue(session, event.seq, now_us())
        subjects += [event.id for event in dead]
        return [event.id for event in dead], () if dead else ("it has no dead letter",)

    def _discard(self, order: Order, known: Facts) -> tuple[Sequence[str], Sequence[str]]:
        open_states = ("dead_letter", "waiting", "held")
        events = [(event.seq, event.id) for event in known.events if event.state in open_states]
        bodies = [known.delivery for body in known.bodies if body.quarantined and body.waits]
        done = discard_found(self._database, events, bodies, person=order.person, reason=order.reason)
        nothing = not done.events and not done.deliveries
        return done.events, ("nothing of it waits",) if nothing else ()

    def _close(self, order: Order, known: Facts) -> Sequence[str]:
        incident = order.incident or next(iter(known.incidents), "")
        if incident not in known.incidents:
            raise UsageError("incident: expected one of this delivery, got another one")
        source = known.messages[0].source
        return close(self._database, incident, source=source, reason=order.reason, person=order.person)

    def _note(self, order: Order, subjects: Sequence[str]) -> None:
        """Note who replayed or requeued *subjects*; the other actions note themselves."""
        if subjects:
            action = REPLAYED if order.action == REPLAY else REQUEUED
            with transaction(self._database) as session:
                note(session, action, subjects, person=order.person, reason=order.reason)
