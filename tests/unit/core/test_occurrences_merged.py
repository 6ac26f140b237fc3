"""Incidents merged into one another; minutes count from ten o'clock."""

import itertools
from dataclasses import replace

import pytest
from gitdailies_core.incidents.records import CLOSED
from gitdailies_core.values.deploy_target import DeployTarget

from tests.support.core.lives import (
    CHECKOUT,
    LEDGER,
    LOW,
    UNMAPPED,
    Relay,
    at,
    make,
    merged,
    resolved,
    short,
    started,
    updated,
)
from tests.unit.core.test_occurrences import MERGED, NAMED, OTHER


def test_what_waits_for_two_targets_ends_once():
    """In a chain through an incident of two repositories every incident ends once."""
    relay = Relay()
    relay.take(started(0, incident="B", occurrence="named"), to=[CHECKOUT, LEDGER])
    relay.say(NAMED, started(0, incident="C", occurrence="named"))
    relay.say(merged(1, "B", since=0), merged(2, "C", since=0, incident="B"))

    assert [event[0] for event in relay.say(resolved(9, incident="C", since=0))] == ["C", "B", "B", "A"]


def test_a_chain_of_any_length_ends():
    """A thousand incidents merged one into the next all end with the last, without deep recursion."""
    relay = Relay()
    names = [f"Q{number}" for number in range(1000)]
    relay.say(*(started(0, incident=name, occurrence="named") for name in names))
    for name, into in itertools.pairwise(names):
        relay.take(merged(1, into, since=0, incident=name))

    assert len(relay.say(resolved(9, incident=names[-1], since=0))) == len(names)


def test_what_waits_does_not_wait_for_a_held_start_that_was_overtaken():
    """A target whose filtered first occurrence never ended is over with its last."""
    relay = Relay()
    relay.take(OTHER, refusal=LOW)
    relay.say(started(5, incident="B", occurrence="named"), NAMED, merged(6, "B", since=0))

    assert relay.say(resolved(9, incident="B", since=5))[1:] == [("A", "ends", 9, "mergedInto=B")]


def test_what_waits_for_a_raised_incident_ends_with_it():
    """A target that was held at first, or started twice, still ends what was merged into it."""
    for first, refusal in ((started(1, incident="B"), LOW), (started(1, incident="B"), None)):
        relay = Relay()
        relay.take(first, refusal=refusal)
        relay.say(started(2, incident="B"), NAMED, merged(6, "B", since=0))

        assert relay.say(resolved(9, incident="B"))[1:] == [("A", "ends", 9, "mergedInto=B")]


def test_merged_into_one_that_is_held_ends_when_that_one_ends():
    """A target that a filter or a missing route holds back is known, and its end is heard."""
    for to, refusal in (((CHECKOUT,), LOW), ((), UNMAPPED)):
        relay = Relay()
        relay.take(OTHER, to=to, refusal=refusal)
        relay.say(NAMED, MERGED)
        assert [event.kind for event in relay.sent] == ["incidentStarted"]

        end = relay.take(resolved(9, incident="B", since=1), to=to, refusal=refusal)

        assert [short(event) for event in end.events] == [("A", "ends", 9, "mergedInto=B")]


@pytest.mark.parametrize("late", [False, True], ids=["in order", "merging comes late"])
def test_a_merged_incident_that_is_reopened_has_a_second_occurrence(late: bool):
    """The first one ends where it was merged, so that the second can begin while the target is open."""
    relay = Relay()
    relay.say(NAMED, OTHER)
    merging, reopening = MERGED, started(5, occurrence="named")
    events = relay.say(*((reopening, merging) if late else (merging, reopening)), resolved(7, since=5))

    assert sorted(events, key=lambda event: event[2]) == [
        ("A", "ends", 3, "mergedInto=B", "resolution=merged"),
        ("A", "starts", 5),
        ("A", "ends", 7),
    ]
    assert relay.states() == [CLOSED, CLOSED]
    assert relay.say(resolved(9, incident="B", since=1)) == [("B", "ends", 9)]


def test_a_target_added_later_learns_that_its_incident_was_merged():
    """Replayed for a new route, a start whose sibling was merged away waits, or ends, like it."""
    relay = Relay()
    relay.say(NAMED, OTHER, MERGED)

    replayed = relay.take(NAMED, to=[CHECKOUT, LEDGER])
    assert [short(event) for event in replayed.events] == [("A", "starts", 0)]
    assert len(relay.say(resolved(9, incident="B", since=1))) == 3

    again = relay.take(NAMED, to=[CHECKOUT, DeployTarget("larkspur/third")])
    assert [short(event) for event in again.events] == [("A", "starts", 0), ("A", "ends", 9, "mergedInto=B")]


def test_a_target_added_later_learns_that_the_end_was_no_recovery():
    """If the target was unknown, the end for the added target says merged too."""
    relay = Relay()
    relay.say(NAMED, merged(3, None, since=0))

    replayed = relay.take(NAMED, to=[CHECKOUT, LEDGER])

    assert [short(event) for event in replayed.events][1:] == [("A", "ends", 3, "resolution=merged")]


def test_what_waits_ends_where_a_late_start_brings_the_end() -> None:
    """If an update sends a held occurrence whole, the incidents merged into it end too."""
    relay = Relay()
    relay.take(started(0))
    relay.take(resolved(0, since=2), refusal=LOW)
    relay.take(merged(0, "A", incident="B", since=0))
    relay.take(updated(0, since=2))

    assert not relay.records.waiting("A")


def test_a_cancelled_or_deleted_incident_ends_without_a_recovery():
    """The end says how it ended; one that comes before its start is remembered."""
    for state in ("cancelled", "deleted"):
        end = replace(resolved(5, occurrence="one"), resolution=state)
        start = started(0, occurrence="one")
        for changes in ((start, end), (end, start)):
            assert Relay().say(*changes)[-1] == ("A", "ends", 5, f"resolution={state}")
        told = started(0, occurrence="named"), replace(resolved(5, since=0), resolution=state)
        assert Relay().say(*told)[-1] == ("A", "ends", 5, f"resolution={state}")


def test_a_reopened_incident_starts_again_at_its_own_time():
    """What its payload says about the first start does not matter."""
    again = make("reopened", 9, incident="A", occurrence=started(0).at.isoformat(), started_at=at(0))
    for first in ([NAMED, resolved(5, since=0)], []):
        relay = Relay()
        relay.say(*first)
        assert relay.say(again) == [("A", "starts", 9)]
