"""The overview of two hundred repositories over a million events: how long it takes, and how large it is.

.venv/bin/python benchmarks/overview.py
.venv/bin/python benchmarks/overview.py --stores sqlite --events 100000

README.md in this folder explains the table. The exit code is 1 if a limit is missed.
"""

from __future__ import annotations

import argparse
import gzip
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import figures
import figures_store
import histories
import requests
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import now_us
from gitdailies_webhooks.accounts.first_owner import invite_owner
from gitdailies_webhooks.accounts.key_store import create_key
from gitdailies_webhooks.derived.update import packed_weeks
from gitdailies_webhooks.events import change_log
from gitdailies_webhooks.sql.database import ReadPool, existing_database, migrate

# The limits: the 95th percentile in milliseconds, and the size of a compressed page in bytes.
MOST_MS, MOST_BYTES = 300, 60_000
UNCHANGED, CHANGED, SORTED = "nothing new", "a new event before each", "another order each"


def main() -> None:
    options = _options()
    missed: list[str] = []
    for kind in options.stores:
        with tempfile.TemporaryDirectory() as folder:
            if options.store:
                missed += _measure(options.store, kind, options)
                continue
            with figures_store.made(kind, Path(folder)) as address:
                database = figures_store.at(address)
                until = datetime.now(UTC).replace(microsecond=0)
                histories.fill(database, histories.events(options.events, 200, until), until)
                missed += _measure(address, kind, options)
    if missed:
        sys.exit("\n".join(missed))


def _measure(address: str, kind: str, options: argparse.Namespace) -> list[str]:
    database = figures_store.at(address)
    existing_database(database)
    migrate(database)
    key = create_key(database, f"bench {now_us()}", ["send", "read"])[0].reveal()
    server = figures.Server(address, "--teams")
    try:
        wait(ReadPool(database))
        session = requests.Session()
        figures.sign_in(session, server.url, invite_owner(database))
        return _asked(server, session, key, kind, options.questions)
    finally:
        server.stop()


def _asked(
    server: figures.Server, session: requests.Session, key: str, kind: str, questions: int
) -> list[str]:
    page = session.get(f"{server.url}/dora", timeout=figures.SECONDS)
    size = len(gzip.compress(page.content))
    print(f"\n{kind}: {len(page.content):,} bytes, {size:,} compressed")
    print("| overview | p50 ms | p95 ms | CPU ms |\n|---|---:|---:|---:|")
    missed = [f"{kind}: expected {MOST_BYTES:,} bytes at most, got {size:,}"] if size > MOST_BYTES else []

    def send() -> None:
        body = {"kind": "deployed", "repo": "larkspur/service-007", "commitSHA": f"{now_us():040}"}
        answer = requests.post(
            f"{server.url}/webhooks", json=body, headers={"webhook-key": key}, timeout=figures.SECONDS
        )
        assert answer.status_code == 202, answer.text

    orders = ("deploys", "name", "lead", "fail", "recovery", "rework", "open")
    cases: dict[str, tuple[Callable[[], None], Callable[[int], str]]] = {
        UNCHANGED: (lambda: None, lambda _: "/dora"),
        SORTED: (lambda: None, lambda number: f"/dora?sort={orders[number % len(orders)]}"),
        CHANGED: (send, lambda _: "/dora"),
    }
    for name, (before, path) in cases.items():
        cpu, took = server.cpu_seconds, []
        for number in range(questions):
            before()
            began = time.perf_counter()
            answer = session.get(server.url + path(number), timeout=figures.SECONDS)
            took.append((time.perf_counter() - began) * 1000)
            assert answer.status_code == 200, answer.text
            assert "Repositories by team (200)" in answer.text
        cuts = statistics.quantiles(took, n=20, method="inclusive")
        used = (server.cpu_seconds - cpu) / questions * 1000
        print(f"| {name} | {cuts[9]:.1f} | {cuts[18]:.1f} | {used:.1f} |", flush=True)
        if cuts[18] > MOST_MS:
            missed.append(f"{kind}, {name}: expected a p95 of {MOST_MS} ms at most, got {cuts[18]:.0f}")
    return missed


def wait(reader: ReadPool) -> None:
    """Wait until every event is in the derived rows, and every week that is over is packed."""
    ends = time.perf_counter() + 10 * figures.SECONDS
    while reader.read(_is_behind):
        if time.perf_counter() > ends:
            sys.exit("derived: expected all of it in time")
        time.sleep(0.2)
    reader.close()


def _is_behind(session: Session) -> bool:
    now = now_us()
    if change_log.count_pending(session, now, 1):
        return True
    return packed_weeks.next_week(session, UTC, now) is not None


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the overview.")
    parser.add_argument("--stores", nargs="+", default=["sqlite", "postgresql"])
    parser.add_argument("--store", help="the address of an existing store; --stores names its kind")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--questions", type=int, default=40, help="how often each query is sent")
    return parser.parse_args()


if __name__ == "__main__":
    main()
