"""Requests that no vendor sends: too long, too slow, cut, or no HTTP. Each is refused and harms no other."""

from __future__ import annotations

import socket
import time
from typing import Any

import pytest
import requests
from gitdailies_relay.intake import request_body
from gitdailies_server.http import connection as limits

from tests.support.relay.deliveries import datadog, pagerduty, signed
from tests.support.relay.running import Relay
from tests.support.relay.sockets import connected, exchange, head, receive


def test_a_body_of_the_limit_is_read_and_one_byte_more_is_413(relay: Relay) -> None:
    """The limit is 1 MiB, for a body whose length is announced and for one in chunks."""
    most = pagerduty("incident.triggered", "Q1").body.ljust(request_body.BODY_BYTES)
    assert signed(most).post(relay.url).status_code == 202
    over = signed(most + b" ")
    assert over.post(relay.url).status_code == 413

    def in_chunks(body: bytes) -> Any:
        return (body[at : at + 65536] for at in range(0, len(body), 65536))

    for body, status in ((most, 202), (most + b" ", 413)):
        url, headers = relay.url + "/hooks/pagerduty", signed(body).headers
        assert requests.post(url, data=in_chunks(body), headers=headers, timeout=20).status_code == status


def test_413_comes_before_the_body_and_ends_the_connection(relay: Relay) -> None:
    """A body with a too large Content-Length is refused unread, and its bytes are not read as a request."""
    with connected(relay.url) as connection:
        connection.sendall(head("/hooks/pagerduty", {"Content-Length": "2000000"}))
        answer = receive(connection)
        assert answer.status == 413
        assert answer.json()["reason"] == "the body is larger than 1048576 bytes"
        assert answer.headers["connection"] == "close"
        assert connection.recv(10) == b""


def test_a_sender_that_writes_first_and_reads_later_sees_its_413(relay: Relay) -> None:
    """A whole body of 3 MiB, sent before the answer is looked at, does not break the connection."""
    body = b"x" * 3 * 1024 * 1024
    with connected(relay.url) as connection:
        connection.sendall(head("/hooks/pagerduty", {"Content-Length": str(len(body))}))
        time.sleep(0.1)
        connection.sendall(body)
        assert receive(connection).status == 413


def test_a_body_without_end_is_413_and_cut(relay: Relay) -> None:
    """Chunks that never end are answered at the limit, and the connection ends soon after."""
    with connected(relay.url) as connection:
        connection.sendall(head("/hooks/pagerduty", {"Transfer-Encoding": "chunked"}))
        chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        assert _taken(connection, chunk, most=1600) < 1000


LENGTHS = {
    "0" * 5000 + "5": (401, 400),
    "-1": (400,),
    "5, 6": (400,),
    "18446744073709551616": (400,),
    "1e3": (400,),
}


@pytest.mark.parametrize("length", LENGTHS, ids=lambda length: length[:20])
def test_an_odd_length_is_refused_plainly(relay: Relay, length: str) -> None:
    """A Content-Length that no client would send is a 4xx, never a fault of the relay."""
    answer = exchange(relay.url, head("/hooks/pagerduty", {"Content-Length": length}) + b"12345")

    assert answer.status in LENGTHS[length]
    assert requests.get(relay.url + "/readyz", timeout=30).status_code == 200


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requested before `relay`: its senders then have a third of a second for a body."""
    monkeypatch.setattr(request_body, "BODY_SECONDS", 0.3)


@pytest.mark.usefixtures("hasty")
def test_a_body_that_does_not_come_to_its_end_is_503(relay: Relay) -> None:
    """A sender that stalls inside the body gets 503 after the set time, and nothing of it is stored."""
    delivery = datadog("monitor-triggered")
    headers = {**delivery.headers, "Content-Length": str(len(delivery.body))}
    answer = exchange(relay.url, head("/hooks/datadog", headers) + delivery.body[:-5])

    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert answer.json()["reason"] == "the body took too long to arrive"
    assert relay.failed()["quarantined"] == []


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


def test_pipelined_deliveries_are_answered_in_order(relay: Relay) -> None:
    """Two requests in one write get two answers, each for its own."""
    both = [pagerduty("incident.triggered", "Q1"), pagerduty("incident.acknowledged", "Q1")]
    raw = b"".join(
        head("/hooks/pagerduty", {**one.headers, "Content-Length": str(len(one.body))}) + one.body
        for one in both
    )
    with connected(relay.url) as connection:
        connection.sendall(raw)
        statuses = [receive(connection).json()["status"] for _ in both]

    assert statuses == ["stored", "ignored"]


GARBAGE = {
    "not HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "a header without a name": b"POST /hooks/pagerduty HTTP/1.1\r\n: x\r\n\r\n",
    "two lengths": b"POST /hooks/pagerduty HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "chunked and a length": head("/hooks/pagerduty", {"Transfer-Encoding": "chunked", "Content-Length": "2"})
    + b"0\r\n\r\n",
    "a chunk of no size": head("/hooks/pagerduty", {"Transfer-Encoding": "chunked"}) + b"zz\r\n{}\r\n",
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_is_400_or_an_end_and_harms_nobody(relay: Relay, name: str) -> None:
    """After a good delivery on the same connection, garbage is answered 4xx and the connection ends."""
    delivery = pagerduty("incident.triggered", "Q1")
    good = head("/hooks/pagerduty", {**delivery.headers, "Content-Length": str(len(delivery.body))})
    with connected(relay.url) as connection:
        connection.sendall(good + delivery.body)
        assert receive(connection).status == 202
        connection.sendall(GARBAGE[name])
        assert 400 <= receive(connection).status < 500
        assert connection.recv(10) == b""
    assert relay.status()["deliveries"] == {"pagerduty": {"stored": 1}}


def test_headers_without_end_are_cut(relay: Relay) -> None:
    """A sender that goes on with headers is cut long before they fill the memory."""
    with connected(relay.url) as connection:
        connection.sendall(b"POST /hooks/pagerduty HTTP/1.1\r\n")
        assert _taken(connection, b"x: " + b"y" * 8000 + b"\r\n", most=8000) < 4000


def _taken(connection: socket.socket, part: bytes, most: int) -> int:
    """Send a part again and again; return how often until the relay ended the connection."""
    for number in range(most):
        try:
            connection.sendall(part)
        except ConnectionError:
            return number
    return most


def test_a_connection_that_says_nothing_for_long_is_ended(
    relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Headers that come a byte now and then hold a connection only for a set time."""
    monkeypatch.setattr(limits, "HEAD_SECONDS", 0.3)
    with connected(relay.url) as connection:
        connection.sendall(b"POST /hooks/pagerduty HTTP/1.1\r\nx: ")
        assert connection.recv(10) == b""
