"""What one machine carries from end to end: see README.md in this folder.

.venv/bin/python -m benchmarks.ceiling
.venv/bin/python -m benchmarks.ceiling --deliveries 2000 --relays 1

One load goes to one, two or four relays, which send what they take to one DORA server. All of them, the
database and the load share the cores of this machine. So look at what a delivery costs each of them, and at
how much of the machine was used. The exit code is 1 if an event did not arrive.
"""

import argparse
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import psycopg

from benchmarks import deliveries, harness

_PATIENCE_SECONDS = 300


COLUMNS = (
    "accepted/s",
    "counted/s",
    "relays µs",
    "DORA server µs",
    "PostgreSQL µs",
    "cores used",
    "bytes kept",
)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure relays, a DORA server and a database together.")
    parser.add_argument("--deliveries", type=int, default=20_000)
    parser.add_argument("--relays", type=int, nargs="+", default=[1, 2, 4], help="that share a PostgreSQL")
    given = parser.parse_args()
    print(f"| | {' | '.join(COLUMNS)} |\n|---|{'---:|' * len(COLUMNS)}")
    for kind, count in (("sqlite", 1), *(("postgresql", number) for number in given.relays)):
        cells = " | ".join(
            f"{value:,.0f}" if value > 9 else f"{value:.2f}"
            for value in _carried(kind, count, given.deliveries)
        )
        print(f"| {kind}, {count} relay{'s' * (count > 1)} | {cells} |", flush=True)


def _carried(kind: str, count: int, number: int) -> list[float]:
    """Return what one set-up carried, in the order of the columns, with costs of one delivery."""
    requests = deliveries.build("pagerduty", number)
    with _running(kind, count) as (relays, dora, stores):

        def cpu_us() -> list[float]:
            return [sum(one.cpu_us() for one in relays), dora.cpu_us(), _postgresql_us()]

        before, worked, began = cpu_us(), _machine_seconds(), time.perf_counter()
        harness.Lane(relays[0], requests, others=relays[1:], idle_seconds=0.01).finish()
        accepted = time.perf_counter() - began
        while (counted := _counted(stores[1])) < number:
            if time.perf_counter() - began > _PATIENCE_SECONDS:
                raise SystemExit(f"{kind}, {count} relays: expected {number} events, got {counted}")
            time.sleep(0.02)
        took = time.perf_counter() - began
        each = [(now - then) / number for now, then in zip(cpu_us(), before, strict=True)]
        cores = (_machine_seconds() - worked) / took
        kept = sum(map(_size, set(stores))) / number
        return [number / accepted, number / took, *each, cores, kept]


@contextmanager
def _running(kind: str, count: int) -> Iterator[tuple[list[harness.Server], harness.Server, Sequence[str]]]:
    """Run relays and a DORA server, and yield them with the stores of relay and DORA server."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gitdailies-ceiling-")))
        stores = [stack.enter_context(harness.store(kind, folder)) for _ in range(2)]
        if kind == "postgresql":
            stores[1] = stores[0]
        command = ("-m", "gitdailies_cli", "dora", "--store", stores[1], "--listen", "127.0.0.1:0")
        dora = stack.enter_context(harness.serving(*command, folder=folder, core=None))
        create = [sys.executable, "-m", "gitdailies_cli", "keys", "create", "relay", "--store", stores[1]]
        key = subprocess.check_output(
            [*create, "--quiet"], text=True, env=harness.environ_of(harness.CHECKOUT)
        )
        configuration = folder / "gitdailies.yml"
        configuration.write_text(deliveries.CONFIGURATION.format(url=f"{dora.url}/webhooks", store=stores[0]))
        environ = {**deliveries.ENVIRON, "GITDAILIES_WEBHOOK_KEY": key.strip()}
        relay = ("-m", "gitdailies_cli", "relay", "--config", str(configuration))
        relays = [
            stack.enter_context(harness.serving(*relay, folder=folder, core=None, environ=environ))
            for _ in range(count)
        ]
        yield relays, dora, stores


def _counted(store: str) -> int:
    if store.startswith("sqlite:"):
        with closing(sqlite3.connect(store.removeprefix("sqlite:"))) as connection:
            return int(connection.execute("SELECT count(*) FROM events").fetchone()[0])
    with psycopg.connect(store) as session:
        row = session.execute("SELECT count(*) FROM gitdailies_webhooks.events").fetchone()
        return int(row[0]) if row else 0


def _size(store: str) -> int:
    if store.startswith("sqlite:"):
        path = Path(store.removeprefix("sqlite:"))
        return sum(one.stat().st_size for one in path.parent.glob(f"{path.name}*"))
    with psycopg.connect(store) as session:
        row = session.execute("SELECT pg_database_size(current_database())").fetchone()
        return int(row[0]) if row else 0


def _postgresql_us() -> float:
    """Return the CPU time of every PostgreSQL process of this machine; of those that ended it is lost."""
    used = 0.0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:
            continue  # it has just ended
        if "(postgres)" in text:
            fields = text.rpartition(")")[2].split()
            used += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") * 1e6
    return used


def _machine_seconds() -> float:
    """Return for how many seconds cores of this machine have worked, by proc(5)."""
    user, nice, system, _, _, irq, softirq = map(int, Path("/proc/stat").read_text().split()[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
