"""A large history in random order; GITDAILIES_HISTORY_ROWS says how large in the long form.

With a million rows it also measures the speed of an import. It is compared with the same receiver
that takes the same events in lists made beforehand.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from gitdailies_connection.http.sender import Sender
from gitdailies_core.values.secret import Secret

from tests.support.dora.running import Receiver, in_process
from tests.support.forms import short_and_long
from tests.support.history.making import shuffled
from tests.support.history.running import Importer, in_order

MOST_MIB = 300
# The most that the DORA server takes at once.
LIST = 10_000


def patience(rows: int) -> float:
    """Return the most seconds that one import may take."""
    return 120 + rows / 500


@pytest.fixture
def importer(tmp_path: Path) -> Iterator[Importer]:
    with in_process(f"sqlite:{tmp_path}/dora.db", "--strict-order") as (receiver, _):
        yield Importer(tmp_path, receiver, receiver.key("history"))


@short_and_long(
    "rows", "GITDAILIES_HISTORY_ROWS", short=2_500, long=100_000, seconds=lambda rows: patience(rows) * 6
)
def test_rows_in_random_order_go_in_in_order_with_flat_memory(
    rows: int, importer: Importer, tmp_path: Path, measure: Callable[[str], None]
) -> None:
    """A strict receiver takes every row, the command stays under 300 MiB, and again changes nothing."""
    shuffled(tmp_path / "h.csv", rows)
    began = time.perf_counter()
    first = importer.run("h.csv", "--json", seconds=patience(rows))
    imported = rows / (time.perf_counter() - began)

    assert first.code == 0, first.err
    assert first.counts["sent"] == rows
    reader = importer.receiver.key("reader", "read")
    assert in_order(event for page in listed(importer.receiver, reader, rows) for event in page)
    there = list(map(orjson.dumps, listed(importer.receiver, reader, rows)))
    taken = rows / intake(listed(importer.receiver, reader, rows), tmp_path)

    skipped = importer.run("h.csv", "--json", seconds=patience(rows))
    again = importer.run("h.csv", "--json", "--again", seconds=patience(rows))

    assert (skipped.code, skipped.counts["skipped"], skipped.counts["sent"]) == (0, rows, 0)
    assert (again.code, again.counts["unchanged"], again.counts["sent"]) == (0, rows, 0)
    assert list(map(orjson.dumps, listed(importer.receiver, reader, rows))) == there
    peaks = [run.peak_mib for run in (first, skipped, again)]
    measure(
        f"{rows:,} rows imported at {imported:,.0f} a second, the receiver's own intake {taken:,.0f}: "
        f"{imported / taken:.2f} of it; peaks of {', '.join(f'{peak:.0f}' for peak in peaks)} MiB"
    )
    assert max(peaks) < MOST_MIB
    # A short one mostly starts up.
    if rows >= 1_000_000:
        assert imported / taken >= 0.5


def listed(receiver: Receiver, key: str, rows: int) -> Iterator[list[dict[str, Any]]]:
    """Yield the receiver's events page by page, in the order of arrival."""
    after, count = "0", 0
    while after:
        page = receiver.get(key, limit=str(LIST), after=after).json()
        yield page["events"]
        after, count = page["next"] and str(page["next"]), count + len(page["events"])
    assert count == rows


def intake(pages: Iterator[list[dict[str, Any]]], folder: Path) -> float:
    """Return in how many seconds a receiver takes all events in its largest lists."""
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
            return time.perf_counter() - began
