"""Accept deliveries: recognize repeats, decide occurrences, make events. All in one transaction.

The caller begins and commits the transaction. A batch of deliveries is decided in the order of
arrival, each with the changes of those before it, and is then written as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import orjson
from gitdailies_core.incidents.records import MERGED, Key, Occurrence
from gitdailies_core.incidents.state_machine import decide
from gitdailies_core.reasons import UNMAPPED, Reason
from gitdailies_core.sources.protocol import RESOLVED, UPDATED, Change

from gitdailies_relay.accepting.interpret import Interpretation, RoutedMessage
from gitdailies_relay.accepting.store_port import AcceptanceStore, Lookup, NewEvent, NewRows, Owner, row_of

STORED, REPEATED, REPLAYED, IGNORED = "stored", "repeated", "replayed", "ignored"


class Delivery(NamedTuple):
    """An interpreted delivery with its id, time of receipt (µs) and destination.

    A replay is decided again, also where a part of it was stored before.
    """

    id: str
    received_at: int
    destination: str
    interpretation: Interpretation
    replay: bool = False


class Accepted(NamedTuple):
    """What became of a delivery: the ids of its events, or the reasons why it has none.

    `quarantine_code` is the code under which its body was quarantined, or "".
    """

    delivery: str
    events: tuple[str, ...]
    reasons: tuple[Reason, ...]
    quarantine_code: str
    outcomes: tuple[str, ...]
    repeated: bool = False

    @property
    def texts(self) -> tuple[str, ...]:
        """The reasons as people read them."""
        return tuple(reason.text for reason in self.reasons) if self.reasons else ()


def accept(store: AcceptanceStore, deliveries: Sequence[Delivery]) -> list[Accepted]:
    """Decide and write *deliveries*; return what became of each."""
    store.prefetch(
        Lookup(
            Owner(delivery.destination, delivery.interpretation.source),
            routed.key,
            routed.message.incident,
            routed.message.state == RESOLVED,
        )
        for delivery in deliveries
        for routed in delivery.interpretation.messages
        if isinstance(routed.message, Change)
    )
    acceptance = _Acceptance(store)
    accepted = [acceptance.accept(delivery) for delivery in deliveries]
    store.write(acceptance.rows())
    return accepted


class _Acceptance:
    """A batch of deliveries while it is decided."""

    def __init__(self, store: AcceptanceStore) -> None:
        self._store = store
        self._rows = NewRows()
        self._records: dict[Owner, BatchRecords] = {}
        # The event ids of messages that this batch stored, by source and message, as JSON.
        self._stored: dict[tuple[str, str], str] = {}

    def rows(self) -> NewRows:
        """Return what the batch writes."""
        for records in self._records.values():
            self._rows.occurrences += records.changed_rows()
        return self._rows

    def accept(self, delivery: Delivery) -> Accepted:
        interpretation = delivery.interpretation
        if interpretation.reason is not None:
            return self._accept_unread(delivery, interpretation.reason)
        events: list[str] = []
        reasons: list[Reason] = []
        outcomes: list[str] = []
        code = ""
        for routed in interpretation.messages:
            outcome, ids, reason = self._accept_message(delivery, routed)
            outcomes.append(outcome)
            events += ids
            if reason is not None and reason.text:
                reasons.append(reason)
            if outcome == UNMAPPED or (routed.unmapped and ids and outcome != REPEATED):
                code = UNMAPPED
        if code:
            missing = [reason for routed in interpretation.messages for reason in routed.unmapped]
            self._quarantine(delivery, code, "; ".join(missing))
        return Accepted(
            delivery.id, tuple(events), tuple(reasons), code, tuple(outcomes), set(outcomes) == {REPEATED}
        )

    def _accept_unread(self, delivery: Delivery, reason: Reason) -> Accepted:
        self._quarantine(delivery, reason.code, reason.text)
        self._add_delivery(delivery, None, reason.code, reason.text, ())
        return Accepted(delivery.id, (), (reason,), reason.code, (reason.code,))

    def _accept_message(
        self, delivery: Delivery, routed: RoutedMessage
    ) -> tuple[str, Sequence[str], Reason | None]:
        """Decide one message; return its outcome, event ids and reason."""
        message, source = routed.message, delivery.interpretation.source
        if not isinstance(message, Change):
            self._add_delivery(delivery, routed, IGNORED, message.reason, ())
            return IGNORED, (), Reason(message.code, message.reason)
        before = self._stored.get((source, routed.key)) or self._store.stored_events(source, routed.key)
        if before is not None and not delivery.replay:
            ids = orjson.loads(before)
            self._add_delivery(delivery, routed, REPEATED, "a redelivery of something stored", ids)
            return REPEATED, ids, None
        records = self._records_of(Owner(delivery.destination, source))
        decision = decide(
            source=source, change=message, targets=routed.targets, refusal=routed.refusal, records=records
        )
        records.put(decision.records, delivery.received_at)
        ids = [str(event.id) for event in decision.events]
        for event, id_ in zip(decision.events, ids, strict=True):
            body = orjson.dumps(event.to_wire()).decode()
            incident = str(event.get("incidentId"))
            self._rows.events.append(
                NewEvent(id_, delivery.destination, source, incident, delivery.id, delivery.received_at, body)
            )
        outcome = STORED if ids else IGNORED
        if not ids and routed.unmapped and not routed.targets and message.state != UPDATED:
            outcome = UNMAPPED
        if before is not None and outcome == STORED:
            # A route was added after a part of it was stored. Repeats go on finding the first row.
            outcome = REPLAYED
        text = decision.reason.text if decision.reason else ""
        self._add_delivery(delivery, routed, outcome, text, ids)
        return outcome, ids, decision.reason

    def _records_of(self, owner: Owner) -> BatchRecords:
        records = self._records.get(owner)
        if records is None:
            records = self._records[owner] = BatchRecords(self._store, owner)
        return records

    def _add_delivery(
        self,
        delivery: Delivery,
        routed: RoutedMessage | None,
        outcome: str,
        reason: str,
        events: Sequence[str],
    ) -> None:
        interpretation, ids = delivery.interpretation, orjson.dumps(events).decode()
        key = routed.key if routed else delivery.id
        if outcome == STORED:
            self._stored[interpretation.source, key] = ids
        self._rows.deliveries.append(
            (
                delivery.id,
                delivery.received_at,
                interpretation.source,
                key,
                routed.message.incident if routed else "",
                routed.message.word if routed else "",
                interpretation.proof,
                outcome,
                reason,
                ids,
            )
        )

    def _quarantine(self, delivery: Delivery, code: str, reason: str) -> None:
        interpretation = delivery.interpretation
        self._rows.quarantine[delivery.id] = (
            delivery.id,
            delivery.received_at,
            interpretation.source,
            code,
            reason,
            interpretation.content_type,
            interpretation.body,
        )


class BatchRecords:
    """The records of one source at one destination: the stored ones, with the changes of this batch.

    Implements the records that gitdailies_core.incidents.state_machine decides from.
    """

    def __init__(self, store: AcceptanceStore, owner: Owner) -> None:
        self._store = store
        self._owner = owner
        self._known: dict[str, dict[Key, Occurrence]] = {}
        # By incident: each changed record, and when it changed (µs).
        self._changed: dict[str, dict[Key, tuple[Occurrence, int]]] = {}
        # The keys of the records that this batch merged. Mostly there are none.
        self._merged: set[Key] = set()

    def occurrences(self, incident: str) -> Sequence[Occurrence]:
        known = self._known.get(incident)
        if known is None:
            records = self._store.occurrences(self._owner, incident)
            known = self._known[incident] = {record.key: record for record in records} if records else {}
            for key, (record, _) in self._changed.get(incident, {}).items():
                known[key] = record
        return list(known.values())

    def waiting(self, incident: str) -> Sequence[Occurrence]:
        found = {record.key: record for record in self._store.merged_into(self._owner, incident)}
        for key in (*found, *self._merged):
            changed = self._changed.get(key[0], {}).get(key)
            if changed is not None:
                found[key] = changed[0]
        return [r for r in found.values() if r.state == MERGED and r.merged_into == incident]

    def put(self, records: Sequence[Occurrence], changed_at: int) -> None:
        """Take over *records* as a decision changed them at *changed_at* (µs)."""
        for record in records:
            key, incident = record.key, record.incident
            self._changed.setdefault(incident, {})[key] = (record, changed_at)
            if record.state == MERGED:
                self._merged.add(key)
            if incident in self._known:
                self._known[incident][key] = record

    def changed_rows(self) -> Iterator[tuple[Any, ...]]:
        """Return a row for each changed record, as it is now."""
        for records in self._changed.values():
            for record, changed_at in records.values():
                yield row_of(self._owner, record, changed_at)
