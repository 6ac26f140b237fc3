"""Services with `ignore: true`: answered, neither counted nor quarantined, and counted once handed on."""

from tests.support.processes import eventually
from tests.support.relay.deliveries import STARTED_AT, pagerduty
from tests.support.relay.receiver import Receiver
from tests.support.relay.running import Relay


def test_an_incident_that_is_handed_on_counts_from_its_start(relay: Relay, receiver: Receiver) -> None:
    """It counts for the service that it was handed to, with its original start time."""
    pagerduty("incident.triggered", "Q1", service="helpdesk").post(relay.url)
    pagerduty("incident.service_updated", "Q1", at="2026-03-04T09:20:00Z").post(relay.url)
    (arrival,) = eventually(lambda: receiver.of("Q1"))
    assert (arrival.event["repo"], arrival.event["time"]) == ("larkspur/checkout-api", STARTED_AT)


def test_what_was_quarantined_before_the_line_is_settled_by_a_replay(relay: Relay) -> None:
    """`explain` says what to do. With the line, it is no longer unmapped, and a replay settles it."""
    pagerduty("incident.triggered", "Q1", service="attic").post(relay.url)
    explained = relay.command("explain", "Q1")
    assert "what to do: add its line under services, as `gitdailies relay unmapped` prints it" in explained
    relay.edit("services:\n", "services:\n  attic: {ignore: true}\n")
    printed = relay.command("unmapped")
    assert printed == "# every service that was named has a line\n"
    printed = relay.command("replay", "--unmapped")
    assert "nothing to send: ignored" in printed
    assert relay.status()["quarantined"] == {}
    explained = relay.command("explain", "Q1")
    assert explained.count("what to do:") == 1
    assert "reload, then `gitdailies relay replay --ignored`" in explained
