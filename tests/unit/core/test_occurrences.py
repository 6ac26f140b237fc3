"""Occurrences: starts and ends, early and late ones, several targets; minutes count from ten o'clock."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from gitdailies_core.incidents.records import CLOSED, HELD, OPEN
from gitdailies_core.sources.protocol import Change
from gitdailies_core.values.deploy_target import DeployTarget

from tests.support.core.lives import (
    CHECKOUT,
    LEDGER,
    LOW,
    UNMAPPED,
    Relay,
    Routed,
    by_repo,
    low,
    merged,
    resolved,
    started,
    updated,
)

Story = list[tuple[Any, ...]]
# A start that names its occurrence, and its end.
NAMED, ITS_END = started(0, occurrence="named"), resolved(5, since=0)
REOPENED = (NAMED, ITS_END, started(10, occurrence="named"))
# Another incident, into which the first one may be merged, and its end.
OTHER, END_OF_OTHER = started(1, incident="B", occurrence="named"), resolved(9, incident="B", since=1)
MERGED = merged(3, "B", since=0)
BOTH_END: Story = [("B", "ends", 9), ("A", "ends", 9, "mergedInto=B")]

# Changes that come first, changes that come then, and the events that these give.
STORIES: dict[str, tuple[Sequence[Change], Sequence[Change], Story]] = {
    "an end that names the first occurrence ends the one that is open": (
        REOPENED,
        [resolved(15, since=0)],
        [("A", "ends", 15)],
    ),
    "an end that is too late for the occurrence it names waits for the next start": (
        [NAMED, ITS_END],
        [resolved(15, since=0), started(10, occurrence="named")],
        [("A", "starts", 10), ("A", "ends", 15)],
    ),
    "an end that a skewed clock puts before its start is sent at the start": (
        [NAMED],
        [resolved(-2, since=0)],
        [("A", "ends", 0)],
    ),
    "the first of two early ends holds": (
        [resolved(5, occurrence="one"), resolved(7, occurrence="one")],
        [started(0, occurrence="one")],
        [("A", "starts", 0), ("A", "ends", 5)],
    ),
    "a remembered end belongs to the occurrence that it names": (
        [resolved(5, occurrence="one")],
        [started(3, occurrence="two")],
        [("A", "starts", 3)],
    ),
    "a late start takes no end that a start between the two has taken": (
        [resolved(15), started(10)],
        [started(0)],
        [],
    ),
    "an unnamed end that comes first is sent with its start, once": (
        [resolved(5)],
        [started(0), started(0), started(2)],
        [("A", "starts", 0), ("A", "ends", 5)],
    ),
    "a late report of an outage between two ends is ended by the second end": (
        [started(0), resolved(5)],
        [resolved(20), started(10), started(30)],
        [("A", "starts", 10), ("A", "ends", 20), ("A", "starts", 30)],
    ),
    "of several remembered ends, a late start takes the first that follows it": (
        [resolved(5), resolved(15)],
        [started(10), started(0)],
        [("A", "starts", 10), ("A", "ends", 15), ("A", "starts", 0), ("A", "ends", 5)],
    ),
    "a repeat from before the end stays a repeat": (
        [started(0), started(3)],
        [resolved(5)],
        [("A", "ends", 5)],
    ),
    "merged into one that is not known, it ends at once": (
        [NAMED],
        [MERGED],
        [("A", "ends", 3, "mergedInto=B", "resolution=merged")],
    ),
    "merged into one that is not named, it ends at once": (
        [NAMED],
        [merged(3, None, since=0)],
        [("A", "ends", 3, "resolution=merged")],
    ),
    "merged into one that was over before, it ends where it was merged": (
        [NAMED, OTHER, resolved(2, incident="B", since=1)],
        [MERGED],
        [("A", "ends", 3, "mergedInto=B")],
    ),
    "merged into one that was over later, it ends with that": (
        [NAMED, OTHER, END_OF_OTHER],
        [MERGED],
        [("A", "ends", 9, "mergedInto=B")],
    ),
    "a merge that comes before its start gives the start, and waits": (
        [OTHER],
        [MERGED, NAMED, END_OF_OTHER],
        [("A", "starts", 0), *BOTH_END],
    ),
    "an early merge that tells no start is remembered as one": (
        [OTHER, merged(3, "B", occurrence="one")],
        [started(0, occurrence="one"), END_OF_OTHER],
        [("A", "starts", 0), *BOTH_END],
    ),
    "the merge that would close a circle ends at once, and the others with it": (
        [*(started(0, incident=name, occurrence="named") for name in "ABC"), merged(1, "B", since=0)],
        [merged(2, "C", since=0, incident="B"), merged(3, "A", since=0, incident="C")],
        [
            ("C", "ends", 3, "mergedInto=A", "resolution=merged"),
            ("B", "ends", 3, "mergedInto=C"),
            ("A", "ends", 3, "mergedInto=B"),
        ],
    ),
    "a merge into the incident itself has no target": (
        [NAMED],
        [merged(3, "A", since=0)],
        [("A", "ends", 3, "mergedInto=A", "resolution=merged")],
    ),
    "the late end of a first occurrence does not end what was merged into the second": (
        [NAMED, OTHER, started(5, incident="B", occurrence="named"), merged(6, "B", since=0)],
        [resolved(4, incident="B", since=1), resolved(9, incident="B", since=5)],
        [("B", "ends", 4), *BOTH_END],
    ),
    "where the end of the first occurrence never came, the end of the last one is the end": (
        [NAMED, OTHER, started(5, incident="B", occurrence="named"), merged(6, "B", since=0)],
        [resolved(9, incident="B", since=5)],
        BOTH_END,
    ),
    "what waits does not end before it was merged": (
        [NAMED, OTHER, merged(6, "B", since=0)],
        [resolved(4, incident="B", since=1)],
        [("B", "ends", 4), ("A", "ends", 6, "mergedInto=B")],
    ),
}


@pytest.mark.parametrize("name", STORIES)
def test_changes_give_these_events(name: str) -> None:
    """Whatever came before, the last changes give the events of the table, in this order."""
    first, then, events = STORIES[name]
    relay = Relay()
    relay.say(*first)

    assert relay.say(*then) == events


def start_of(target: DeployTarget, when: float, **more: Any) -> Routed:
    """A start that speaks for one service alone."""
    return Routed(started(when, services=[str(target.service)], whole=False, **more), [target])


def end_of(target: DeployTarget, when: float, **more: Any) -> Routed:
    return Routed(resolved(when, services=[str(target.service)], whole=False, **more), [target])


def unmapped(told: Routed) -> Routed:
    return Routed(told.change, [], UNMAPPED)


HERE, THERE = CHECKOUT.repo, LEDGER.repo
WHOLE: Story = [(HERE, "starts", 0), (HERE, "ends", 5)]
RAISED: Story = [(HERE, "starts", 0), (HERE, "ends", 9)]
ALL = {"first_occurrence": "first", "ends_all": True}
TWICE: Story = [*WHOLE, (HERE, "starts", 10), (HERE, "ends", 15)]
HELPDESK = DeployTarget("larkspur/helpdesk", None, "helpdesk")


def again(when: float) -> Change:
    """A trigger of an incident whose payload names the first start alone."""
    return started(0, occurrence="named", again_at=started(when).at)


# The changes, and all events that they give: the repository, the kind and the minute of each.
PLACES: dict[str, tuple[Sequence[Change | Routed], Story]] = {
    "the end of one service leaves the others open": (
        [start_of(CHECKOUT, 0), start_of(LEDGER, 1), end_of(LEDGER, 5), end_of(CHECKOUT, 6)],
        [(HERE, "starts", 0), (THERE, "starts", 1), (THERE, "ends", 5), (HERE, "ends", 6)],
    ),
    "handed on to a service that had no start, an incident ends where it began": (
        [start_of(CHECKOUT, 0), end_of(LEDGER, 5)],
        WHOLE,
    ),
    "the end of an unmapped service leaves the mapped one open": (
        [start_of(CHECKOUT, 0), unmapped(start_of(LEDGER, 1)), unmapped(end_of(LEDGER, 5))],
        [(HERE, "starts", 0)],
    ),
    "an early end of one service does not close another": (
        [end_of(LEDGER, 5), start_of(CHECKOUT, 0), start_of(LEDGER, 1)],
        [(HERE, "starts", 0), (THERE, "starts", 1), (THERE, "ends", 5)],
    ),
    "an early end of one service is no second end of another": (
        [start_of(CHECKOUT, 0), end_of(CHECKOUT, 5), end_of(LEDGER, 4), start_of(LEDGER, 3)],
        [*WHOLE, (THERE, "starts", 3), (THERE, "ends", 4)],
    ),
    "an end that names no service ends them all": (
        [start_of(CHECKOUT, 0), start_of(LEDGER, 1), resolved(5, whole=False)],
        [(HERE, "starts", 0), (THERE, "starts", 1), (HERE, "ends", 5), (THERE, "ends", 5)],
    ),
    "an end of one service may end all": (
        [start_of(CHECKOUT, 0, **ALL), start_of(LEDGER, 1, **ALL), end_of(LEDGER, 5, **ALL)],
        [(HERE, "starts", 0), (THERE, "starts", 1), (HERE, "ends", 5), (THERE, "ends", 5)],
    ),
    "an end goes where its start went": (
        [NAMED, Routed(updated(2, since=0), [LEDGER]), Routed(ITS_END, [LEDGER])],
        WHOLE,
    ),
    "an end counts although a filter refuses it": ([NAMED, low(ITS_END)], WHOLE),
    "an end counts although no route fits it": ([NAMED, unmapped(Routed(ITS_END))], WHOLE),
    "an incident that is raised after its end counts whole, and once": (
        [low(NAMED), low(resolved(9, since=0)), updated(30, since=0), updated(31, since=0)],
        RAISED,
    ),
    "an occurrence with only a refused end is sent whole": (
        [low(resolved(9, since=0)), updated(30, since=0)],
        RAISED,
    ),
    "the earlier of two held starts is the start": (
        [low(started(0, occurrence="one")), low(started(3, occurrence="one")), started(6, occurrence="one")],
        [(HERE, "starts", 0)],
    ),
    "also where it comes second": (
        [low(started(3, occurrence="one")), low(started(0, occurrence="one")), started(6, occurrence="one")],
        [(HERE, "starts", 0)],
    ),
    "an unnamed start that is raised starts when it was held": (
        [low(started(0)), low(started(3)), started(6), started(7), resolved(9)],
        RAISED,
    ),
    "an unnamed start held and ended is not that of a later occurrence": (
        [low(started(0)), low(resolved(5)), started(10)],
        [(HERE, "starts", 10)],
    ),
    "a refused start while the occurrence is open holds nothing for the next": (
        [started(0), low(started(3)), resolved(5), started(10), resolved(15)],
        TWICE,
    ),
    "a start is held again after one was released": (
        [low(started(0)), started(3), resolved(5), low(started(10)), started(12), resolved(15)],
        TWICE,
    ),
    "a held start after an occurrence that counted is ended by its own end": (
        [started(0), resolved(5), Routed(started(10), [], LOW), resolved(15)],
        TWICE,
    ),
    "a held start of one service is not released by another": (
        [start_of(LEDGER, 0)._replace(refusal=LOW), start_of(CHECKOUT, 3), start_of(LEDGER, 4)],
        [(HERE, "starts", 3), (THERE, "starts", 0)],
    ),
    "a service that is mapped while its incident is open starts at its own time": (
        [unmapped(Routed(NAMED)), ITS_END],
        WHOLE,
    ),
    "a second service that is mapped later gets the end of the first": (
        [NAMED, ITS_END, Routed(NAMED, [CHECKOUT, LEDGER])],
        [*WHOLE, (THERE, "starts", 0), (THERE, "ends", 5)],
    ),
    "an incident held at one service and counted at another stays at the other": (
        [
            Routed(started(0, occurrence="named", services=["helpdesk"]), [], UNMAPPED),
            updated(1, since=0, services=["checkout-api"]),
            resolved(5, since=0, services=["checkout-api"]),
            Routed(started(0, occurrence="named", services=["helpdesk"]), [HELPDESK]),
        ],
        WHOLE,
    ),
    "a later trigger starts it again, once": (
        [again(0), again(0.1), ITS_END, again(10), again(10), resolved(15, since=0), resolved(15, since=0)],
        TWICE,
    ),
    "a second trigger that comes before the first end starts again once that end is known": (
        [NAMED, again(10), ITS_END, resolved(15, since=0)],
        TWICE,
    ),
}


@pytest.mark.parametrize("name", PLACES)
def test_changes_count_at_these_places(name: str) -> None:
    """All changes together give the events of the table, in this order."""
    changes, events = PLACES[name]
    relay = Relay()
    for one in changes:
        relay.hear(one)

    assert by_repo(relay.sent) == events


@pytest.mark.parametrize(
    ("first", "change", "reason"),
    [
        ([NAMED], NAMED, "second start of an occurrence that is open: 2026-03-04T10:00:00Z"),
        ([NAMED, ITS_END], ITS_END, "second end of an occurrence that is closed: 2026-03-04T10:00:00Z"),
        ([], resolved(5), "an end, but nothing was open, and it does not name its start"),
        (
            [started(0), resolved(5)],
            started(3),
            "late start, of an occurrence that ended at 2026-03-04T10:05:00Z",
        ),
        (
            [started(0), resolved(5)],
            started(5),
            "late start, of an occurrence that ended at 2026-03-04T10:05:00Z",
        ),
        (
            [started(3), resolved(5)],
            started(0),
            "late start, of an occurrence that began at 2026-03-04T10:03:00Z",
        ),
        ([], updated(1, since=0), "incident.updated neither starts nor ends an incident"),
        ([NAMED, OTHER], MERGED, "merged into B: it ends when that one ends"),
        ([low(NAMED)], low(updated(4, since=0)), LOW.text),
        ([], Routed(started(0), []), "no route says where it counts"),
    ],
)
def test_what_adds_nothing_says_why(
    first: Sequence[Change | Routed], change: Change | Routed, reason: str
) -> None:
    """The reason names the state and the occurrence that were found."""
    relay = Relay()
    for one in (*first, change):
        decision = relay.hear(one)

    assert decision.reason is not None
    assert decision.reason.text.startswith(reason)


def test_an_end_that_needs_its_start_brings_none_with_it():
    """Alone it sends nothing. When the start comes both are sent, and after the start it ends it."""
    late, usual = Relay(), Relay()
    end = replace(resolved(5, since=0), needs_start=True)

    assert late.say(end, end) == []
    assert late.say(started(0, occurrence="named")) == [("A", "starts", 0), ("A", "ends", 5)]
    assert usual.say(started(0, occurrence="named"), end) == [("A", "starts", 0), ("A", "ends", 5)]


def test_a_second_end_closes_no_earlier_occurrence():
    """An end that names an occurrence already over leaves an earlier one, whose end was lost."""
    relay = Relay()
    relay.say(started(0, occurrence="named"), started(10, occurrence="named"), resolved(15, since=10))

    assert relay.say(resolved(16, since=10)) == []
    assert relay.states() == [OPEN, CLOSED, CLOSED]


def test_an_unnamed_end_before_the_open_start_closes_nothing():
    """Without a name only the time decides: an end from before the start belongs to an earlier occurrence."""
    relay = Relay()
    relay.say(started(0))

    assert relay.say(resolved(-2)) == []
    assert relay.states() == [OPEN, CLOSED]


def test_two_services_of_one_repository_are_two_targets():
    """The service is part of a record's key."""
    relay = Relay()
    one, other = DeployTarget("larkspur/mono", None, "api"), DeployTarget("larkspur/mono", None, "web")

    relay.take(started(0, occurrence="named"), to=[one])
    relay.take(started(0, occurrence="named"), to=[one, other])

    assert [event.get("service") for event in relay.sent] == ["api", "web"]


