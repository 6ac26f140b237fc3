"""A large history in random order; GITDAILIES_HISTORY_ROWS says how large.

With a million rows it measures, too: how fast an import is, beside the same receiver that takes the
same events in lists which were made beforehand.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from gitdailies_connection.http.sender import Sender
from gitdailies_core.values.secret import Secret

from tests.history.making import shuffled
from tests.history.running import Importer, in_order
from tests.webhooks.running import Receiver, in_process

ROWS = int(os.environ.get("GITDAILIES_HISTORY_ROWS", "100000"))
MOST_MIB = 300
SECONDS = 120 + ROWS // 500
# The most that incoming webhooks take at once.
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
    imported = ROWS / (time.perf_counter() - began)

    assert first.code == 0, first.err
    assert first.counts["sent"] == ROWS
    reader = importer.receiver.key("reader", "read")
    assert in_order(event for page in listed(importer.receiver, reader) for event in page)
    there = list(map(orjson.dumps, listed(importer.receiver, reader)))
    taken = intake(listed(importer.receiver, reader), tmp_path)

    skipped = importer.run("h.csv", "--json", seconds=SECONDS)
    again = importer.run("h.csv", "--json", "--again", seconds=SECONDS)

    assert (skipped.code, skipped.counts["skipped"], skipped.counts["sent"]) == (0, ROWS, 0)
    assert (again.code, again.counts["unchanged"], again.counts["sent"]) == (0, ROWS, 0)
    assert list(map(orjson.dumps, listed(importer.receiver, reader))) == there
    peaks = [run.peak_mib for run in (first, skipped, again)]
    print(
        f"{ROWS:,} rows imported at {imported:,.0f} a second, the receiver's own intake {taken:,.0f}: "
        f"{imported / taken:.2f} of it; peaks of {', '.join(f'{peak:.0f}' for peak in peaks)} MiB"
    )
    assert max(peaks) < MOST_MIB
    # A short one mostly starts up.
    if ROWS >= 1_000_000:
        assert imported / taken >= 0.5


def listed(receiver: Receiver, key: str) -> Iterator[list[dict[str, Any]]]:
    """Yield all that is there, in the order in which it was taken."""
    after, count = "0", 0
    while after:
        page = receiver.get(key, limit=str(LIST), after=after).json()
        yield page["events"]
        after, count = page["next"] and str(page["next"]), count + len(page["events"])
    assert count == ROWS


def intake(pages: Iterator[list[dict[str, Any]]], folder: Path) -> float:
    """Return how many events a second a receiver takes in its largest lists."""
    bodies = []
    for page in pages:
        for event in page:
            del event["receivedAt"]
        bodies.append(orjson.dumps(page))
    with in_process(f"sqlite:{folder}/alone.db", "--strict-order") as (receiver, _):
        key = Secret(receiver.key("alone"))
        with Sender(receiver.url + "/webhooks", timeout_seconds=60) as sender:
            began = time.perf_counter()
            for body in bodies:
                assert sender.post(body, key=key, largest=16 * 1024 * 1024).status == 202
            return ROWS / (time.perf_counter() - began)
