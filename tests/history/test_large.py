"""A large history in random order; GITDAILIES_HISTORY_ROWS says how large."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from gitdailies_connection.sender import Sender
from gitdailies_core.secret import Secret

from tests.history.making import shuffled
from tests.history.running import Importer, in_order
from tests.webhooks.running import Receiver, in_process

ROWS = int(os.environ.get("GITDAILIES_HISTORY_ROWS", "100000"))
MOST_MIB = 300
SECONDS = 120 + ROWS // 500
LIST = 10_000


@pytest.fixture
def importer(tmp_path: Path) -> Iterator[Importer]:
    with in_process(f"sqlite:{tmp_path}/webhooks.db", "--strict-order") as (receiver, _):
        yield Importer(tmp_path, receiver, receiver.key("history"))


@pytest.mark.timeout(SECONDS * 6)
def test_rows_in_random_order_go_in_in_order_with_flat_memory(importer: Importer, tmp_path: Path) -> None:
    """A strict receiver takes every row, the command stays under 300 MiB, and again changes nothing."""
    shuffled(tmp_path / "h.csv", ROWS)
    began = time.perf_counter()
    first = importer.run("h.csv", "--json", seconds=SECONDS)
    took = time.perf_counter() - began

    assert first.code == 0, first.err
    assert first.counts["sent"] == ROWS
    assert first.peak_mib < MOST_MIB
    reader = importer.receiver.key("reader", "read")
    events = importer.receiver.events(reader, limit=str(ROWS + 1))
    assert len(events) == ROWS
    assert in_order(events)

    skipped = importer.run("h.csv", "--json", seconds=SECONDS)
    again = importer.run("h.csv", "--json", "--again", seconds=SECONDS)

    assert (skipped.code, skipped.counts["skipped"], skipped.counts["sent"]) == (0, ROWS, 0)
    assert (again.code, again.counts["unchanged"], again.counts["sent"]) == (0, ROWS, 0)
    assert again.peak_mib < MOST_MIB
    assert importer.receiver.events(reader, limit=str(ROWS + 1)) == events
    rate = intake(events, tmp_path) / (ROWS / took)
    print(f"{ROWS} rows in {took:.1f} s, peak {first.peak_mib:.0f} MiB, receiver alone ÷ import: {rate:.2f}")
    # An import reads, checks and sorts before it sends; the receiver alone takes lists made beforehand.
    if ROWS >= 1_000_000:
        assert rate <= 2


def intake(events: list[dict[str, object]], folder: Path) -> float:
    """Return how many events a second a receiver takes in its largest lists."""
    for event in events:
        del event["receivedAt"]
    bodies = [encoded(events[at : at + LIST]) for at in range(0, len(events), LIST)]
    with in_process(f"sqlite:{folder}/alone.db", "--strict-order") as (receiver, _):
        return _posted(bodies, receiver, len(events))


def _posted(bodies: list[bytes], receiver: Receiver, count: int) -> float:
    key = Secret(receiver.key("alone"))
    with Sender(receiver.url + "/webhooks", timeout_seconds=60) as sender:
        began = time.perf_counter()
        for body in bodies:
            assert sender.post(body, key=key, largest=16 * 1024 * 1024).status == 202
        return count / (time.perf_counter() - began)


def encoded(events: list[dict[str, object]]) -> bytes:
    import orjson

    return orjson.dumps(events)
