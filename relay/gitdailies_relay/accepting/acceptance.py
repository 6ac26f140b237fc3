"""Accept deliveries: recognize repeats, decide occurrences, make events. All in one transaction.

The caller begins and commits the transaction. A batch of deliveries is decided in the order of arrival, each
with the changes of those before it, and then written. Pushes and deployed commits are written as they come.
"""

import os
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

import orjson
from gitdailies_core.deploys.deploy import event_id, event_of
from gitdailies_core.deploys.pushes import Brought
from gitdailies_core.errors import InvalidEvent
from gitdailies_core.events.events import INCIDENT_STARTED, Event
from gitdailies_core.incidents.holding import hold_starts
from gitdailies_core.incidents.records import MERGED, Decision, Key, Occurrence
from gitdailies_core.incidents.state_machine import close, decide
from gitdailies_core.reasons import (
    AT_RECEIPT,
    FILTERED,
    HOLD,
    NO_ROUTE,
    OTHER,
    QUARANTINED,
    REPEATED_END,
    UNEXPECTED_PAYLOAD,
    UNMAPPED,
    UPDATE,
    Reason,
)
from gitdailies_core.sources.deploy_messages import Deploy, Push
from gitdailies_core.sources.protocol import RESOLVED, UPDATED, Change, Ignored
from gitdailies_core.values.trace_context import Trace

from gitdailies_relay.accepting import deploys, interpret
from gitdailies_relay.accepting.store_port import (
    AcceptanceStore,
    HeldRow,
    Lookup,
    NewEvent,
    NewRows,
    NewWaiting,
    Owner,
    WantedDeploy,
    row_of,
)

STORED, REPEATED, REPLAYED, IGNORED = "stored", "repeated", "replayed", "ignored"


# The body of a delivery is stored as long as a filter or a route may change, also where a part counted.
# That of a push is not, since there are too many: it is remembered, and hardly any counts as a deploy.
_NOT_WANTED = (FILTERED, NO_ROUTE)
_WAIT_US = deploys.WAIT // timedelta(microseconds=1)
# The length of the id of a delivery.
_TIME_DIGITS, _RANDOM_DIGITS = 14, 8


class Delivery(NamedTuple):
    """An interpreted delivery with its id, time of receipt (µs) and destination.

    A replay is decided again, also where a part of it was stored before. `received_at` is its own
    time, and `came_at` that of the delivery that it repeats.
    """

    id: str
    received_at: int
    destination: str
    interpretation: interpret.Interpretation
    replay: bool = False
    came_at: int | None = None


