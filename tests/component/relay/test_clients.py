"""Who sent it, in the log: the address of the connection, or what a trusted proxy says."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.relay.deliveries import Delivery, pagerduty
from tests.support.relay.receiver import Receiver
from tests.support.relay.running import configure, in_thread

SENDER = "198.51.100.7"


def logged_clients(
    folder: Path, receiver: Receiver, headers: Mapping[str, str], **settings: str
) -> list[str]:
    """Post a good and a wrong delivery with these headers; return the addresses that the log shows."""
    good = pagerduty("incident.triggered", "Q1")
    wrong = Delivery("pagerduty", b"{}", {})
    with in_thread(configure(folder, url=receiver.url, **settings)) as relay:
        for delivery, status in ((good, 202), (wrong, 401)):
            answer = replace(delivery, headers={**delivery.headers, **headers}).post(relay.url)
            assert answer.status_code == status
        return [entry["client"] for entry in (*relay.logged("delivery"), *relay.logged("delivery refused"))]


@pytest.mark.parametrize(
    ("trusted", "shown"),
    [
        ("[127.0.0.1]", SENDER),
        ("[10.0.0.0/8, 127.0.0.0/8]", SENDER),
        ("[]", "127.0.0.1"),
        ("[10.0.0.1]", "127.0.0.1"),
    ],
)
def test_a_trusted_proxy_alone_says_who_sent_it(
    tmp_path: Path, receiver: Receiver, trusted: str, shown: str
) -> None:
    """Accepted and refused deliveries show the sender's address where a trusted proxy says it."""
    forwarded = {"X-Forwarded-For": f"192.0.2.1, {SENDER}"}

    assert logged_clients(tmp_path, receiver, forwarded, trusted_proxies=trusted) == [shown] * 2
