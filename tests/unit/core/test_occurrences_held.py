"""Occurrences that a filter or a missing route holds back; minutes count from ten o'clock."""

from gitdailies_core.incidents.records import CLOSED, HELD, OPEN, RELEASED

from tests.support.core.lives import CHECKOUT, LEDGER, LOW, UNMAPPED, Relay, resolved, short, started, updated


def test_a_held_start_goes_out_with_its_own_time_when_it_is_raised():
    """An incident that a filter held back starts when it began, not when it was raised."""
    relay = Relay()
    assert relay.take(started(0, occurrence="named"), refusal=LOW).reason == LOW
    assert relay.states() == [HELD]

    assert relay.say(updated(4, since=0)) == [("A", "starts", 0)]
    assert relay.say(updated(5, since=0), resolved(9, since=0)) == [("A", "ends", 9)]
    assert sorted(relay.states()) == [CLOSED, RELEASED]


def test_an_update_that_is_not_wanted_either_leaves_the_start_held():
    """The start stays held, with the filter's reason, until a change passes the filter."""
    relay = Relay()
    relay.take(started(0, occurrence="named"), refusal=LOW)

    assert relay.take(updated(4, since=0), refusal=LOW).reason.text.startswith(LOW.text)
    assert relay.states() == [HELD]


def test_a_held_incident_whose_end_is_wanted_counts_whole():
    """An end that passes the filter gives its held start too."""
    relay = Relay()
    relay.take(started(0, occurrence="cycle-1"), refusal=LOW)

    assert relay.say(resolved(9, occurrence="cycle-1")) == [("A", "starts", 0), ("A", "ends", 9)]
    assert relay.states() == [RELEASED, CLOSED]


def test_an_incident_filtered_from_start_to_end_counts_nowhere():
    """An incident that is filtered to its end gives no event, and nothing stays held."""
    relay = Relay()

    relay.take(started(0, occurrence="named"), refusal=LOW)
    relay.take(resolved(9, since=0), refusal=LOW)

    assert relay.story == []
    assert relay.states() == [CLOSED]


def test_an_incident_raised_after_its_end_counts_whole():
    """If an incident is filtered to its end and raised later, both are sent with their own times."""
    relay = Relay()
    relay.take(started(0, occurrence="named"), refusal=LOW)
    relay.take(resolved(9, since=0), refusal=LOW)

    assert relay.say(updated(30, since=0)) == [("A", "starts", 0), ("A", "ends", 9)]
    assert relay.say(updated(31, since=0), resolved(9, since=0)) == []


def test_an_incident_of_which_only_a_refused_end_came_is_raised_whole():
    """After a refused end with its start's time, a later wanted change gives start and end."""
    relay = Relay()
    relay.take(resolved(9, since=0), refusal=LOW)

    assert relay.say(updated(30, since=0)) == [("A", "starts", 0), ("A", "ends", 9)]


def test_a_wanted_start_after_a_refused_end_counts_whole():
    """A filter that refuses only the end changes nothing, in whatever order the two come."""
    relay = Relay()

    relay.take(resolved(9, since=0), refusal=LOW)

    assert relay.say(started(0, occurrence="named")) == [("A", "starts", 0), ("A", "ends", 9)]


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


def test_the_earlier_of_two_held_starts_is_the_start():
    """Triggered and re-triggered of one cycle, both held and in either order, start at the first."""
    for first, second in ((0, 3), (3, 0)):
        relay = Relay()
        relay.take(started(first, occurrence="cycle-1"), refusal=LOW)
        relay.take(started(second, occurrence="cycle-1"), refusal=LOW)

        assert relay.say(started(6, occurrence="cycle-1")) == [("A", "starts", 0)]


def test_an_unnamed_start_that_is_raised_starts_when_it_was_held():
    """Active and filtered, active and wanted: it began with the first."""
    relay = Relay()
    relay.take(started(0), refusal=LOW)
    relay.take(started(3), refusal=LOW)

    assert relay.say(started(6)) == [("A", "starts", 0)]
    assert relay.say(started(7), resolved(9)) == [("A", "ends", 9)]


def test_an_unnamed_start_held_and_ended_is_not_that_of_a_later_occurrence():
    """An occurrence filtered from start to end lends its start to no other."""
    relay = Relay()
    relay.take(started(0), refusal=LOW)
    relay.take(resolved(5), refusal=LOW)

    assert relay.say(started(10)) == [("A", "starts", 10)]


def test_a_lowered_incident_does_not_hold_a_start_of_its_own():
    """A refused start while the occurrence is open leaves nothing behind for the next occurrence."""
    relay = Relay()
    relay.take(started(0))
    relay.take(started(3), refusal=LOW)
    assert relay.states() == [OPEN]

    relay.take(resolved(5))

    assert relay.say(started(10)) == [("A", "starts", 10)]


def test_a_start_is_held_again_after_one_was_released():
    """An incident raised once, over, and filtered again starts at the second held start."""
    relay = Relay()
    relay.take(started(0), refusal=LOW)
    relay.say(started(3), resolved(5))
    relay.take(started(30), refusal=LOW)

    assert relay.say(started(40)) == [("A", "starts", 30)]


def test_a_held_start_of_one_service_is_not_released_by_another():
    """Where each service reports for itself, each has its own held start."""
    relay = Relay()
    relay.take(started(0, services=["ledger-worker"], whole=False), to=[LEDGER], refusal=LOW)

    relay.take(started(3, services=["checkout-api"], whole=False), to=[CHECKOUT])
    assert relay.story == [("A", "starts", 3)]

    relay.take(started(4, services=["ledger-worker"], whole=False), to=[LEDGER])
    assert relay.story[1:] == [("A", "starts", 0)]


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


def test_a_service_mapped_while_its_incident_is_open_starts_at_its_own_time():
    """The first change that finds a route releases the start, and the end follows."""
    relay = Relay()
    relay.take(started(0, occurrence="named"), to=[], refusal=UNMAPPED)

    assert relay.say(resolved(5, since=0)) == [("A", "starts", 0), ("A", "ends", 5)]


def test_a_second_service_mapped_later_gets_the_end_of_the_first():
    """Replayed for a route that was added, the start learns from its sibling that it is over."""
    relay = Relay()
    relay.take(started(0, occurrence="named"), to=[CHECKOUT])
    relay.take(resolved(5, since=0), to=[CHECKOUT])

    replayed = relay.take(started(0, occurrence="named"), to=[CHECKOUT, LEDGER])

    assert [(event.get("repo"), *short(event)[1:]) for event in replayed.events] == [
        (LEDGER.repo, "starts", 0),
        (LEDGER.repo, "ends", 5),
    ]


def test_a_change_without_route_and_without_reason_still_gets_a_reason():
    """No targets mean no events, and the decision says so."""
    assert Relay(targets=()).take(started(0)).reason.text == "no route says where it counts"