class Accepted(NamedTuple):
    """What became of a delivery: the ids of its events, or the reasons why it has none.

    `quarantine_code` is the code under which its body was quarantined, or "". It is `repeated` where all
    of its events are from a delivery before.
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


def delivery_id(at: int, trace: Trace | None = None) -> str:
    """Make the id of a delivery received *at* (µs) in its *trace*. Ids sort by time and cannot be guessed."""
    return f"d{at:014x}{''.join(trace) if trace else os.urandom(4).hex()}"


def trace_of(delivery: str) -> Trace:
    """Return the trace of a delivery by its id: the one that its sender named, else the digits of the id."""
    digits = delivery[1:]
    named = digits[_TIME_DIGITS:]
    return Trace(named[:-2], named[-2:]) if len(named) > _RANDOM_DIGITS else Trace(digits.rjust(32, "0"))


def accept(
    store: AcceptanceStore, deliveries: Sequence[Delivery], *, store_ignored: bool = True
) -> list[Accepted]:
    """Decide and write *deliveries*; return what became of each.

    With *store_ignored*, the bodies of those that were filtered or ignored are stored, too.
    """
    store.prefetch(
        Lookup(
            Owner(delivery.destination, delivery.interpretation.source),
            routed.key,
            routed.subject,
            isinstance(routed.message, Change) and routed.message.state == RESOLVED,
        )
        for delivery in deliveries
        for routed in delivery.interpretation.messages
        if isinstance(routed.message, (Change, Deploy))
    )
    acceptance = _Acceptance(store, store_ignored)
    accepted = [acceptance.accept(delivery) for delivery in deliveries]
    store.write(acceptance.rows())
    if acceptance.unsettled:
        deploys.settle(store, acceptance.unsettled)
    return accepted


def close_by_hand(
    store: AcceptanceStore, owner: Owner, change: Change, delivery: str, at: int, reason: str
) -> tuple[str, ...]:
    """End the open occurrences of an incident, as a person asks *at* (µs); return the ids of the events.

    It is noted like a delivery with the id *delivery*, so that the timeline shows who ended it, and why.
    """
    store.prefetch([Lookup(owner, delivery, change.incident, is_end=True)])
    acceptance = _Acceptance(store, store_ignored=False)
    events = acceptance.close(owner, change, delivery, at, reason)
    store.write(acceptance.rows())
    return events


class _BatchRecords:
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


class _Acceptance:
    """A batch of deliveries while it is decided."""

    def __init__(self, store: AcceptanceStore, store_ignored: bool) -> None:
        self._store = store
        self._store_ignored = store_ignored
        self._rows = NewRows()
        self._records: dict[Owner, _BatchRecords] = {}
        # The event ids of messages that this batch stored, by source and message, as JSON.
        self._stored: dict[tuple[str, str], str] = {}
        # The ids of the deploys that this batch counted.
        self._deploys: set[str] = set()
        # The ids of the starts that this batch holds, and of those that it holds no longer.
        self._held: set[str] = set()
        self._let_go: set[str] = set()
        # The repositories whose waiting deploys may go on after this batch.
        self.unsettled: list[str] = []

    def rows(self) -> NewRows:
        """Return what the batch writes."""
        for records in self._records.values():
            self._rows.occurrences += records.changed_rows()
        return self._rows

    def accept(self, delivery: Delivery) -> Accepted:
        interpretation = delivery.interpretation
        if not delivery.replay:
            self._rows.received.append((interpretation.source, delivery.received_at))
        if interpretation.reason is not None:
            return self._accept_unread(delivery, interpretation.reason)
        events: list[str] = []
        reasons: list[Reason] = []
        outcomes: list[str] = []
        codes: list[str] = []
        messages = interpretation.messages
        for routed in messages:
            outcome, ids, reason, code = self._accept_message(delivery, routed)
            outcomes.append(outcome)
            codes += [code] if code else []
            events += ids
            if reason is not None and reason.text:
                reasons.append(reason)
        # Lines for unmapped services are asked for first, as a user can add those.
        code = UNMAPPED if UNMAPPED in codes else codes[0] if codes else ""
        if code == UNMAPPED:
            missing = [reason for routed in messages for reason in routed.unmapped]
            self._store_body(self._rows.quarantine, delivery, Reason(UNMAPPED, "; ".join(missing)))
        elif code:
            self._store_body(self._rows.quarantine, delivery, next(r for r in reasons if r.code == code))
        elif self._store_ignored and reasons and not any(isinstance(one.message, Push) for one in messages):
            filtered = next((reason for reason in reasons if reason.code in _NOT_WANTED), None)
            if filtered or not (events or REPLAYED in outcomes):
                self._store_body(self._rows.ignored, delivery, filtered or reasons[0])
        repeated = bool(events) and {REPEATED, IGNORED}.issuperset(outcomes)
        return Accepted(delivery.id, tuple(events), tuple(reasons), code, tuple(outcomes), repeated)

    def close(self, owner: Owner, change: Change, delivery: str, at: int, reason: str) -> tuple[str, ...]:
        interpretation = interpret.Interpretation(owner.source, "", b"", interpret.BY_HAND)
        closing = Delivery(delivery, at, owner.destination, interpretation)
        records = self._records_of(owner)
        decision = close(change=change, source=owner.source, records=records)
        records.put(decision.records, at)
        ids, _ = self._take(closing, decision)
        self._add_delivery(
            closing, interpret.RoutedMessage(change, delivery), STORED if ids else IGNORED, reason, ids
        )
        return tuple(ids)

    def _accept_unread(self, delivery: Delivery, reason: Reason) -> Accepted:
        self._store_body(self._rows.quarantine, delivery, reason)
        self._add_delivery(delivery, None, reason.code, reason.text, ())
        return Accepted(delivery.id, (), (reason,), reason.code, (reason.code,))

    def _accept_message(
        self, delivery: Delivery, routed: interpret.RoutedMessage
    ) -> tuple[str, Sequence[str], Reason | None, str]:
        """Decide one message; return its outcome, event ids, reason, and the code to quarantine it, or ""."""
        message, source = routed.message, delivery.interpretation.source
        if isinstance(message, Push):
            self._store.remember_push(message, delivery.received_at)
            self.unsettled.append(message.repo)
            text = f"{message.word}: a push makes no event; its commits are remembered"
            self._add_delivery(delivery, routed, IGNORED, text, ())
            return IGNORED, (), Reason(OTHER, text), ""
        if isinstance(message, Ignored):
            code = message.code if message.code in QUARANTINED else ""
            self._add_delivery(delivery, routed, code or IGNORED, message.reason, ())
            return code or IGNORED, (), Reason(message.code, message.reason), code
        before = self._stored.get((source, routed.key)) or self._store.stored_events(source, routed.key)
        if before is not None and not delivery.replay:
            ids = orjson.loads(before)
            self._add_delivery(delivery, routed, REPEATED, "a redelivery of something stored", ids)
            return REPEATED, ids, None, ""
        if isinstance(message, Deploy):
            return self._accept_deploy(delivery, routed, message, is_known=before is not None)
        records = self._records_of(Owner(delivery.destination, source))
        decision = decide(
            source=source, change=message, targets=routed.targets, refusal=routed.refusal, records=records
        )
        records.put(decision.records, delivery.received_at)
        ids, reason = self._take(delivery, decision)
        outcome = STORED if ids else IGNORED
        if reason is not None and reason.code == UNMAPPED:
            outcome = UNMAPPED
        if outcome == UNMAPPED and message.state == UPDATED:  # it counts with no line either
            outcome, reason = IGNORED, Reason(UPDATE, f"{message.word} neither starts nor ends an incident")
        ends = [one.ended_at for one in records.occurrences(message.incident)] if delivery.replay else []
        if reason is not None and reason.code == REPEATED_END and message.at in ends:
            # Its start waited, too. It was replayed first, with this end.
            outcome, reason = REPLAYED, Reason(REPEATED_END, "its end was sent with its start")
        if before is not None and outcome == STORED:
            # A route was added after a part of it was stored. Repeats go on finding the first row.
            outcome = REPLAYED
        # An end counts where its start counted, whatever the lines say now.
        starts = any(event.kind == INCIDENT_STARTED for event in decision.events)
        lines = routed.lines if starts and ids else ()
        texts = (reason.text if reason else "", AT_RECEIPT if message.at_receipt else "", *lines)
        self._add_delivery(delivery, routed, outcome, "; ".join(filter(None, texts)), ids)
        if ids and reason is not None and reason.code == HOLD:
            reason = None  # it is stored; the timeline says that it waits, or why it was discarded
        code = UNMAPPED if outcome == UNMAPPED or interpret.may_count_more(routed, message, decision) else ""
        return outcome, ids, reason, code

    def _accept_deploy(
        self, delivery: Delivery, routed: interpret.RoutedMessage, deploy: Deploy, *, is_known: bool
    ) -> tuple[str, Sequence[str], Reason | None, str]:
        """Decide one deploy. Messages about one deploy give one event, whatever their keys are."""
        place, refusal = routed.place, routed.refusal
        if refusal is not None or place is None:
            reason = refusal or Reason(NO_ROUTE, "no route says where it counts")
            code = reason.code if reason.code in QUARANTINED else ""
            self._add_delivery(delivery, routed, code or IGNORED, reason.text, ())
            return code or IGNORED, (), reason, code
        source, subject = delivery.interpretation.source, routed.subject
        again, id_ = False, event_id(deploy, place, routed.key)
        if self._is_there(delivery, subject, id_) and deploys.went_back(self._store, source, deploy):
            again, id_ = True, event_id(deploy, place, routed.key, again=True)
        if self._is_there(delivery, subject, id_):
            self._add_delivery(
                delivery, routed, REPEATED, "another message about a deploy that counted", [id_]
            )
            return REPEATED, [id_], None, ""
        wanted = WantedDeploy(place, deploy.sha, deploy.at, deploy.branch, deploy.previous)
        found = deploys.brought_by(self._store, wanted) if deploy.commits is None else None
        others = deploys.waiting_beside(self._store, wanted.place, self._rows.waiting)
        held = deploys.why_held(found, (wanted.at, id_), others)
        if held or others:
            self.unsettled.append(place.repo)
        if held:
            found = None
        try:
            event = event_of(
                deploy,
                place,
                source,
                routed.key,
                commits=found.commits if isinstance(found, Brought) else None,
                reverts=found.reverts if isinstance(found, Brought) else (),
                again=again,
            )
        except InvalidEvent as error:
            self._add_delivery(delivery, routed, UNEXPECTED_PAYLOAD, str(error), ())
            return UNEXPECTED_PAYLOAD, (), Reason(UNEXPECTED_PAYLOAD, str(error)), UNEXPECTED_PAYLOAD
        self._deploys.add(id_)
        self._store.remember_deploy(place, deploy.sha, deploy.at)
        deploys.remember(self._store, source, deploy)
        body = orjson.dumps(event.to_wire()).decode()
        self._rows.events.append(
            NewEvent(id_, delivery.destination, source, subject, delivery.id, delivery.received_at, body)
        )
        if held:
            row = HeldRow(subject, id_, delivery.destination, delivery.received_at, _WAIT_US)
            self._rows.waiting.append(NewWaiting(row, wanted, routed.key, held))
        outcome = REPLAYED if is_known else STORED
        unknown = deploys.NOT_TOLD.format(reason=found.reason) if isinstance(found, deploys.Gap) else ""
        texts = (AT_RECEIPT if deploy.at_receipt else "", held or unknown)
        self._add_delivery(delivery, routed, outcome, "; ".join(filter(None, texts)), [id_])
        return outcome, [id_], None, ""

    def _is_there(self, delivery: Delivery, subject: str, id_: str) -> bool:
        return id_ in self._deploys or self._store.has_event(delivery.destination, subject, id_)

    def _take(self, delivery: Delivery, decision: Decision) -> tuple[list[str], Reason | None]:
        """Take over the events of a decision; return their ids, and a reason."""
        source, hold = delivery.interpretation.source, delivery.interpretation.hold
        events, reason = decision.events, decision.reason
        if hold and events:
            events, reason = self._hold(delivery, decision, hold)
        ids: list[str] = []
        for event in events:
            wire = event.to_wire()
            id_, incident, body = wire["id"], wire["incidentId"], orjson.dumps(wire).decode()
            self._rows.events.append(
                NewEvent(id_, delivery.destination, source, incident, delivery.id, delivery.received_at, body)
            )
            ids.append(id_)
        return ids, reason

    def _hold(
        self, delivery: Delivery, decision: Decision, hold: timedelta
    ) -> tuple[tuple[Event, ...], Reason | None]:
        """Hold the starts of a decision; return the events to store, and the reason."""
        destination, now = delivery.destination, delivery.received_at
        waiting = self._held.copy()
        for incident in dict.fromkeys(record.incident for record in decision.records):
            waiting.update(self._store.held_starts(destination, incident))
        found = hold_starts(delivery.interpretation.source, decision, hold, waiting - self._let_go)
        length = hold // timedelta(microseconds=1)
        self._rows.held += [HeldRow(*start, destination, now, length) for start in found.held]
        self._rows.discarded += [(*start, destination, why) for start, why in found.discarded.items()]
        self._rows.released += [(*start, destination, now) for start in found.released]
        self._held.update(start.id for start in found.held)
        self._let_go.update(start.id for start in (*found.discarded, *found.released))
        return found.events, found.reason

    def _records_of(self, owner: Owner) -> _BatchRecords:
        records = self._records.get(owner)
        if records is None:
            records = self._records[owner] = _BatchRecords(self._store, owner)
        return records

    def _add_delivery(
        self,
        delivery: Delivery,
        routed: interpret.RoutedMessage | None,
        outcome: str,
        reason: str,
        events: Sequence[str],
    ) -> None:
        interpretation, ids = delivery.interpretation, orjson.dumps(events).decode()
        key = routed.key if routed else delivery.id
        if outcome == STORED:
            self._stored[interpretation.source, key] = ids
        if interpretation.proof != interpret.BY_HAND:
            self._rows.outcomes[interpretation.source, int(delivery.replay), outcome] += 1
        self._rows.deliveries.append(
            (
                delivery.id,
                delivery.received_at,
                interpretation.source,
                key,
                routed.subject if routed else "",
                routed.message.word if routed else "",
                interpretation.proof,
                outcome,
                reason,
                ids,
                interpretation.pack,
            )
        )

    def _store_body(self, rows: dict[str, tuple[Any, ...]], delivery: Delivery, reason: Reason) -> None:
        interpretation = delivery.interpretation
        rows[delivery.id] = (
            delivery.id,
            delivery.received_at if delivery.came_at is None else delivery.came_at,
            interpretation.source,
            reason.code,
            reason.text,
            interpretation.content_type,
            orjson.dumps(interpret.storable_headers(interpretation)).decode(),
            interpret.storable_body(interpretation),
            interpretation.digest or interpret.digest_of(interpretation.body),
        )
