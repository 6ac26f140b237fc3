"""Accepting deliveries: duplicate, period, events and their place in the queue, in one transaction.

The caller begins and commits; nothing here is done by halves. A batch is decided in the order in
which it arrived, each delivery knowing what those before it changed, and then written whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import orjson
from gitdailies_core.incidents.state_machine import decide
from gitdailies_core.reasons import Reason
from gitdailies_core.sources.protocol import RESOLVED, UPDATED, Change

from gitdailies_relay.accepting.batch_records import BatchLedger
from gitdailies_relay.accepting.interpret import UNMAPPED, Reading, Said
from gitdailies_relay.accepting.store_port import Asked, Batch, NewEvent, Rows, Whose

STORED, REPEATED, REPLAYED, IGNORED = "stored", "repeated", "replayed", "ignored"


class Delivery(NamedTuple):
    """A reading with what the relay gave it: an id, a moment (microseconds), a destination.

    A replay is decided anew, even where some of it was stored before.
    """

    id: str
    received_at: int
    destination: str
    reading: Reading
    replay: bool = False


class Accepted(NamedTuple):
    """What became of a delivery: the ids of its events, or the reasons why there are none.

    `why` names the reason for which its body is kept, "" where it is not.
    """

    delivery: str
    events: tuple[str, ...]
    reasons: tuple[Reason, ...]
    why: str
    outcomes: tuple[str, ...]
    repeated: bool = False

    @property
    def texts(self) -> tuple[str, ...]:
        """The reasons as people read them."""
        return tuple(reason.text for reason in self.reasons) if self.reasons else ()


def accept(rows: Rows, deliveries: Sequence[Delivery]) -> list[Accepted]:
    """Write *deliveries* and what follows from them; returns what became of each."""
    rows.read_ahead(
        Asked(
            Whose(delivery.destination, delivery.reading.source),
            said.key,
            said.message.incident,
            said.message.state == RESOLVED,
        )
        for delivery in deliveries
        for said in delivery.reading.said
        if isinstance(said.message, Change)
    )
    acceptance = _Acceptance(rows)
    accepted = [acceptance.take(delivery) for delivery in deliveries]
    rows.write(acceptance.written())
    return accepted


class _Acceptance:
    """A batch while it is decided."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._batch = Batch()
        self._ledgers: dict[Whose, BatchLedger] = {}
        # What was stored in this batch, by source and message, as `Rows.stored` returns it.
        self._stored: dict[tuple[str, str], str] = {}

    def written(self) -> Batch:
        """Return what is to be written."""
        for ledger in self._ledgers.values():
            self._batch.periods += ledger.changed()
        return self._batch

    def take(self, delivery: Delivery) -> Accepted:
        reading = delivery.reading
        if reading.reason is not None:
            self._keep(delivery, reading.why, reading.reason.text)
            self._note(delivery, None, reading.why, reading.reason.text, ())
            return Accepted(delivery.id, (), (reading.reason,), reading.why, (reading.why,))
        events: list[str] = []
        reasons: list[Reason] = []
        outcomes: list[str] = []
        why = ""
        for said in reading.said:
            outcome, ids, reason = self._message(delivery, said)
            outcomes.append(outcome)
            events += ids
            if reason is not None and reason.text:
                reasons.append(reason)
            if outcome == UNMAPPED or (said.unmapped and ids and outcome != REPEATED):
                why = UNMAPPED
        if why:
            missing = [text for said in reading.said for text in said.unmapped]
            self._keep(delivery, why, "; ".join(missing))
        return Accepted(
            delivery.id, tuple(events), tuple(reasons), why, tuple(outcomes), set(outcomes) == {REPEATED}
        )

    def _message(self, delivery: Delivery, said: Said) -> tuple[str, Sequence[str], Reason | None]:
        """Decide one message; returns its outcome, event ids and reason."""
        message, source = said.message, delivery.reading.source
        if not isinstance(message, Change):
            self._note(delivery, said, IGNORED, message.reason, ())
            return IGNORED, (), Reason(message.code, message.reason)
        seen = self._stored.get((source, said.key)) or self._rows.stored(source, said.key)
        if seen is not None and not delivery.replay:
            ids = orjson.loads(seen)
            self._note(delivery, said, REPEATED, "a redelivery of something stored", ids)
            return REPEATED, ids, None
        ledger = self._ledger(Whose(delivery.destination, source))
        decision = decide(
            source=source, change=message, targets=said.targets, refusal=said.refusal, records=ledger
        )
        ledger.put(decision.records, delivery.received_at)
        ids = [str(event.id) for event in decision.events]
        for event, id_ in zip(decision.events, ids, strict=True):
            body = orjson.dumps(event.to_wire()).decode()
            incident = str(event.get("incidentId"))
            self._batch.events.append(
                NewEvent(id_, delivery.destination, source, incident, delivery.id, delivery.received_at, body)
            )
        outcome = STORED if ids else IGNORED
        if not ids and said.unmapped and not said.targets and message.state != UPDATED:
            outcome = UNMAPPED
        if seen is not None and outcome == STORED:
            # A route was added after a part of it was stored; the first row stays what repeats find.
            outcome = REPLAYED
        self._note(delivery, said, outcome, decision.reason.text if decision.reason else "", ids)
        return outcome, ids, decision.reason

    def _ledger(self, whose: Whose) -> BatchLedger:
        ledger = self._ledgers.get(whose)
        if ledger is None:
            ledger = self._ledgers[whose] = BatchLedger(self._rows, whose)
        return ledger

    def _note(
        self, delivery: Delivery, said: Said | None, outcome: str, reason: str, events: Sequence[str]
    ) -> None:
        reading, ids = delivery.reading, orjson.dumps(events).decode()
        key = said.key if said else delivery.id
        if outcome == STORED:
            self._stored[reading.source, key] = ids
        self._batch.deliveries.append(
            (
                delivery.id,
                delivery.received_at,
                reading.source,
                key,
                said.message.incident if said else "",
                said.message.word if said else "",
                reading.proof,
                outcome,
                reason,
                ids,
            )
        )

    def _keep(self, delivery: Delivery, why: str, reason: str) -> None:
        reading = delivery.reading
        self._batch.kept[delivery.id] = (
            delivery.id,
            delivery.received_at,
            reading.source,
            why,
            reason,
            reading.content_type,
            reading.body,
        )
