"""Occurrences: starts and ends, early and late ones, several targets; minutes count from ten o'clock."""

from dataclasses import replace

from gitdailies_core.incidents.records import CLOSED, OPEN, REPEATED
from gitdailies_core.values.deploy_target import DeployTarget

from tests.support.core.lives import (
    CHECKOUT,
    LEDGER,
    LOW,
    UNMAPPED,
    Relay,
    merged,
    resolved,
    short,
    started,
    updated,
)


def test_a_start_and_its_end_go_out_once():
    """A repeated start and a repeated end add nothing to the first ones."""
    relay = Relay()

    assert relay.say(started(0, occurrence="named"), started(0, occurrence="named")) == [("A", "starts", 0)]
    assert relay.say(resolved(5, since=0), resolved(5, since=0)) == [("A", "ends", 5)]
    assert relay.states() == [CLOSED]


def test_an_end_that_needs_its_start_brings_none_with_it():
    """Alone it sends nothing. When the start comes both are sent, and after the start it ends it."""
    late, usual = Relay(), Relay()
    end = replace(resolved(5, since=0), needs_start=True)

    assert late.say(end, end) == []
    assert late.say(started(0, occurrence="named")) == [("A", "starts", 0), ("A", "ends", 5)]
    assert usual.say(started(0, occurrence="named"), end) == [("A", "starts", 0), ("A", "ends", 5)]


def test_a_repeat_says_what_it_repeats():
    """The reason of a second start or end names the state and the occurrence it found."""
    relay = Relay()
    relay.take(started(0, occurrence="named"))

    again = relay.take(started(0, occurrence="named")).reason.text
    relay.take(resolved(5, since=0))

    assert again == "second start of an occurrence that is open: 2026-03-04T10:00:00Z"
    assert relay.take(resolved(6, since=0)).reason.text == (
        "second end of an occurrence that is closed: 2026-03-04T10:00:00Z"
    )


def test_a_reopened_incident_has_a_second_occurrence():
    """Each occurrence starts at its own start and ends at its own end, under ids of its own."""
    relay = Relay()

    relay.say(started(0, occurrence="named"), resolved(5, since=0), started(10, occurrence="named"))
    relay.say(resolved(15, since=10))

    assert relay.story == [("A", "starts", 0), ("A", "ends", 5), ("A", "starts", 10), ("A", "ends", 15)]
    assert len({event.id for event in relay.sent}) == 4


def test_an_end_that_names_the_first_occurrence_ends_the_one_that_is_open():
    """After a reopening, an end that still has the first start's time closes the second occurrence."""
    relay = Relay()
    relay.say(started(0, occurrence="named"), resolved(5, since=0), started(10, occurrence="named"))

    assert relay.say(resolved(15, since=0)) == [("A", "ends", 15)]
    assert relay.states() == [CLOSED, CLOSED]


def test_a_repeated_first_end_leaves_the_second_occurrence_open():
    """The end of the first occurrence, delivered again after the reopening, closes nothing."""
    relay = Relay()
    relay.say(started(0, occurrence="named"), resolved(5, since=0), started(10, occurrence="named"))

    assert relay.say(resolved(5, since=0)) == []
    assert relay.states() == [CLOSED, OPEN]


def test_a_second_end_closes_no_earlier_occurrence():
    """An end that names an occurrence already over leaves an earlier one, whose end was lost."""
    relay = Relay()
    relay.say(started(0, occurrence="named"), started(10, occurrence="named"), resolved(15, since=10))

    assert relay.say(resolved(16, since=10)) == []
    assert relay.states() == [OPEN, CLOSED, CLOSED]


def test_a_late_end_that_names_the_first_occurrence_waits_for_the_second_start():
    """An end too late for the occurrence it names is that of one whose start is still to come."""
    relay = Relay()
    relay.say(started(0, occurrence="named"), resolved(5, since=0))

    assert relay.say(resolved(15, since=0)) == []
    assert relay.say(started(10, occurrence="named")) == [("A", "starts", 10), ("A", "ends", 15)]


def test_an_end_is_never_before_its_start():
    """An end that a skewed clock puts before its start is sent at the start."""
    relay = Relay()
    relay.say(started(0, occurrence="named"))

    assert relay.say(resolved(-2, since=0)) == [("A", "ends", 0)]


