"""Requests that no vendor sends: too long, too slow, cut, or no HTTP. Each is refused and harms no other."""

import time
from pathlib import Path
from typing import Any

import pytest
import requests
from gitdailies_relay.intake import app
from gitdailies_server.http import connection as limits

from tests.support.relay.deliveries import Delivery, datadog, pagerduty, signed
from tests.support.relay.deploys import add_sources, minutes_ago, push
from tests.support.relay.running import Relay, configure, in_thread
from tests.support.relay.sockets import connected, exchange, head, receive


def test_a_body_of_the_limit_is_read_and_one_byte_more_is_413(relay: Relay) -> None:
    """The limit is 1 MiB, for a body whose length is announced and for one in chunks."""
    most = pagerduty("incident.triggered", "Q1").body.ljust(app.BODY_BYTES)
    assert signed(most).post(relay.url).status_code == 202
    over = signed(most + b" ")
    assert over.post(relay.url).status_code == 413

    def in_chunks(body: bytes) -> Any:
        return (body[at : at + 65536] for at in range(0, len(body), 65536))

    for body, status in ((most, 202), (most + b" ", 413)):
        url, headers = relay.url + "/hooks/pagerduty", signed(body).headers
        assert requests.post(url, data=in_chunks(body), headers=headers, timeout=20).status_code == status


@pytest.mark.parametrize(
    ("queue_bytes", "most"), [("67108864", 25 * 1024 * 1024), ("2097152", 2 * 1024 * 1024)]
)
def test_a_large_push_is_read_up_to_the_limit_of_its_pack(
    queue_bytes: str, most: int, tmp_path: Path
) -> None:
    """GitHub sends up to 25 MB and never again. No body is larger than all that may wait for the store."""
    commits = [(f"{number:040x}", minutes_ago(0)) for number in range(1, 2049)]
    texts = ["Vendor the payments library" * 30] * len(commits)
    large = push("larkspur/checkout-api", "f" * 40, commits, messages=texts)
    file = configure(tmp_path, queue_bytes=queue_bytes)
    add_sources(tmp_path)
    with in_thread(file) as relay:
        assert 1024 * 1024 < len(large.body) < most
        assert large.post(relay.url).status_code == 200
        refused = Delivery("github", b" " * (most + 1)).post(relay.url)
        assert (refused.status_code, refused.json()["reason"]) == (
            413,
            f"the body is larger than {most} bytes",
        )


def test_413_comes_before_the_body_and_ends_the_connection(relay: Relay) -> None:
    """A body with a too large Content-Length is refused unread, and its bytes are not read as a request."""
    with connected(relay.url) as connection:
        connection.sendall(head("/hooks/pagerduty", {"Content-Length": "2000000"}))
        answer = receive(connection)
        assert answer.status == 413
        assert answer.json()["reason"] == "the body is larger than 1048576 bytes"
        assert answer.headers["connection"] == "close"
        assert connection.recv(10) == b""


def test_a_length_of_five_thousand_digits_is_refused_plainly(relay: Relay) -> None:
    """Python reads no number so long. The answer is a 4xx, and no fault of the relay."""
    raw = head("/hooks/pagerduty", {"Content-Length": "0" * 5000 + "5"}) + b"12345"

    assert exchange(relay.url, raw).status in (400, 401)
    assert requests.get(relay.url + "/readyz", timeout=30).status_code == 200


@pytest.mark.parametrize("sent", [0, 100])
def test_a_sender_that_goes_away_inside_the_body_leaves_nothing(relay: Relay, sent: int) -> None:
    """A body cut before its first byte, or after some, is no delivery: nothing is stored or logged."""
    delivery = datadog("monitor-triggered")
    headers = {**delivery.headers, "Content-Length": str(len(delivery.body))}
    with connected(relay.url) as connection:
        connection.sendall(head("/hooks/datadog", headers) + delivery.body[:sent])
        time.sleep(0.1)
    assert datadog("monitor-triggered", cycle_key="C2").post(relay.url).status_code == 202

    assert relay.failed()["quarantined"] == []
    assert relay.status()["deliveries"] == {"datadog": {"stored": 1}}


def test_a_connection_that_says_nothing_for_long_is_ended(
    relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Headers that come a byte now and then hold a connection only for a set time."""
    monkeypatch.setattr(limits, "HEAD_SECONDS", 0.3)
    with connected(relay.url) as connection:
        connection.sendall(b"POST /hooks/pagerduty HTTP/1.1\r\nx: ")
        assert connection.recv(10) == b""
