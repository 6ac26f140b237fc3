"""How long `relay status` reads a large store, against the count that it used to make.

    python benchmarks/status.py [--rows 1000000] [--waiting 0] [--store postgresql://…]

`--rows` are deliveries, `--waiting` of them have an event that waits. The peer is one pass over all
deliveries in the same run. Each is the median of five.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gitdailies_connection.config.settings import StoreSetting
from gitdailies_relay.operations import reports
from gitdailies_relay.store import store
from gitdailies_server.storage.database import Database, Session

TIMES = 5
BATCH = 50_000
_COUNTED = (
    "INSERT INTO outcome_counts (source, is_replay, outcome, messages) VALUES ('pagerduty', 0, 'stored', ?)"
)
PEER = "SELECT source, outcome, count(*) FROM deliveries GROUP BY source, outcome"


def fill(database: Database, rows: int, waiting: int) -> None:
    """Write deliveries, with events that wait, as an outage of months would leave them."""
    for begin in range(0, rows, BATCH):
        numbers = range(begin, min(begin + BATCH, rows))
        with store.transaction(database) as session:
            session.executemany(
                "INSERT INTO deliveries (delivery, received_at, source, message, incident, word, proof,"
                " outcome, reason, events) VALUES (?,?,'pagerduty',?,?,'incident.triggered','env X',"
                "'stored','','[]')",
                [(f"d{number:022x}", number, f"m{number}", f"Q{number}") for number in numbers],
            )
            session.executemany(
                "INSERT INTO events (seq, id, destination, source, incident, delivery, stored_at, body)"
                " VALUES (?,?,'default','pagerduty',?,'d',?,'{}')",
                [(n + 1, f"incident-{n:032x}", f"Q{n}", n) for n in numbers if n < waiting],
            )
            session.executemany(
                "INSERT INTO outbox (seq, destination, partition, is_next, due_at, attempts)"
                " VALUES (?,'default',?,1,?,0)",
                [
                    (number + 1, f"default/pagerduty/Q{number}", number)
                    for number in numbers
                    if number < waiting
                ],
            )
    with store.transaction(database) as session:
        session.execute(_COUNTED, (rows,))


def median_ms(database: Database, read: Callable[[Session], Any]) -> float:
    def once() -> float:
        began = time.perf_counter()
        with store.reading(database) as session:
            read(session)
        return (time.perf_counter() - began) * 1000

    return statistics.median(once() for _ in range(TIMES))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--waiting", type=int, default=0)
    parser.add_argument("--store")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        database = store.database_of(StoreSetting.parse(given.store or "sqlite:relay.db", Path(folder)))
        store.migrate(database)
        fill(database, given.rows, given.waiting)
        status = median_ms(database, lambda s: reports.status_with_size(database, ["pagerduty"], s))
        peer = median_ms(database, lambda s: s.execute(PEER).fetchall())
    sys.stdout.write(
        "| deliveries | waiting | status ms | a pass over deliveries ms | ratio |\n"
        "|---:|---:|---:|---:|---:|\n"
        f"| {given.rows:,} | {given.waiting:,} | {status:.1f} | {peer:.1f} | {status / peer:.4f} |\n"
    )


if __name__ == "__main__":
    main()