def test_an_acknowledgement_gives_nothing():
    """An update is no start, whether its incident is known or not."""
    relay = Relay()

    assert (
        relay.take(updated(1, since=0)).reason.text == "incident.updated neither starts nor ends an incident"
    )
    relay.take(started(0, occurrence="named"))
    assert relay.say(updated(2, since=0)) == []


def test_an_early_end_that_tells_its_start_sends_both():
    """Both are sent in order, with their own times, and the late start adds nothing."""
    relay = Relay()

    assert relay.say(resolved(5, since=0)) == [("A", "starts", 0), ("A", "ends", 5)]
    assert relay.say(started(0, occurrence="named")) == []


def test_early_ends_of_two_occurrences_send_four_events():
    """Occurrence names separate two ends that both came before their starts."""
    relay = Relay()

    relay.say(resolved(15, since=10), resolved(5, since=0))
    relay.say(started(0, occurrence="named"), started(10, occurrence="named"))

    assert relay.story == [("A", "starts", 10), ("A", "ends", 15), ("A", "starts", 0), ("A", "ends", 5)]


def test_an_early_end_that_tells_no_start_is_remembered():
    """Nothing is sent for it. When the start of that name comes late, both are sent."""
    relay = Relay()

    early = relay.take(resolved(5, occurrence="cycle-1"))

    assert early.reason.text == "an end, but nothing was open, and it does not tell its start"
    assert relay.say(started(0, occurrence="cycle-1")) == [("A", "starts", 0), ("A", "ends", 5)]


def test_the_first_of_two_early_ends_holds():
    """A second end of an occurrence that is not yet known does not move the first."""
    relay = Relay()

    assert relay.say(resolved(5, occurrence="cycle-1"), resolved(7, occurrence="cycle-1")) == []
    assert relay.say(started(0, occurrence="cycle-1")) == [("A", "starts", 0), ("A", "ends", 5)]


def test_an_early_end_closes_no_other_occurrence():
    """A remembered end belongs to the occurrence it names, not to the next one that starts."""
    relay = Relay()

    assert relay.say(resolved(5, occurrence="cycle-1"), started(3, occurrence="cycle-2")) == [
        ("A", "starts", 3)
    ]


def test_unnamed_starts_of_an_open_incident_are_one():
    """Until an end comes, every further start is a repeat."""
    relay = Relay()

    assert relay.say(started(0), started(3), resolved(5), resolved(8)) == [
        ("A", "starts", 0),
        ("A", "ends", 5),
    ]


def test_an_unnamed_start_after_the_end_is_a_new_occurrence():
    """Active again after stable counts again."""
    relay = Relay()

    relay.say(started(0), resolved(5), started(10), resolved(15))

    assert relay.story == [("A", "starts", 0), ("A", "ends", 5), ("A", "starts", 10), ("A", "ends", 15)]


def test_a_late_unnamed_start_of_an_ended_occurrence_adds_nothing():
    """A start that lies within an occurrence already over is that occurrence's."""
    relay = Relay()
    relay.say(started(0), resolved(5))

    for minute in (3, 5):
        late = relay.take(started(minute)).reason.text
        assert late == "late start, of an occurrence that ended at 2026-03-04T10:05:00Z"


def test_an_unnamed_start_earlier_than_the_one_that_went_out_adds_nothing():
    """With no end between the two, both are starts of one occurrence."""
    relay = Relay()
    relay.say(started(3), resolved(5))

    assert (
        relay.take(started(0)).reason.text
        == "late start, of an occurrence that began at 2026-03-04T10:03:00Z"
    )


def test_a_remembered_end_is_not_that_of_a_start_before_another():
    """A late start takes no end that another start, between the two, has taken."""
    relay = Relay()

    assert relay.say(resolved(15), started(10)) == [("A", "starts", 10), ("A", "ends", 15)]
    assert relay.say(started(0)) == []


def test_an_unnamed_end_before_its_start_is_remembered():
    """If the end comes first, both are sent when the start comes."""
    relay = Relay()

    assert relay.say(resolved(5)) == []
    assert relay.say(started(0)) == [("A", "starts", 0), ("A", "ends", 5)]
    assert relay.say(started(0), started(2)) == []


def test_an_end_remembered_after_another_closes_a_late_second_occurrence():
    """Resolved, which followed stable, also ends an outage between the two that is reported late."""
    relay = Relay()
    relay.say(started(0), resolved(5))

    assert relay.say(resolved(20)) == []
    assert relay.say(started(10)) == [("A", "starts", 10), ("A", "ends", 20)]
    assert relay.say(started(30)) == [("A", "starts", 30)]


