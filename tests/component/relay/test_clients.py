"""Who sent it, in the log: the address of the connection, or what a trusted proxy says."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.relay.deliveries import Delivery, pagerduty
from tests.support.relay.receiver import Receiver
from tests.support.relay.running import configure, in_thread

SENDER = "198.51.100.7"


@pytest.mark.parametrize(
    ("trusted", "shown"), [("[10.0.0.0/8, 127.0.0.0/8]", SENDER), ("[10.0.0.1]", "127.0.0.1")]
)
def test_a_trusted_proxy_alone_says_who_sent_it(
    tmp_path: Path, receiver: Receiver, trusted: str, shown: str
) -> None:
    """Accepted and refused deliveries show the sender's address where a trusted proxy says it."""
    forwarded = {"X-Forwarded-For": f"192.0.2.1, {SENDER}"}
    good, wrong = pagerduty("incident.triggered", "Q1"), Delivery("pagerduty", b"{}")
    with in_thread(configure(tmp_path, url=receiver.url, trusted_proxies=trusted)) as relay:
        for delivery, status in ((good, 202), (wrong, 401)):
            answer = replace(delivery, headers={**delivery.headers, **forwarded}).post(relay.url)
            assert answer.status_code == status
        logged = (*relay.logged("delivery"), *relay.logged("delivery refused"))
    assert [entry["client"] for entry in logged] == [shown] * 2
