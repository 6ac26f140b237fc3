"""The first occurrence of an incident with a unique id: its name has no time."""

from typing import Any

from gitdailies_core.events.events import Event
from gitdailies_core.values.deploy_target import DeployTarget

from tests.support.core.lives import CHECKOUT, LEDGER, LOW, Relay, resolved, short, started

FIRST: dict[str, Any] = {"first_occurrence": "first"}


def ids(events: list[Event]) -> set[str | None]:
    return {event.id for event in events}


def names(relay: Relay, target: DeployTarget = CHECKOUT) -> list[str]:
    return [p.name for p in relay.records.occurrences("A") if p.target == target]


def test_two_reports_of_the_first_start_have_one_id():
    """Starts of one incident whose times differ by a second have one id, and so have their ends."""
    one, other = Relay(), Relay()

    one.say(started(0, **FIRST), resolved(5, **FIRST))
    other.say(started(1 / 60, **FIRST), resolved(7, **FIRST))

    assert ids(one.sent) == ids(other.sent)
    assert len(ids(one.sent)) == 2


def test_each_target_has_a_first_occurrence():
    """A start that comes for another service later is the first one there."""
    relay = Relay()

    relay.say(started(0, services=["checkout-api"], whole=False, **FIRST))
    relay.take(started(3, services=["ledger-worker"], whole=False, **FIRST), to=[LEDGER])

    assert names(relay) == names(relay, LEDGER) == ["first"]


def test_a_held_first_start_is_still_the_first_occurrence():
    """A start that a filter held is sent as the first occurrence; a later reopening is named by its time."""
    relay = Relay()
    relay.take(started(0, **FIRST), refusal=LOW)

    relay.say(started(2, **FIRST), resolved(5, **FIRST), started(9, **FIRST))

    assert relay.story == [("A", "starts", 0), ("A", "ends", 5), ("A", "starts", 9)]
    assert names(relay) == ["first", "2026-03-04T10:09:00Z"]


def test_a_reopening_that_is_held_is_not_the_first_occurrence():
    """A second start that a filter held is sent later, under a name of its own."""
    relay = Relay()
    relay.say(started(0, **FIRST), resolved(5, **FIRST))
    relay.take(started(9, **FIRST), refusal=LOW)

    assert [short(event) for event in relay.take(started(11, **FIRST)).events] == [("A", "starts", 9)]
    assert names(relay) == ["first", "2026-03-04T10:09:00Z"]


def test_an_end_that_came_early_leaves_the_first_name_free():
    """A start whose end came before it is the first occurrence, and over."""
    relay = Relay()

    relay.say(resolved(5, **FIRST), started(0, **FIRST))

    assert relay.story == [("A", "starts", 0), ("A", "ends", 5)]
    assert names(relay) == ["first"]
