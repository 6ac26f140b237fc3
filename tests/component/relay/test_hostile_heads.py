"""Heads that no vendor sends: too many fields, too large, smuggled, behind the body, or a dialect of HTTP."""

from __future__ import annotations

import contextlib

import pytest
from gitdailies_server.http import connection as protocol

from tests.support.relay.deliveries import TOKEN_HEADER, Delivery, datadog, pagerduty
from tests.support.relay.running import Relay
from tests.support.relay.sockets import Answered, connected, exchange, head, receive

FIELDS = "head: expected at most 100 fields, got more"
BYTES = "head: expected at most 65536 bytes, got more"


def with_length(delivery: Delivery, **more: str) -> dict[str, str]:
    return {**delivery.headers, **more, "Content-Length": str(len(delivery.body))}


def refused(answer: Answered, status: int, reason: str) -> None:
    assert (answer.status, answer.json()["reason"]) == (status, reason)
    assert answer.headers["connection"] == "close"


def test_a_hundred_fields_are_read_and_one_more_is_431(relay: Relay) -> None:
    """A hundred header fields are read, and one more is refused."""
    delivery = pagerduty("incident.triggered", "Q1")
    own = len(with_length(delivery)) + 1  # Host
    for count, status in ((100 - own, 202), (101 - own, 431)):
        more = {f"x-{number}": "" for number in range(count)}
        answer = exchange(
            relay.url, head("/hooks/pagerduty", {**with_length(delivery), **more}) + delivery.body
        )
        assert answer.status == status
    refused(answer, 431, FIELDS)


@pytest.mark.parametrize("where", ["a field", "the address"])
def test_a_head_over_64_kib_is_431(relay: Relay, where: str) -> None:
    """The bound holds for a head that comes in one write, and for one that comes in parts."""
    field, path = (
        ("x", "/hooks/pagerduty") if where == "a field" else ("", "/hooks/pagerduty?" + "x" * 80_000)
    )
    raw = head(path, {"x": field * 80_000, "Content-Length": "0"})
    for size in (len(raw), 16_000):
        with connected(relay.url) as connection:
            # The rest may find the connection at its end.
            with contextlib.suppress(ConnectionError):
                for at in range(0, len(raw), size):
                    connection.sendall(raw[at : at + size])
            refused(receive(connection), 431, BYTES)


def test_fields_behind_the_body_are_passed_over(relay: Relay) -> None:
    """A proof or an address in the trailer of a chunked body is ignored."""
    delivery = datadog("monitor-triggered")
    chunks = b"%x\r\n%s\r\n0\r\n" % (len(delivery.body), delivery.body)
    proof = delivery.headers[TOKEN_HEADER]
    raw = head("/hooks/datadog", {"Content-Type": "application/json", "Transfer-Encoding": "chunked"})

    assert exchange(relay.url, raw + chunks + f"{TOKEN_HEADER}: {proof}\r\n\r\n".encode()).status == 401


def test_fields_behind_the_body_do_not_fill_the_memory(relay: Relay) -> None:
    """Those without end are read until the body's time is over, and none is held."""
    with connected(relay.url) as connection:
        connection.sendall(head("/hooks/pagerduty", {"Transfer-Encoding": "chunked"}) + b"2\r\n{}\r\n0\r\n")
        for _ in range(100):
            connection.sendall(b"a: b\r\n" * 1000)
        connection.sendall(b"\r\n")
        assert receive(connection).status == 401


CODINGS = ["gzip, chunked", "identity, chunked", "deflate, gzip, chunked", "x-planted, chunked"]


@pytest.mark.parametrize("coding", CODINGS)
def test_a_transfer_that_is_more_than_chunked_is_415(relay: Relay, coding: str) -> None:
    """A transfer coding other than chunked is refused, since the relay decodes none."""
    delivery = pagerduty("incident.triggered", "Q1")
    raw = head("/hooks/pagerduty", {**delivery.headers, "Transfer-Encoding": coding})
    answer = exchange(relay.url, raw + b"%x\r\n%s\r\n0\r\n\r\n" % (len(delivery.body), delivery.body))

    assert answer.status == 415
    assert answer.json()["reason"] == "transfer-encoding: only chunked is supported"


SMUGGLED = {
    "a length and chunks": {"Content-Length": "5", "Transfer-Encoding": "chunked"},
    "chunks and a length": {"Transfer-Encoding": "chunked", "Content-Length": "5"},
    "a length and a hidden coding": {"Content-Length": "5", "Transfer-Encoding": "\x0bchunked"},
    "a coding behind a space": {"Content-Length": "5", "Transfer-Encoding ": "chunked"},
    "chunks that are not last": {"Transfer-Encoding": "chunked, identity"},
    "two codings": {"Transfer-Encoding": "chunked", "transfer-encoding": "identity"},
    "two lengths": {"Content-Length": "5", "content-length": "6"},
    "a length in words": {"Content-Length": "+5"},
}


@pytest.mark.parametrize("name", SMUGGLED)
def test_two_ways_to_tell_the_length_are_refused(relay: Relay, name: str) -> None:
    """A request with an ambiguous length is 4xx and ends the connection, so that nothing is smuggled."""
    inside = b"GET /healthz HTTP/1.1\r\nHost: relay\r\n\r\n"
    with connected(relay.url) as connection:
        connection.sendall(head("/hooks/pagerduty", SMUGGLED[name]) + b"0\r\n\r\n" + inside)
        answers = b""
        with contextlib.suppress(ConnectionError):
            while more := connection.recv(65536):
                answers += more
    assert answers.count(b"HTTP/1.1 4") == answers.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("protocol", ["h2c", "websocket", "TLS/1.0"])
def test_an_offer_of_another_protocol_is_400(relay: Relay, protocol: str) -> None:
    """A delivery that offers another protocol is refused as that, not as unproven; nothing follows it."""
    delivery = pagerduty("incident.triggered", "Q1")
    offer = with_length(delivery, Connection="Upgrade", Upgrade=protocol)
    with connected(relay.url) as connection:
        connection.sendall(head("/hooks/pagerduty", offer) + delivery.body + b"GET /healthz HTTP/1.1\r\n\r\n")
        refused(
            receive(connection), 400, "upgrade: expected HTTP/1.1 alone, got an offer of another protocol"
        )
        assert connection.recv(10) == b""


def test_a_body_that_falls_silent_is_cut(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection ends if no byte of the body comes for a set time."""
    monkeypatch.setattr(protocol, "BODY_SILENCE_SECONDS", 0.3)
    with connected(relay.url) as connection:
        connection.sendall(head("/hooks/pagerduty", {"Content-Length": "100"}) + b"{")
        with contextlib.suppress(ConnectionError):
            assert connection.recv(10) == b""
