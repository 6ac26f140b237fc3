"""Rules for occurrences in any order of arrival, and in any sequence of changes.

If payloads have the starts (each end that of its own occurrence), the set of events does not
depend on the order or on repeats. The exceptions: an update that passes a filter counts only
after its held start, and a merge waits only for a target that was seen before it.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import hypothesis.strategies as st
import pytest
from gitdailies_core.events.events import INCIDENT_RESOLVED, INCIDENT_STARTED, Event
from gitdailies_core.events.ids import incident_event_id
from gitdailies_core.incidents.decision import Draft
from gitdailies_core.incidents.merges import is_over
from gitdailies_core.incidents.records import MERGED, OPEN
from gitdailies_core.sources.protocol import Change
from gitdailies_core.values.deploy_target import DeployTarget
from gitdailies_core.values.times import text_of
from hypothesis import given, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.support.core.lives import (
    CHECKOUT,
    LEDGER,
    LOW,
    UNMAPPED,
    Relay,
    at,
    merged,
    resolved,
    started,
    updated,
)
from tests.support.forms import examples

WEB = DeployTarget("larkspur/ledger-web", None, "ledger-worker")
PLACES = {"A": (CHECKOUT,), "B": (LEDGER, WEB), "C": (LEDGER,)}
IN_NOTHING, IN_UNKNOWN = None, "Z"


@dataclass(frozen=True)
class Life:
    """An incident from its first start on: its occurrences, and how the last of them ended."""

    incident: str
    spans: tuple[tuple[int, int], ...]
    last: str
    into: str | None

    def changes(self) -> list[Change]:
        changes = []
        for index, (since, until) in enumerate(self.spans):
            changes.append(started(since, incident=self.incident, occurrence="named"))
            changes.append(updated(since, incident=self.incident, since=since))
            if index + 1 < len(self.spans) or self.last == "resolved":
                changes.append(resolved(until, incident=self.incident, since=since))
            elif self.last == "merged":
                changes.append(merged(until, self.into, incident=self.incident, since=since))
        return changes

    def ids(self) -> set[str]:
        ended = len(self.spans) - (self.last == "open")
        return {
            name_of(kind, self.incident, target, since)
            for target in PLACES[self.incident]
            for kind, count in ((INCIDENT_STARTED, len(self.spans)), (INCIDENT_RESOLVED, ended))
            for since, _ in self.spans[:count]
        }


def name_of(kind: str, incident: str, target: DeployTarget, since: int) -> str:
    return incident_event_id(
        kind=kind,
        source="pagerduty",
        incident=incident,
        repo=target.repo,
        environment=target.environment,
        further=None,
        occurrence=text_of(at(since)),
    )


@st.composite
def lives(draw: Any, lasts: Sequence[str] = ("resolved", "open")) -> list[Life]:
    drawn = []
    for incident in draw(st.sampled_from(["A", "AB", "ABC"])):
        moments = draw(st.lists(st.integers(0, 50), min_size=2, max_size=6, unique=True).map(sorted))
        spans = tuple(zip(moments[0::2], moments[1::2], strict=False))
        into = draw(st.sampled_from(["A", "B", "C", IN_UNKNOWN, IN_NOTHING]))
        drawn.append(Life(incident, spans, draw(st.sampled_from(lasts)), into))
    return drawn


@st.composite
def arrivals(draw: Any, told_of: Iterable[Life]) -> list[Change]:
    """Every change of all lives at least once, some of them again, in any order."""
    changes = [change for life in told_of for change in life.changes()]
    again = draw(st.lists(st.sampled_from(changes), max_size=6))
    return draw(st.permutations(changes + again))


def deliver(changes: Iterable[Change], relay: Relay) -> None:
    for change in changes:
        relay.take(change, to=PLACES[change.incident])


def check_order(sent: Sequence[Event]) -> None:
    ids = [event.id for event in sent]
    assert len(ids) == len(set(ids)), "each event once"
    open_at: Counter[tuple[Any, ...]] = Counter()
    for event in sent:
        where = tuple(event.get(name) for name in ("incidentId", "repo", "environment", "service"))
        open_at[where] += 1 if event.kind == INCIDENT_STARTED else -1
        assert open_at[where] >= 0, "no end before its start"


@given(st.data())
def test_any_order_of_arrival_gives_the_same_events(data: st.DataObject) -> None:
    """Every occurrence's start and end is sent once, in order, for any order and repeats of arrival."""
    drawn, relay = data.draw(lives()), Relay()

    deliver(data.draw(arrivals(drawn)), relay)

    check_order(relay.sent)
    assert {event.id for event in relay.sent} == set().union(*(life.ids() for life in drawn))


@given(st.data())
def test_any_order_of_merges_ends_every_incident(data: st.DataObject) -> None:
    """Incidents merged into each other, into themselves or into an unknown one all get their ends."""
    drawn, relay = data.draw(lives(lasts=("resolved", "merged"))), Relay()

    deliver(data.draw(arrivals(drawn)), relay)

    check_order(relay.sent)
    assert {event.id for event in relay.sent} == set().union(*(life.ids() for life in drawn))
    assert not [p for life in drawn for p in relay.records.occurrences(life.incident) if p.state == MERGED]


