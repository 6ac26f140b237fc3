"""Hostile deliveries by the thousand against a relay in a process of its own.

GITDAILIES_HOSTILE_DELIVERIES says how many in the long form, GITDAILIES_HOSTILE_SEED which.
"""

import os
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.forms import short_and_long
from tests.support.processes import Server, running
from tests.support.relay.deliveries import SECRETS, pagerduty
from tests.support.relay.hostile import Found, Sender, deliveries, lines_of, resident_bytes
from tests.support.relay.receiver import Receiver
from tests.support.relay.running import configure

SEED = int(os.environ.get("GITDAILIES_HOSTILE_SEED", "1"))
CONFIG = "gitdailies.yml"
INTENDED = {200, 202, 400, 401, 404, 405, 413, 415, 431, 501}
MOST_GROWTH_BYTES = 8 * 1024 * 1024


def address(server: Server) -> tuple[str, int]:
    parts = urlsplit(server.address)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


@short_and_long(
    "count",
    "GITDAILIES_HOSTILE_DELIVERIES",
    short=2400,
    long=40_000,
    seconds=lambda count: max(600.0, count / 200),
)
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
