"""Figures over a million events, and over ten thousand in the same run: answers, derived rows, memory.

.venv/bin/python benchmarks/figures.py
.venv/bin/python benchmarks/figures.py --stores sqlite --repositories 1 --live-seconds 20

README.md in this folder explains the table. The exit code is 1 if a limit is missed.
"""

from __future__ import annotations

import argparse
import functools
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path

import figures_store
import histories
import requests
import usage
from gitdailies_server.storage.timestamps import now_us
from gitdailies_webhooks.accounts.first_owner import invite_owner
from gitdailies_webhooks.events import change_log
from gitdailies_webhooks.sql.database import ReadPool

ROOT = Path(__file__).resolve().parents[1]
SERVER = ROOT / "tests/support/webhooks/serve_store.py"
SECONDS = 600
ONE, ALL = "one repository", "all repositories"
PAGE = "page of "

# The limits: the 95th percentile in milliseconds, and its ratio to that of the small history.
MOST_ONE_MS, MOST_ALL_MS, MOST_TIMES = 150, 500, 3


@dataclass(frozen=True)
class Query:
    """One query, sent many times."""

    p50_ms: float
    p95_ms: float
    cpu_ms: float


class Server:
    """A receiver in its own process."""

    def __init__(self, address: str, *options: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(SERVER), address, *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.url = self._process.stdout.readline().strip()

    def stop(self) -> None:
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def cpu_seconds(self) -> float:
        """The CPU time of the server and of the processes that read for it."""
        return usage.cpu_seconds(usage.family(self.pid))

    @property
    def most_mib(self) -> float:
        return usage.memory_mib([self.pid], "VmHWM")


def main() -> None:
    options = _options()
    missed = []
    for kind in options.stores:
        tables = {}
        for count in (options.small, options.events):
            with tempfile.TemporaryDirectory() as folder, figures_store.made(kind, Path(folder)) as address:
                tables[count] = _measure(address, kind, count, options)
        missed += _judged(kind, tables[options.small], tables[options.events])
    if missed and not options.patient:
        raise SystemExit("\n".join(missed))


def _measure(address: str, kind: str, count: int, options: argparse.Namespace) -> dict[str, Query]:
    database = figures_store.at(address)
    until = datetime.now(UTC).replace(microsecond=0)
    began = time.perf_counter()
    key = histories.fill(database, histories.events(count, options.repositories, until), until)
    print(f"\n{kind}, {count:,} events, {options.repositories} repositories", flush=True)
    print(f"put in: {time.perf_counter() - began:.1f} s", flush=True)
    reader = ReadPool(database)
    with _served(address) as server:
        began = time.perf_counter()
        while reader.read(lambda session: change_log.count_pending(session, now_us(), 1)):
            time.sleep(0.05)
            if time.perf_counter() - began > SECONDS:
                raise SystemExit(f"derived: expected all of it within {SECONDS} s")
        seconds = time.perf_counter() - began
        print(
            f"derived: {seconds:.1f} s, {count / seconds:,.0f} events/s,"
            f" {server.cpu_seconds / count * 1e6:.0f} µs CPU each, at most {server.most_mib:.0f} MiB",
            flush=True,
        )
        table = _ask(server, key, database, options)
        print(f"server at most {server.most_mib:.0f} MiB", flush=True)
        if count == options.events and options.live_seconds:
            _live(server, key, reader, options)
    reader.close()
    if count == options.events:
        _command(address)
    return table


@contextmanager
def _served(address: str) -> Iterator[Server]:
    server = Server(address)
    try:
        yield server
    finally:
        server.stop()


def _ask(
    server: Server, key: str, database: figures_store.Database, options: argparse.Namespace
) -> dict[str, Query]:
    repos = cycle([f"larkspur/service-{n:03}" for n in range(options.repositories)])
    session = requests.Session()
    session.headers["webhook-key"] = key
    sign_in(session, server.url, invite_owner(database))

    def get(path: str, repo: str) -> Callable[[], None]:
        def ask() -> None:
            answer = session.get(server.url + path, params={"repo": repo and next(repos)}, timeout=SECONDS)
            assert answer.status_code == 200, answer.text
            if path != "/dora" and not repo:  # one repository of a small history may have none
                assert answer.json()["figures"]["deploymentFrequency"]["numerator"] > 0

        return ask

    cases = {
        ONE: get("/api/metrics", "one"),
        ALL: get("/api/metrics", ""),
        PAGE + ONE: get("/dora", "one"),
        PAGE + ALL: get("/dora", ""),
    }
    print("| 90 days of | p50 ms | p95 ms | CPU ms each |\n|---|---:|---:|---:|")
    table = {}
    for name, ask in cases.items():
        table[name] = query = _times(server, ask, options.questions)
        print(f"| {name} | {query.p50_ms:.1f} | {query.p95_ms:.1f} | {query.cpu_ms:.1f} |", flush=True)
    return table


def _times(server: Server, ask: Callable[[], None], count: int) -> Query:
    ask()
    cpu, took = server.cpu_seconds, []
    for _ in range(count):
        began = time.perf_counter()
        ask()
        took.append((time.perf_counter() - began) * 1000)
    cuts = statistics.quantiles(took, n=20, method="inclusive")
    return Query(cuts[9], cuts[18], (server.cpu_seconds - cpu) / count * 1000)


def sign_in(session: requests.Session, url: str, link: str) -> None:
    form = re.search(r'name="form_token" value="(\w+)"', session.get(url + link, timeout=SECONDS).text)[1]
    password = "nine quiet larks at dawn"
    fields = {"form_token": form, "name": f"Kim {now_us()}", "password": password, "again": password}
    answer = session.post(url + link, data=fields, timeout=SECONDS, allow_redirects=False)
    assert answer.status_code == 303, answer.text


def _live(server: Server, key: str, reader: ReadPool, options: argparse.Namespace) -> None:
    """Send events at a fixed rate, one at a time, and measure how far derived rows are behind."""
    ended = threading.Event()
    behind_seconds: list[float] = []

    def look() -> None:
        while not ended.wait(0.05):
            now = now_us()
            since = reader.read(functools.partial(change_log.behind_since, now=now))
            behind_seconds.append(0.0 if since is None else (now - since) / 1e6)

    looking = threading.Thread(target=look)
    looking.start()
    took = []
    now = datetime.now(UTC).replace(microsecond=0)
    wanted = int(options.live_seconds * options.rate)
    bodies = islice(histories.events(wanted, options.repositories, now, seed=2), wanted)
    began = time.perf_counter()
    with requests.Session() as session:
        session.headers["webhook-key"] = key
        for number, body in enumerate(bodies):
            body["id"] = f"live-{body['id']}"
            if number % 10:  # one in ten is late, by up to three years
                body["time"] = histories.text(datetime.now(UTC))
            with suppress(ValueError):
                time.sleep(began + number / options.rate - time.perf_counter())
            sent = time.perf_counter()
            answer = session.post(f"{server.url}/webhooks", json=body, timeout=SECONDS)
            took.append((time.perf_counter() - sent) * 1000)
            assert answer.status_code == 202, answer.text
    time.sleep(2)
    ended.set()
    looking.join()
    cuts = statistics.quantiles(took, n=100, method="inclusive")
    print(
        f"{options.rate} events/s sent beside: p50 {cuts[49]:.1f} ms, p99 {cuts[98]:.1f} ms,"
        f" longest {max(took):.1f} ms; rows at most {max(behind_seconds):.2f} s behind",
        flush=True,
    )


def _command(address: str) -> None:
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "gitdailies_cli", "metrics", "--store", address, "--json"],
        stdout=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - began
    print(f"gitdailies metrics: {seconds:.2f} s, at most {used.ru_maxrss / 1024:.0f} MiB", flush=True)
    assert process.returncode == 0


