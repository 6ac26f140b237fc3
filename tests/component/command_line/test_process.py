"""Both servers as processes: a hung reader of the log, and signals that tools send."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from tests.support.dora.payloads import body
from tests.support.processes import eventually, run
from tests.support.relay.deliveries import pagerduty
from tests.support.relay.running import configure

PIPE_BYTES = 4096
NAMES = "relay", "dora"


@dataclass
class Sending:
    """A server's arguments, and how something is sent to it that it logs."""

    arguments: tuple[str, ...]
    send: Callable[[str, int], requests.Response]


def prepared(name: str, folder: Path) -> Sending:
    if name == "relay":
        configure(folder)
        return Sending(
            ("relay",), lambda url, number: pagerduty("incident.triggered", f"Q{number}").post(url)
        )
    store = f"sqlite:{folder}/dora.db"
    key = run("keys", "create", "sender", "--store", store, "--quiet", folder=folder).stdout.strip()

    def send(url: str, number: int) -> requests.Response:
        event = body("deploy", id=f"e{number}")
        return requests.post(f"{url}/webhooks", json=event, headers={"webhook-key": key}, timeout=10)

    return Sending(("dora", "--listen", "127.0.0.1:0", "--store", store), send)


@contextmanager
def unread(folder: Path, *arguments: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run a server whose standard error is a small pipe that nobody reads; yield its address."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    printed = folder / "printed"
    with printed.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "gitdailies_cli", *arguments], cwd=folder, stdout=output, stderr=writing
        )
    try:
        line = eventually(
            lambda: next((one for one in printed.read_text().splitlines() if "listen" in one), "")
        )
        yield line.split(" on ")[1].partition("/hooks/")[0].removesuffix("/webhooks"), process
    finally:
        process.kill()
        process.wait()
        os.close(reading)
        os.close(writing)


@pytest.mark.parametrize("name", NAMES)
def test_a_log_that_nobody_reads_stops_neither_requests_nor_the_end(name: str, tmp_path: Path) -> None:
    """With standard error full, requests are answered, and SIGTERM ends the server in time."""
    sending = prepared(name, tmp_path)
    with unread(tmp_path, *sending.arguments) as (url, process):
        for number in range(40):
            assert sending.send(url, number).status_code == 202
        assert requests.get(f"{url}/healthz", timeout=5).status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
