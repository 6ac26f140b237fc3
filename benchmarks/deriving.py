"""Derive an imported history: the CPU time of each event, while the store grows.

.venv/bin/python benchmarks/deriving.py
.venv/bin/python benchmarks/deriving.py --events 1000000 --stores sqlite

README.md in this folder explains the table. The steps are those of a server at which no event arrives. The
CPU time is that of this process, and of PostgreSQL's for its connection, which has to be on this machine.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import figures_store
import histories
import usage
from gitdailies_server.storage.database import Database, Session
from gitdailies_server.storage.timestamps import now_us
from gitdailies_webhooks.derived import rows
from gitdailies_webhooks.derived.update.advance import advance
from gitdailies_webhooks.figures.settings import FigureSettings
from gitdailies_webhooks.sql import statistics

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT))

from tests.support.history import making  # noqa: E402  the rows of the tests

SETTINGS = FigureSettings()
# The first part is this long, and each other one as long as all before it together.
FIRST = 10_000


def main() -> None:
    options = _options()
    for kind in options.stores:
        with tempfile.TemporaryDirectory() as folder, figures_store.made(kind, Path(folder)) as address:
            database = figures_store.at(address)
            histories.fill(database, _sent(options.events))
            print(f"\n{kind}, {options.events:,} events in steps of {options.step:,}")
            print("| events | CPU µs each | µs each |\n|---:|---:|---:|", flush=True)
            for events, cpu, clock in _derived(database, options.step):
                print(f"| {events:,} | {cpu * 1e6:.0f} | {clock * 1e6:.0f} |", flush=True)


def _sent(count: int) -> Iterator[dict[str, str]]:
    """Yield events in order, as an import sends them."""
    made = [{name: value for name, value in row.items() if value} for row in making.rows(count)]
    made.sort(key=lambda row: (row["kind"] != "deployed", row["time"], row["kind"] == "incidentResolved"))
    yield from made


def _derived(database: Database, step: int) -> Iterator[tuple[int, float, float]]:
    """Derive all events; yield their number so far, and CPU and clock seconds of each in the last part."""
    with closing(database.connect()) as session:
        processes = [os.getpid(), *_backend(session)]
        database.begin(session)
        assert rows.reset(session, SETTINGS, step)
        database.commit(session)
        growth, done, part, more = statistics.Growth(), 0, FIRST, True
        while more:
            before, cpu, began = done, usage.cpu_seconds(processes), time.perf_counter()
            while done < part and more:
                database.begin(session)
                found = advance(session, SETTINGS, now_us(), step).events
                database.commit(session)
                done, more = done + found, found == step
                for table in statistics.TABLES if growth.add(found) else ():
                    database.begin(session)
                    statistics.refresh(session, table)
                    database.commit(session)
            if done > before:
                events = done - before
                spent = usage.cpu_seconds(processes) - cpu
                yield done, spent / events, (time.perf_counter() - began) / events
            part *= 2


def _backend(session: Session) -> list[int]:
    connection = getattr(session, "connection", None)
    return [] if connection is None else [connection.info.backend_pid]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure deriving while the store grows.")
    parser.add_argument("--stores", nargs="+", default=["sqlite", "postgresql"])
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--step", type=int, default=2000)
    return parser.parse_args()


if __name__ == "__main__":
    main()
