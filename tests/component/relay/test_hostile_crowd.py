"""At the bound of connections: crowds of silent, slow and greedy senders lock no good one out."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from gitdailies_server.http import connection as limits

from tests.support.relay.deliveries import pagerduty
from tests.support.relay.receiver import Receiver
from tests.support.relay.running import Relay, configure, in_thread
from tests.support.relay.sockets import connected, head, receive

MOST = 16
NO_ROOM = "too many connections are open"


@pytest.fixture
def small(tmp_path: Path, receiver: Receiver) -> Iterator[Relay]:
    """A relay that serves sixteen senders at once."""
    with in_thread(configure(tmp_path, url=receiver.url, connections=str(MOST))) as running:
        yield running


AFTER_A_WRONG_PROOF = "idle after a wrong proof"
SILENT = {
    "silent": b"",
    "in the head": b"POST /hooks/pagerduty HTTP/1.1\r\nx: ",
    "in the body": head("/hooks/pagerduty", {"Content-Length": "900000"}) + b"{",
    AFTER_A_WRONG_PROOF: head("/hooks/pagerduty", {"Content-Length": "2"}) + b"{}",
    "asleep between chunks": head("/hooks/pagerduty", {"Transfer-Encoding": "chunked"}) + b"1\r\n{\r\n",
}


@pytest.mark.parametrize("name", SILENT)
def test_a_silent_crowd_locks_no_sender_out(small: Relay, name: str) -> None:
    """A good delivery is answered, although five times as many silent connections as are served are open."""
    with contextlib.ExitStack() as stack:
        for number in range(5 * MOST):
            silent = stack.enter_context(connected(small.url))
            silent.sendall(SILENT[name])
            if name == AFTER_A_WRONG_PROOF:
                # It is idle once it has its answer.
                assert receive(silent).status == 401
            if number % MOST == 0:
                assert pagerduty("incident.triggered", f"Q{number}").post(small.url).status_code == 202
        assert pagerduty("incident.triggered", "Q-last").post(small.url).status_code == 202
    assert {entry["reason"] for entry in small.logged("request refused")} == {NO_ROOM}


def test_a_sender_that_reads_nothing_is_cut(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sender that reads no answers is cut after the set time."""
    monkeypatch.setattr(limits, "WRITE_SECONDS", 0.3)
    with socket.socket() as connection:
        # Room for a few answers on this side; the relay's side fills by itself.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(20)
        host, port = relay.url.removeprefix("http://").split(":")
        connection.connect((host, int(port)))
        with pytest.raises(ConnectionError):
            _send_on_and_on(connection, b"GET /healthz HTTP/1.1\r\n\r\n" * 16)


def _send_on_and_on(connection: socket.socket, part: bytes) -> None:
    for _ in range(200_000):
        connection.sendall(part)