@given(st.data())
def test_any_order_of_filtered_starts_and_ends_gives_the_same_events(data: st.DataObject) -> None:
    """An occurrence counts whole if its start or its end is wanted, and not at all if neither is."""
    (life, *_), relay = data.draw(lives()), Relay()
    changes = [change for change in life.changes() if change.state != "updated"]
    wanted = {id(change): data.draw(st.booleans()) for change in changes}
    expected = {
        event_id
        for since, _ in life.spans
        if any(wanted[id(change)] for change in changes if change.occurrence == text_of(at(since)))
        for event_id in Life(life.incident, ((since, 0),), "resolved", None).ids() & life.ids()
    }

    for change in data.draw(st.permutations(changes)):
        relay.take(change, to=PLACES["A"], refusal=None if wanted[id(change)] else LOW)

    check_order(relay.sent)
    assert {event.id for event in relay.sent} == expected


@given(st.data())
def test_redeliveries_add_nothing_to_an_unnamed_incident(data: st.DataObject) -> None:
    """In order, an occurrence begins with each first start after an end; repeats change nothing."""
    words = data.draw(st.lists(st.sampled_from(["active", "stable"]), min_size=1, max_size=8))
    changes = [(started if word == "active" else resolved)(minute) for minute, word in enumerate(words)]
    expected = [
        ("A", "starts" if word == "active" else "ends", minute)
        for minute, (before, word) in enumerate(pairwise(["stable", *words]))
        if before != word
    ]
    relay = Relay()

    for count, change in enumerate(changes, 1):
        relay.take(change)
        for again in data.draw(st.lists(st.sampled_from(changes[:count]), max_size=3)):
            relay.take(again)

    assert relay.story == expected


class AnySequence(RuleBasedStateMachine):
    """Changes of every kind, sensible or not, in any sequence."""

    incidents = st.sampled_from(["A", "B", "C"])
    minutes = st.integers(0, 12)
    since = st.one_of(st.none(), st.integers(0, 12))
    about = st.fixed_dictionaries(
        {
            "services": st.sampled_from([[], ["checkout-api"], ["ledger-worker"]]),
            "whole": st.booleans(),
        }
    )
    routes = st.sampled_from(
        [((CHECKOUT,), None), ((LEDGER, WEB), None), ((CHECKOUT,), LOW), ((), UNMAPPED), ((), None)]
    )

    def __init__(self) -> None:
        super().__init__()
        self.relay = Relay()
        self.seen: list[tuple[Change, Any]] = []

    def take(self, change: Change, routed: Any) -> None:
        self.seen.append((change, routed))
        self.relay.take(change, to=routed[0], refusal=routed[1])

    @rule(when=minutes, incident=incidents, named=st.booleans(), about=about, routed=routes)
    def start(self, when: int, incident: str, named: bool, about: Any, routed: Any) -> None:
        self.take(started(when, incident=incident, occurrence="named" if named else None, **about), routed)

    @rule(when=minutes, incident=incidents, since=since, about=about, routed=routes)
    def end(self, when: int, incident: str, since: Any, about: Any, routed: Any) -> None:
        self.take(resolved(when, incident=incident, since=since, **about), routed)

    @rule(when=minutes, incident=incidents, since=since, into=st.one_of(st.none(), incidents), routed=routes)
    def merge(self, when: int, incident: str, since: Any, into: Any, routed: Any) -> None:
        self.take(merged(when, into, incident=incident, since=since), routed)

    @rule(when=minutes, incident=incidents, since=since, about=about, routed=routes)
    def update(self, when: int, incident: str, since: Any, about: Any, routed: Any) -> None:
        self.take(updated(when, incident=incident, since=since, **about), routed)

    @rule(data=st.data())
    def repeat(self, data: Any) -> None:
        if self.seen:
            self.take(*data.draw(st.sampled_from(self.seen)))

    @invariant()
    def each_event_once_and_no_end_before_its_start(self) -> None:
        check_order(self.relay.sent)

    @invariant()
    def records_are_open_for_what_was_started_and_not_ended(self) -> None:
        records = [p for incident in "ABC" for p in self.relay.records.occurrences(incident)]
        live = [p for p in records if p.state in (OPEN, MERGED)]
        kinds = [event.kind for event in self.relay.sent]
        assert len(live) == kinds.count(INCIDENT_STARTED) - kinds.count(INCIDENT_RESOLVED)

    @invariant()
    def nothing_waits_for_what_is_over(self) -> None:
        for incident in "ABC":
            if is_over(Draft("", started(0), self.relay.records).known(incident)):
                assert not self.relay.records.waiting(incident)

    @invariant()
    def nothing_waits_for_itself(self) -> None:
        for incident in "ABC":
            chain = [incident]
            for one in chain:
                links = {p.merged_into for p in self.relay.records.occurrences(one) if p.state == MERGED}
                assert incident not in links
                chain += [link for link in links if link and link not in chain]


AnySequence.TestCase.settings = settings(max_examples=examples(60), stateful_step_count=25)
TestAnySequence = AnySequence.TestCase


def test_the_check_of_order_can_fail() -> None:
    """An end without a start, and an event sent twice, are found."""
    relay = Relay()
    relay.take(resolved(5, since=0))
    start, end = relay.sent

    for wrong in ([end], [start, start], [end, start]):
        with pytest.raises(AssertionError):
            check_order(wrong)
