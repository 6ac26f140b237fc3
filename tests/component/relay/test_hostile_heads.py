"""Heads that no vendor sends: too many fields, too large, smuggled, behind the body, or a dialect of HTTP."""

import contextlib
import time
from pathlib import Path
from typing import Any

import pytest
import requests
from gitdailies_server.http import connection as protocol

from tests.support.dora.with_relay import STATUS_KEY, with_status_key
from tests.support.processes import eventually
from tests.support.relay.deliveries import Delivery, pagerduty
from tests.support.relay.running import Relay, in_thread
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


_HOOK = b"POST /hooks/pagerduty HTTP/1.1\r\n"
UNPARSED = {
    "a coding": (
        _HOOK + b"Host: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        501,
        "Transfer-Encoding",
    ),
    "a method": (b"TRANSMIT / HTTP/1.1\r\nHost: a\r\n\r\n", 501, "method"),
    "no version": (b"GET /healthz\r\n\r\n", 400, "expected a request of HTTP/1.1"),
    "TLS": (b"\x16\x03\x01\x02\x00", 400, "expected a request of HTTP/1.1"),
    "no host": (_HOOK + b"\r\n", 400, "Host"),
    "a strange host": (_HOOK + b"Host: a\xff\r\n\r\n", 400, "Host"),
    "many fields": (_HOOK + b"Host: a\r\n" + b"X: 1\r\n" * 101 + b"\r\n", 431, "head"),
}


def test_what_never_reaches_a_source_is_among_the_refusals(tmp_path: Path) -> None:
    """Each is answered and closed, and listed once with its status, address and reason; times show when."""
    with in_thread(with_status_key(tmp_path)) as relay:
        expected = set()
        for raw, status, reason in UNPARSED.values():
            answer = exchange(relay.url, raw)
            assert (answer.status, answer.headers["connection"]) == (status, "close"), raw
            assert answer.json()["reason"].startswith(reason)
            expected.add((status, answer.json()["reason"]))

        def listed() -> list[dict[str, Any]]:
            key = {"Authorization": f"Bearer {STATUS_KEY}"}
            asked = requests.get(f"{relay.status_url}/refusals", headers=key, timeout=10)
            found: list[dict[str, Any]] = asked.json()["refusals"]
            return found if sum(one["requests"] for one in found) == len(UNPARSED) else []

        found = eventually(listed)
    assert {(one["status"], one["reason"]) for one in found} == expected
    assert {(one["source"], one["client"]) for one in found} == {(None, "127.0.0.1")}


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_a_probe_is_only_read(relay: Relay, method: str, path: str) -> None:
    """Another method than GET and HEAD is 405."""
    answer = requests.request(method, relay.url + path, timeout=10)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


def test_an_expectation_of_http_1_0_is_ignored(relay: Relay) -> None:
    """The first bytes are the answer (RFC 9110, 10.1.1)."""
    raw = head("/hooks/datadog", {"Expect": "100-continue", "Content-Length": "2"}).replace(b"1.1", b"1.0")
    with connected(relay.url) as connection:
        connection.sendall(raw)
        time.sleep(0.1)
        connection.sendall(b"{}")
        assert connection.recv(1000).startswith(b"HTTP/1.1 401 ")


def test_a_body_that_falls_silent_is_cut(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection ends if no byte of the body comes for a set time."""
    monkeypatch.setattr(protocol, "BODY_SILENCE_SECONDS", 0.3)
    with connected(relay.url) as connection:
        connection.sendall(head("/hooks/pagerduty", {"Content-Length": "100"}) + b"{")
        with contextlib.suppress(ConnectionError):
            assert connection.recv(10) == b""