def test_two_environments_are_two_targets():
    """The environment is part of a record's key; none differs from every named one."""
    relay = Relay(targets=[DeployTarget("larkspur/mono", name) for name in ("production", "staging", None)])

    relay.say(started(0, occurrence="named"), resolved(5, since=0))

    assert [event.get("environment") for event in relay.sent] == ["production", "staging", None] * 2
    assert len({event.id for event in relay.sent}) == 6


def test_events_carry_what_the_change_tells():
    """A start has title, severity and page, an end its page; both their target and source."""
    relay = Relay()
    shown = {"title": "Checkout fails", "priority": "P2", "url": "https://larkspur.example/1"}

    relay.take(started(0, occurrence="named", **shown))
    relay.take(resolved(5, since=0, **shown))
    start, end = (event.to_wire() for event in relay.sent)

    assert start.pop("id") != end.pop("id")
    both = {
        "incidentId": "A",
        "repo": "larkspur/checkout-api",
        "environment": "production",
        "service": "checkout-api",
        "source": "pagerduty",
        "url": "https://larkspur.example/1",
    }
    assert start == {
        **both,
        "kind": "incidentStarted",
        "time": "2026-03-04T10:00:00Z",
        "title": "Checkout fails",
        "severity": "P2",
    }
    assert end == {**both, "kind": "incidentResolved", "time": "2026-03-04T10:05:00Z"}