def test_a_late_first_occurrence_closes_at_its_own_end():
    """Of several remembered ends, a late start takes the first that follows it."""
    relay = Relay()

    assert relay.say(resolved(5), resolved(15)) == []
    assert relay.say(started(10)) == [("A", "starts", 10), ("A", "ends", 15)]
    assert relay.say(started(0)) == [("A", "starts", 0), ("A", "ends", 5)]


def test_a_start_taken_for_a_repeat_goes_out_when_the_end_between_comes_late():
    """Active, active again, then the stable between them: two occurrences, the second one open."""
    relay = Relay()
    relay.say(started(0), started(10))
    assert relay.states() == [OPEN, REPEATED]

    assert relay.say(resolved(5)) == [("A", "ends", 5), ("A", "starts", 10)]
    assert relay.say(resolved(15)) == [("A", "ends", 15)]
    assert relay.say(started(10), started(0)) == []


def test_a_start_within_the_occurrence_is_no_second_one_when_the_end_comes():
    """A remembered repeat from before the end stays a repeat."""
    relay = Relay()

    assert relay.say(started(0), started(3), resolved(5)) == [("A", "starts", 0), ("A", "ends", 5)]


def test_an_unnamed_end_before_the_open_start_closes_nothing():
    """Without a name only the time decides: an end from before the start belongs to an earlier occurrence."""
    relay = Relay()
    relay.say(started(0))

    assert relay.say(resolved(-2)) == []
    assert relay.states() == [OPEN, CLOSED]


def test_two_repositories_of_one_service_get_two_events_each():
    """Every target of a route gets the start and the end, under ids of its own."""
    web = DeployTarget("larkspur/ledger-web", "production", "ledger-worker")
    relay = Relay(targets=(LEDGER, web))

    relay.say(started(0, occurrence="named"), resolved(5, since=0))

    assert [(event.get("repo"), short(event)[1]) for event in relay.sent] == [
        ("larkspur/ledger", "starts"),
        ("larkspur/ledger-web", "starts"),
        ("larkspur/ledger", "ends"),
        ("larkspur/ledger-web", "ends"),
    ]
    assert len({event.id for event in relay.sent}) == 4


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


def test_an_end_goes_where_its_start_went():
    """An incident that moved to another service while open ends at the service it started at."""
    relay = Relay()
    relay.take(started(0, occurrence="named"), to=[CHECKOUT])
    relay.take(updated(2, since=0), to=[LEDGER])

    relay.take(resolved(5, since=0), to=[LEDGER])

    assert [event.get("repo") for event in relay.sent] == [CHECKOUT.repo, CHECKOUT.repo]


def test_an_end_is_passed_on_whatever_filter_and_routes_say_now():
    """An open occurrence ends, even if a filter refuses the end or no route fits it."""
    for to, refusal in (((CHECKOUT,), LOW), ((), UNMAPPED)):
        relay = Relay()
        relay.take(started(0, occurrence="named"))

        relay.take(resolved(5, since=0), to=to, refusal=refusal)

        assert relay.story == [("A", "starts", 0), ("A", "ends", 5)]


def test_the_end_of_one_service_leaves_the_others_open():
    """Where each service reports for itself, its end closes its own occurrence alone."""
    relay = Relay()
    relay.take(started(0, services=["checkout-api"], whole=False), to=[CHECKOUT])
    relay.take(started(1, services=["ledger-worker"], whole=False), to=[LEDGER])

    relay.take(resolved(5, services=["ledger-worker"], whole=False), to=[LEDGER])
    assert [event.get("repo") for event in relay.sent] == [CHECKOUT.repo, LEDGER.repo, LEDGER.repo]

    relay.take(resolved(6, services=["checkout-api"], whole=False), to=[CHECKOUT])
    assert relay.story[-1] == ("A", "ends", 6)


def test_the_end_of_a_service_that_never_started_ends_an_incident_that_was_handed_on():
    """Handed from one service to another that had no start, the incident ends where it began."""
    relay = Relay()
    relay.take(started(0, services=["checkout-api"], whole=False), to=[CHECKOUT])

    relay.take(resolved(5, services=["ledger-worker"], whole=False), to=[LEDGER])

    assert [event.get("repo") for event in relay.sent] == [CHECKOUT.repo, CHECKOUT.repo]


