"""Hostile deliveries by the thousand against a relay in a process of its own.

GITDAILIES_HOSTILE_DELIVERIES says how many in the long form, GITDAILIES_HOSTILE_SEED which.
"""

from __future__ import annotations

import os
import socket
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.forms import short_and_long
from tests.support.processes import Server, running
from tests.support.relay.deliveries import SECRETS, pagerduty
from tests.support.relay.hostile import Found, Sender, deliveries, lines_of, resident_bytes, whole
from tests.support.relay.receiver import Receiver
from tests.support.relay.running import configure
from tests.support.relay.sockets import head, receive

# From here on the slowest answers are judged, too.
MANY = 100_000
SEED = int(os.environ.get("GITDAILIES_HOSTILE_SEED", "1"))
CONFIG = "gitdailies.yml"
INTENDED = {200, 202, 400, 401, 404, 405, 413, 415, 431}
MOST_GROWTH_BYTES = 8 * 1024 * 1024
GOOD_MILLISECONDS = 250.0

both_forms = short_and_long(
    "count",
    "GITDAILIES_HOSTILE_DELIVERIES",
    short=2400,
    long=40_000,
    seconds=lambda count: max(600.0, count / 200),
)


def address(server: Server) -> tuple[str, int]:
    parts = urlsplit(server.address)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


@both_forms
def test_hostile_deliveries_harm_nothing(
    count: int, tmp_path: Path, receiver: Receiver, measure: Callable[[str], None]
) -> None:
    """No 5xx, no crash, no memory that grows, no secret and no fault in the log; a good one is stored."""
    configure(tmp_path, url=receiver.url)
    found, sizes = Found(), []
    with running("relay", "--config", CONFIG, folder=tmp_path) as server:
        began_at = time.monotonic()
        # The first part warms caches and allocator up; what grows shows in the rest.
        for part in range(4):
            sender = Sender(address(server), deliveries(SEED + part, count // 4))
            one = sender.run()
            found.sent += one.sent
            found.unanswered += one.unanswered
            found.lost += one.lost
            found.statuses += one.statuses
            sizes.append(resident_bytes(server.process.pid))
        seconds = time.monotonic() - began_at
        assert pagerduty("incident.triggered", "Q-good").post(server.address).status_code == 202
        assert server.terminate() == 0
    log = server.output.read_bytes()
    measure(
        f"{found.sent} hostile deliveries in {seconds:.0f} s: {dict(sorted(found.statuses.items()))};"
        f" {found.unanswered} unanswered, {found.lost} of them lost; log of {len(log)} bytes;"
        f" resident MiB {[size >> 20 for size in sizes]}"
    )

    assert found.sent == count // 4 * 4
    assert set(found.statuses) <= INTENDED
    assert {200, 202, 400, 401, 404, 413, 415, 431} <= set(found.statuses)
    # A reset discards bytes that had not been read. Every other request has an answer.
    assert found.lost < count / 100
    assert sizes[-1] - sizes[0] < MOST_GROWTH_BYTES
    assert [secret for secret in SECRETS.values() if secret.encode() in log] == []
    assert b"Traceback" not in log
    levels = Counter(str(line["level"]) for line in lines_of(log))
    assert set(levels) <= {"info", "warning"}
    refused = sum(line["event"] in ("delivery refused", "request refused") for line in lines_of(log))
    assert refused < 20 + seconds


def _good(server: Server, count: int, name: str, times: list[float], faults: list[int]) -> None:
    with socket.create_connection(address(server), timeout=30) as connection:
        for number in range(count):
            raw = whole(pagerduty("incident.triggered", f"Q-{name}-{number}")).raw
            began_at = time.perf_counter()
            connection.sendall(raw)
            status = receive(connection).status
            times.append((time.perf_counter() - began_at) * 1000)
            if status != 202:
                faults.append(status)


def _misbehave(server: Server, over: threading.Event, number: int) -> None:
    """Send a slow, a cut, a garbage and an oversized request, one after the other."""
    large = head("/hooks/pagerduty", {"Content-Length": "1048576"}) + b"x" * 1048576
    kinds = (
        b"POST /hooks/pagerduty HTTP/1.1\r\nx: ",
        head("/hooks/datadog", {"Content-Length": "900000"}) + b"x" * 300_000,
        b"\x16\x03\x01garbage\r\n\r\n",
        large,
        head("/hooks/pagerduty", {"Content-Length": "2000000"}) + b"x" * 1_500_000,
    )
    turn = number
    while not over.is_set():
        turn += 1
        try:
            with socket.create_connection(address(server), timeout=30) as connection:
                connection.sendall(kinds[turn % len(kinds)])
                over.wait(0.05)
        except OSError:
            continue


@both_forms
def test_good_deliveries_are_answered_while_a_fifth_misbehaves(
    count: int, tmp_path: Path, receiver: Receiver, measure: Callable[[str], None]
) -> None:
    """With two of ten connections slow, cut, garbage or oversized, each delivery of the others is 202."""
    configure(tmp_path, url=receiver.url)
    each = 30_000 // 8 if count > MANY else 250
    times: list[float] = []
    faults: list[int] = []
    over = threading.Event()
    with running("relay", "--config", CONFIG, folder=tmp_path) as server:
        bad = [threading.Thread(target=_misbehave, args=(server, over, n)) for n in range(2)]
        good = [threading.Thread(target=_good, args=(server, each, str(n), times, faults)) for n in range(8)]
        for thread in (*bad, *good):
            thread.start()
        for thread in good:
            thread.join()
        over.set()
        for thread in bad:
            thread.join()
    cuts = statistics.quantiles(times, n=1000)
    measure(f"{len(times)} good: p50 {cuts[499]:.1f}, p99 {cuts[989]:.1f}, p99.9 {cuts[998]:.1f} ms")

    assert faults == []
    assert len(times) == 8 * each
    if count > MANY:
        assert cuts[998] < GOOD_MILLISECONDS
