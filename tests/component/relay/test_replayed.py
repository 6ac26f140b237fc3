"""Old deliveries played again: a signature that was right once proves a repeat and nothing more."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.processes import eventually
from tests.support.relay.deliveries import ENDED_AT, Delivery, datadog, pagerduty, squadcast
from tests.support.relay.receiver import Receiver
from tests.support.relay.running import Relay, configure, in_thread


def incident(name: str) -> tuple[Delivery, Delivery]:
    """A start and an end as *name* sends them."""
    if name == "datadog":
        return datadog("monitor-triggered"), datadog("monitor-recovered")
    if name == "squadcast":
        return squadcast("v2.incident.triggered", "S1"), squadcast("v2.incident.resolved", "S1")
    return pagerduty("incident.triggered", "Q1"), pagerduty("incident.resolved", "Q1", at=ENDED_AT)


DISGUISES = {
    "as it was": {},
    "with other headers": {"User-Agent": "curl", "X-Webhook-Id": "new", "Idempotency-Key": "new"},
    "as another type": {"content-type": "application/json; charset=utf-8"},
}


@pytest.mark.parametrize("disguise", DISGUISES)
@pytest.mark.parametrize("source", ["pagerduty", "datadog", "squadcast"])
def test_an_old_delivery_is_a_repeat_and_sends_nothing(
    relay: Relay, receiver: Receiver, source: str, disguise: str
) -> None:
    """A start and an end played again, ten times in any order, are answered as repeats; no incident opens."""
    start, end = incident(source)
    known = [one.post(relay.url).json()["events"] for one in (start, end)]
    eventually(lambda: len(receiver.arrivals) == 2)

    for _ in range(5):
        for delivery, events in zip((end, start), reversed(known), strict=True):
            played = replace(delivery, headers={**delivery.headers, **DISGUISES[disguise]})
            answer = played.post(relay.url)
            assert (answer.status_code, answer.json()["events"]) == (202, events)
    # Had anything of it been sent, it would have gone before this.
    pagerduty("incident.triggered", "Q-after").post(relay.url)
    eventually(lambda: receiver.of("Q-after"))
    assert len(receiver.arrivals) == 3


def test_an_old_delivery_is_a_repeat_after_a_restart(tmp_path: Path, receiver: Receiver) -> None:
    """After a restart a repeated delivery gets the same ids and is not sent again."""
    file = configure(tmp_path, url=receiver.url)
    start, end = incident("pagerduty")
    with in_thread(file) as relay:
        known = [one.post(relay.url).json()["events"] for one in (start, end)]
        eventually(lambda: len(receiver.arrivals) == 2)
    with in_thread(file) as relay:
        assert [one.post(relay.url).json()["events"] for one in (start, end)] == known
        assert relay.status()["deliveries"] == {"pagerduty": {"stored": 2, "repeated": 2}}
        time.sleep(0.2)
    assert len(receiver.arrivals) == 2