def test_the_end_of_an_unmapped_service_leaves_the_mapped_one_open():
    """A service that started, but has no route, ends only its own."""
    relay = Relay()
    relay.take(started(0, services=["checkout-api"], whole=False), to=[CHECKOUT])
    relay.take(started(1, services=["ledger-worker"], whole=False), to=[], refusal=UNMAPPED)

    relay.take(resolved(5, services=["ledger-worker"], whole=False), to=[], refusal=UNMAPPED)

    assert relay.story == [("A", "starts", 0)]


def test_an_early_end_of_one_service_does_not_close_another():
    """The remembered end of a service belongs to that service."""
    relay = Relay()
    relay.take(resolved(5, services=["ledger-worker"], whole=False), to=[LEDGER])

    relay.take(started(0, services=["checkout-api"], whole=False), to=[CHECKOUT])
    assert relay.story == [("A", "starts", 0)]

    relay.take(started(1, services=["ledger-worker"], whole=False), to=[LEDGER])
    assert relay.story[1:] == [("A", "starts", 1), ("A", "ends", 5)]


def test_an_early_end_of_one_service_is_no_second_end_of_another():
    """An end at one service does not make another service's end a repeat."""
    relay = Relay()
    relay.take(started(0, services=["checkout-api"], whole=False), to=[CHECKOUT])
    relay.take(resolved(5, services=["checkout-api"], whole=False), to=[CHECKOUT])

    relay.take(resolved(4, services=["ledger-worker"], whole=False), to=[LEDGER])
    relay.take(started(3, services=["ledger-worker"], whole=False), to=[LEDGER])

    assert relay.story[2:] == [("A", "starts", 3), ("A", "ends", 4)]


def test_events_carry_what_the_change_tells():
    """A start has title, severity and page, an end its page; both their target and source."""
    relay = Relay()
    shown = {"title": "Checkout fails", "priority": "P2", "url": "https://larkspur.example/1"}

    relay.take(started(0, occurrence="named", **shown))
    relay.take(resolved(5, since=0, **shown))
    start, end = (event.to_wire() for event in relay.sent)

    assert start.pop("id") != end.pop("id")
    assert start == {
        "kind": "incidentStarted",
        "incidentId": "A",
        "repo": "larkspur/checkout-api",
        "environment": "production",
        "time": "2026-03-04T10:00:00Z",
        "title": "Checkout fails",
        "severity": "P2",
        "service": "checkout-api",
        "source": "pagerduty",
        "url": "https://larkspur.example/1",
    }
    assert end == {
        "kind": "incidentResolved",
        "incidentId": "A",
        "repo": "larkspur/checkout-api",
        "environment": "production",
        "time": "2026-03-04T10:05:00Z",
        "source": "pagerduty",
        "service": "checkout-api",
        "url": "https://larkspur.example/1",
    }


def test_the_page_of_one_incident_is_not_that_of_another():
    """An incident that ends because its target ended does not get the target's page."""
    relay = Relay()
    relay.say(
        started(0, occurrence="named"), started(1, incident="B", occurrence="named"), merged(3, "B", since=0)
    )

    relay.take(resolved(9, incident="B", since=1, url="https://larkspur.example/b"))

    assert [event.get("url") for event in relay.sent[-2:]] == ["https://larkspur.example/b", None]


def test_live_and_late_deliveries_name_the_same_events():
    """Ids follow from the occurrence, so that events fetched later are the ones that were sent live."""
    live, late = Relay(), Relay()
    live.say(started(0, occurrence="named"), resolved(5, since=0))
    late.say(resolved(5, since=0))

    assert [event.id for event in live.sent] == [event.id for event in late.sent]


def test_an_end_that_names_no_service_ends_them_all():
    """Even where services report for themselves, an end that names none speaks for every one."""
    relay = Relay()
    relay.take(started(0, services=["checkout-api"], whole=False), to=[CHECKOUT])
    relay.take(started(1, services=["ledger-worker"], whole=False), to=[LEDGER])

    assert relay.say(resolved(5, whole=False)) == [("A", "ends", 5), ("A", "ends", 5)]


def test_an_end_of_two_occurrences_lets_what_began_since_begin_once() -> None:
    """One end that closes two occurrences of a target sends the start that came between them once."""
    relay = Relay()
    relay.take(started(0))
    relay.take(started(2))
    relay.take(started(1, occurrence="named"))
    relay.take(merged(1, None))

    ids = [event.id for event in relay.sent]
    assert len(ids) == len(set(ids)) == 5