def test_the_page_of_one_incident_is_not_that_of_another():
    """An incident that ends because its target ended does not get the target's page."""
    relay = Relay()
    relay.say(NAMED, OTHER, MERGED)

    relay.take(resolved(9, incident="B", since=1, url="https://larkspur.example/b"))

    assert [event.get("url") for event in relay.sent[-2:]] == ["https://larkspur.example/b", None]


def test_an_end_of_two_occurrences_lets_what_began_since_begin_once() -> None:
    """One end that closes two occurrences of a target sends the start that came between them once."""
    relay = Relay()
    relay.take(started(0))
    relay.take(started(2))
    relay.take(started(1, occurrence="named"))
    relay.take(merged(1, None))

    ids = [event.id for event in relay.sent]
    assert len(ids) == len(set(ids)) == 5


def test_a_refused_start_after_a_refused_end_is_not_held():
    """An incident over before its start came is not waiting for anything."""
    for end, start in (
        (resolved(9, since=0), started(0, occurrence="named")),
        (resolved(9, occurrence="cycle-1"), started(0, occurrence="cycle-1")),
        (resolved(9), started(0)),
    ):
        relay = Relay()

        relay.take(end, refusal=LOW)
        relay.take(start, refusal=LOW)

        assert HELD not in relay.states()
        assert relay.story == []


def test_an_unmapped_incident_counts_once_it_is_mapped_and_replayed():
    """A replay in the order of arrival sends start and end once, with their own times."""
    for life in (
        [started(0, occurrence="named"), resolved(5, since=0)],
        [resolved(5, since=0), started(0, occurrence="named")],
        [started(0, occurrence="cycle-1"), resolved(5, occurrence="cycle-1")],
        [started(0), resolved(5)],
        [resolved(5), started(0)],
    ):
        relay = Relay()
        for change in life:
            relay.take(change, to=[], refusal=UNMAPPED)
        assert relay.story == []

        assert relay.say(*life, *life) == [("A", "starts", 0), ("A", "ends", 5)]
