"""Old deliveries played again: a signature that was right once proves a repeat and nothing more."""

from dataclasses import replace

import pytest

from tests.support.processes import eventually
from tests.support.relay.deliveries import ENDED_AT, Delivery, datadog, pagerduty, squadcast
from tests.support.relay.receiver import Receiver
from tests.support.relay.running import Relay


def incident(name: str) -> tuple[Delivery, Delivery]:
    """A start and an end as *name* sends them."""
    if name == "datadog":
        return datadog("monitor-triggered"), datadog("monitor-recovered")
    if name == "squadcast":
        return squadcast("v2.incident.triggered", "S1"), squadcast("v2.incident.resolved", "S1")
    return pagerduty("incident.triggered", "Q1"), pagerduty("incident.resolved", "Q1", at=ENDED_AT)


DISGUISES: tuple[dict[str, str], ...] = (
    {},
    {"User-Agent": "curl", "X-Webhook-Id": "new", "Idempotency-Key": "new"},
    {"content-type": "application/json; charset=utf-8"},
)


@pytest.mark.parametrize("source", ["pagerduty", "datadog", "squadcast"])
def test_an_old_delivery_is_a_repeat_and_sends_nothing(relay: Relay, receiver: Receiver, source: str) -> None:
    """A start and an end played again, in any order, are answered as repeats with the same ids."""
    start, end = incident(source)
    first = [one.post(relay.url).json() for one in (start, end)]
    eventually(lambda: len(receiver.arrivals) == 2)

    for disguise in DISGUISES:
        for delivery, known in ((end, first[1]), (start, first[0])):
            answer = replace(delivery, headers={**delivery.headers, **disguise}).post(relay.url)
            assert (answer.status_code, answer.json()["status"]) == (202, "repeated")
            assert answer.json()["events"] == known["events"]
            assert answer.json()["delivery"] != known["delivery"]
    # Had anything of it been sent, it would have gone before this.
    pagerduty("incident.triggered", "Q-after").post(relay.url)
    eventually(lambda: receiver.of("Q-after"))
    assert len(receiver.arrivals) == 3
