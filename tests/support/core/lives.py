"""Short forms of an incident's changes, their times and the events they give."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from gitdailies_core import reasons
from gitdailies_core.events.events import INCIDENT_STARTED, Event
from gitdailies_core.incidents.memory import MemoryRecords
from gitdailies_core.incidents.state_machine import Decision, close, decide
from gitdailies_core.reasons import Reason
from gitdailies_core.sources.protocol import RESOLVED, STARTED, UPDATED, Change, Service
from gitdailies_core.values.deploy_target import DeployTarget
from gitdailies_core.values.times import text_of

CHECKOUT = DeployTarget("larkspur/checkout-api", "production", "checkout-api")
LEDGER = DeployTarget("larkspur/ledger", "production", "ledger-worker")
LOW = Reason(reasons.FILTERED, "filtered: urgency is low; only high counts")
UNMAPPED = Reason(reasons.UNMAPPED, "unmapped: no line under services for 'checkout-api'")


def at(minutes: float) -> datetime:
    """Minutes after ten o'clock of the day on which all of this happens."""
    return datetime(2026, 3, 4, 10, tzinfo=UTC) + timedelta(minutes=minutes)


def started(when: float, *, incident: str = "A", occurrence: Any = None, **more: Any) -> Change:
    """A start, of a vendor that names occurrences by their start if *occurrence* is `named`."""
    named = text_of(at(when)) if occurrence == "named" else occurrence
    return make(STARTED, when, incident=incident, occurrence=named, **more)


def resolved(when: float, *, incident: str = "A", since: float | None = None, **more: Any) -> Change:
    """An end, with the time of its start if *since* is given."""
    if since is not None:
        more = {"occurrence": text_of(at(since)), "started_at": at(since), **more}
    return make(RESOLVED, when, incident=incident, **more)


def merged(when: float, into: str | None, *, since: float | None = None, **more: Any) -> Change:
    return resolved(when, since=since, merged=True, merged_into=into, **more)


def updated(when: float, *, incident: str = "A", since: float | None = None, **more: Any) -> Change:
    if since is not None:
        more = {"occurrence": text_of(at(since)), "started_at": at(since), **more}
    return make(UPDATED, when, incident=incident, **more)


def make(state: str, when: float, *, incident: str, services: Sequence[str] = (), **more: Any) -> Change:
    return Change(
        state=state,
        word=f"incident.{state}",
        incident=incident,
        at=at(when),
        services=[Service(name) for name in services],
        **more,
    )


def short(event: Event) -> tuple[Any, ...]:
    """Shorten an event to (incident, `starts` or `ends`, minutes), and its merge and resolution."""
    assert event.time is not None
    verb = "starts" if event.kind == INCIDENT_STARTED else "ends"
    minutes = (event.time - at(0)).total_seconds() / 60
    more = tuple(f"{name}={event.get(name)}" for name in ("mergedInto", "resolution") if event.get(name))
    return (event.get("incidentId"), verb, minutes, *more)


def by_repo(events: Sequence[Event]) -> list[tuple[Any, ...]]:
    """Shorten events to (repository, `starts` or `ends`, minutes)."""
    return [(event.get("repo"), *short(event)[1:3]) for event in events]


class Routed(NamedTuple):
    """A change, where routing sends it, and why it is not wanted."""

    change: Change
    to: Sequence[DeployTarget] = (CHECKOUT,)
    refusal: Reason | None = None


def low(change: Change) -> Routed:
    return Routed(change, refusal=LOW)


@dataclass
class Relay:
    """A relay without its store: it decides on changes, remembers records and collects the sent events."""

    targets: Sequence[DeployTarget] = (CHECKOUT,)
    source: str = "pagerduty"
    records: MemoryRecords = field(default_factory=MemoryRecords)
    sent: list[Event] = field(default_factory=list)

    def take(
        self, change: Change, *, to: Sequence[DeployTarget] | None = None, refusal: Reason | None = None
    ) -> Decision:
        targets = self.targets if to is None else to
        decision = decide(
            source=self.source, change=change, targets=targets, refusal=refusal, records=self.records
        )
        assert bool(decision.events) != bool(decision.reason), "events or a reason, never both or neither"
        self.records.apply(decision)
        self.sent += decision.events
        return decision

    def hear(self, one: Change | Routed) -> Decision:
        """Take a change as it is routed, or at the usual place."""
        routed = one if isinstance(one, Routed) else Routed(one)
        return self.take(routed.change, to=routed.to, refusal=routed.refusal)

    def close(self, change: Change) -> Decision:
        """Close an incident by hand."""
        decision = close(change=change, source=self.source, records=self.records)
        self.records.apply(decision)
        self.sent += decision.events
        return decision

    def say(self, *changes: Change) -> list[tuple[Any, ...]]:
        """Take all *changes* and return their events, shortened."""
        before = len(self.sent)
        for change in changes:
            self.take(change)
        return [short(event) for event in self.sent[before:]]

    @property
    def story(self) -> list[tuple[Any, ...]]:
        return [short(event) for event in self.sent]

    def states(self, incident: str = "A") -> list[str]:
        return [record.state for record in self.records.occurrences(incident)]
