"""Bodies that do not come, that are cut, or that are too many: each is refused, and memory stays bounded."""

import resource
import socket
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from gitdailies_dora.events import bodies

from tests.support import processes
from tests.support.dora.payloads import body
from tests.support.dora.running import Receiver
from tests.support.processes import eventually
from tests.support.relay.hostile import resident_bytes
from tests.support.relay.sockets import connected, exchange, head

FORM = {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": "1000"}


def test_a_stranger_who_hangs_up_within_a_form_is_no_fault(receiver: Receiver) -> None:
    """It is a 408 at level info: a person on duty is not woken by a telephone that loses its network."""
    for _ in range(5):
        with connected(receiver.url) as connection:
            connection.sendall(head("/sign-in", {**FORM, "Origin": receiver.url}) + b"name=a")
    refused = eventually(lambda: [one for one in receiver.logged("refused") if one["path"] == "/sign-in"][4:])
    assert [(one["log_level"], one.get("status", 408)) for one in refused] == [("info", 408)]
    assert [one for one in receiver.log if one["log_level"] == "error"] == []


@pytest.mark.parametrize("path", ["/sign-in", "/webhooks"])
def test_a_body_that_comes_too_slowly_is_408(
    path: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A byte now and then, or an extension of a chunk without end, does not keep a request open."""
    monkeypatch.setattr(bodies, "READ_SECONDS", 0.3)
    fields = {**FORM, "Transfer-Encoding": "chunked", "webhook-key": receiver.key("ci")}
    if path == "/webhooks":
        fields["Content-Type"] = "application/json"
    del fields["Content-Length"]
    with connected(receiver.url) as connection:
        connection.sendall(head(path, fields) + b"5;")
        begun = time.monotonic()
        connection.settimeout(0.05)
        answer = b""
        while not answer and time.monotonic() < begun + 10:
            connection.sendall(b"a")
            try:
                answer = connection.recv(1000)
            except TimeoutError:
                continue
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in answer


def test_a_coded_body_is_refused_and_not_counted(receiver: Receiver) -> None:
    """`Transfer-Encoding: gzip, chunked` is 501, as problem details."""
    fields = {"Transfer-Encoding": "gzip, chunked", "webhook-key": receiver.key("ci")}
    answer = exchange(receiver.url, head("/webhooks", fields) + b"2\r\n{}\r\n0\r\n\r\n")
    assert (answer.status, answer.json()["type"]) == (501, "urn:gitdailies:problem:not-implemented")


@pytest.mark.long
def test_a_thousand_open_lists_do_not_fill_the_memory(tmp_path: Path) -> None:
    """Each sends 8 MiB but for a byte. Memory grows by 200 MiB at most, and events are taken."""
    store = ("--store", "sqlite:dora.db")
    key = processes.run("keys", "create", "ci", "--quiet", *store, folder=tmp_path).stdout.strip()
    announced = 8 * 1024 * 1024
    raw = head("/webhooks", {"webhook-key": key, "Content-Length": str(announced)}) + b"["
    rest = b" " * (announced - 2)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    with (
        processes.running("dora", "--listen", "127.0.0.1:0", *store, folder=tmp_path) as server,
        ExitStack() as opened,
    ):

        def post(event: dict[str, Any]) -> int:
            headers, address = {"webhook-key": key}, f"{server.address}/webhooks"
            return requests.post(address, json=event, headers=headers, timeout=30).status_code

        assert post(body("deploy")) == 202
        idle = most = resident_bytes(server.process.pid)
        where = urlsplit(server.address)
        for _ in range(1000):
            connection = opened.enter_context(
                socket.create_connection((where.hostname, where.port), timeout=30)
            )
            with suppress(OSError):  # it was evicted, or answered
                connection.sendall(raw + rest)
            most = max(most, resident_bytes(server.process.pid))
        assert post(body("deploy", id="deploy-2")) == 202
        assert most - idle < 200 * 1024 * 1024