def _judged(kind: str, small: dict[str, Query], large: dict[str, Query]) -> Sequence[str]:
    """Print how the two histories compare; return the missed limits."""
    missed = []
    print()
    for name, query in large.items():
        times = query.p95_ms / small[name].p95_ms
        print(f"{kind}, {name}: p95 {times:.1f} times that of the small history")
        one = name.endswith(ONE)
        most = MOST_ONE_MS if one else MOST_ALL_MS
        if query.p95_ms > most:
            missed.append(f"{kind}, {name}: expected a p95 of {most} ms at most, got {query.p95_ms:.0f}")
        if one and times > MOST_TIMES:
            missed.append(
                f"{kind}, {name}: expected {MOST_TIMES} times the small one at most, got {times:.1f}"
            )
    return missed


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure answers and deriving of figures.")
    parser.add_argument("--stores", nargs="+", default=["sqlite", "postgresql"])
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--small", type=int, default=10_000)
    parser.add_argument("--repositories", type=int, default=200)
    parser.add_argument("--questions", type=int, default=40, help="how often each query is sent")
    parser.add_argument("--live-seconds", type=float, default=20)
    parser.add_argument("--rate", type=int, default=50, help="events a second that are sent at the same time")
    parser.add_argument("--patient", action="store_true", help="exit with 0 even if a limit is missed")
    return parser.parse_args()


if __name__ == "__main__":
    main()
