"""Eight heavy readers beside intake: how long POST /webhooks takes with them, and without.

.venv/bin/python benchmarks/readers_beside_intake.py
.venv/bin/python benchmarks/readers_beside_intake.py --stores sqlite --events 20000 --seconds 5

README.md in this folder explains the table. The exit code is 1 if a limit is missed.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import re
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import cycle
from multiprocessing.synchronize import Event as Flag
from pathlib import Path
from typing import Any

import figures_store
import histories
import requests
from figures import Server, sign_in
from gitdailies_server.storage.timestamps import now_us
from gitdailies_webhooks.accounts.first_owner import invite_owner
from gitdailies_webhooks.events import change_log
from gitdailies_webhooks.sql.database import ReadPool

SECONDS = 900
BUSY_REPO = "acme/mono"

# The limits: the median as a multiple of that at rest, and the 99th percentile in milliseconds above it.
MOST_TIMES, MOST_ABOVE_MS = 3, 100


@dataclass(frozen=True)
class Posts:
    """How long posts took, in milliseconds."""

    p50: float
    p99: float
    longest: float


def events(count: int, until: datetime) -> Iterator[dict[str, Any]]:
    """Yield *count* events since 2024, half of them in one repository, nine of ten of them deploys."""
    chance = random.Random(1)
    began = datetime(2024, 1, 1, tzinfo=UTC)
    for number in range(count):
        at = began + (until - began) / count * number
        repo = BUSY_REPO if number % 2 else f"acme/service-{chance.randrange(60):02}"
        where = {"repo": repo, "service": f"s{chance.randrange(20)}", "time": histories.text(at)}
        if number % 20 < 18:
            sha, commit = f"{chance.getrandbits(160):040x}", histories.text(at - timedelta(hours=3))
            yield {"kind": "deployed", "id": f"d{number}", **where, "commitSHA": sha, "commitTime": commit}
        else:
            kind = ("incidentStarted", "incidentResolved")[number % 2]
            yield {"kind": kind, "id": f"i{number}", **where, "incidentId": f"INC-{number // 40}"}


def main() -> None:
    options = _options()
    missed = []
    for kind in options.stores:
        with tempfile.TemporaryDirectory() as folder, figures_store.made(kind, Path(folder)) as address:
            missed += _measure(address, kind, options)
    if missed and not options.patient:
        raise SystemExit("\n".join(missed))


def _measure(address: str, kind: str, options: argparse.Namespace) -> list[str]:
    database = figures_store.at(address)
    until = datetime.now(UTC).replace(microsecond=0)
    key = histories.fill(database, events(options.events, until), until)
    server = Server(address)
    try:
        _wait_until_derived(database)
        cookies = _cookies(server, database)
        at_rest = _post(server.url, key, options, "rest")
        print(f"\n{kind}, {options.events:,} events, {options.readers} readers", flush=True)
        print("| POST /webhooks | p50 ms | p99 ms | longest ms |\n|---|---:|---:|---:|")
        _row("at rest", at_rest)
        with _reading(server.url, key, cookies, options) as answers:
            time.sleep(min(5, options.seconds))
            first = _memory_mib(server)
            beside = _post(server.url, key, options, "beside")
            last = _memory_mib(server)
        _row("beside readers", beside)
        statuses = sorted({status for status, _ in answers})
        took = sorted(seconds for status, seconds in answers if status == 200)
        print(
            f"readers: {len(answers)} answers, statuses {statuses}, median {statistics.median(took):.2f} s,"
            f" longest {took[-1]:.2f} s; memory {first:.0f} MiB at first, {last:.0f} MiB at last",
            flush=True,
        )
    finally:
        server.stop()
    return _judged(kind, at_rest, beside)


def _judged(kind: str, at_rest: Posts, beside: Posts) -> list[str]:
    times, above = beside.p50 / at_rest.p50, beside.p99 - at_rest.p99
    print(f"{kind}: median {times:.1f} times that at rest, p99 {above:.0f} ms above it", flush=True)
    missed = []
    if times > MOST_TIMES:
        missed.append(f"{kind}: expected a median of {MOST_TIMES} times that at rest, got {times:.1f}")
    if above > MOST_ABOVE_MS:
        missed.append(f"{kind}: expected a p99 of {MOST_ABOVE_MS} ms above that at rest, got {above:.0f}")
    return missed


def _wait_until_derived(database: figures_store.Database) -> None:
    reader = ReadPool(database)
    ends = time.monotonic() + SECONDS
    while reader.read(lambda session: change_log.count_pending(session, now_us(), 1)):
        time.sleep(0.2)
        if time.monotonic() > ends:
            raise SystemExit(f"derived: expected all of it within {SECONDS} s")
    reader.close()


def _cookies(server: Server, database: figures_store.Database) -> dict[str, str]:
    session = requests.Session()
    sign_in(session, server.url, invite_owner(database))
    return dict(session.cookies)


def _post(url: str, key: str, options: argparse.Namespace, name: str) -> Posts:
    took = []
    with requests.Session() as session:
        session.headers["webhook-key"] = key
        began = time.perf_counter()
        for number in range(int(options.seconds * options.rate)):
            with suppress(ValueError):
                time.sleep(began + number / options.rate - time.perf_counter())
            body = {
                "kind": "deployed",
                "id": f"{name}-{number}",
                "repo": BUSY_REPO,
                "commitSHA": f"{random.getrandbits(160):040x}",
                "time": histories.text(datetime.now(UTC)),
            }
            sent = time.perf_counter()
            answer = session.post(f"{url}/webhooks", json=body, timeout=SECONDS)
            took.append((time.perf_counter() - sent) * 1000)
            assert answer.status_code == 202, answer.text
    cuts = statistics.quantiles(took, n=100, method="inclusive")
    return Posts(cuts[49], cuts[98], max(took))


@contextmanager
def _reading(
    url: str, key: str, cookies: dict[str, str], options: argparse.Namespace
) -> Iterator[list[tuple[int, float]]]:
    """Let readers ask one question after another; the list has every answer's status and seconds at last."""
    spawn = multiprocessing.get_context("spawn")
    stop, answers = spawn.Event(), spawn.Queue()
    readers = [
        spawn.Process(target=_read, args=(url, key, cookies, number, stop, answers))
        for number in range(options.readers)
    ]
    for reader in readers:
        reader.start()
    found: list[tuple[int, float]] = []
    try:
        yield found
    finally:
        stop.set()
        for _ in readers:
            found += answers.get(timeout=120)
        for reader in readers:
            reader.join()


def _read(url: str, key: str, cookies: dict[str, str], number: int, stop: Flag, answers: Any) -> None:
    past = "2025-06-01T00:00:00Z"
    mono = f"repo={BUSY_REPO}&from=2024-01-01"
    paths: tuple[str, ...] = (
        f"/api/metrics/why?limit=10&{mono}",
        f"/api/metrics?{mono}&now={past}",
        f"/api/metrics?from=2024-01-01&now={past}",
        "/api/metrics/why?id=d101",
        f"/dora?repo={BUSY_REPO}&days=365",
        f"/dora?repo={BUSY_REPO}&now={past}",
        "/events/102",
        "/api/metrics?from=2024-01-01",
    )
    found = []
    asked = cycle(paths[number % len(paths) :] + paths[: number % len(paths)])
    while not stop.is_set():
        began = time.perf_counter()
        path = next(asked)
        headers = {"webhook-key": key} if path.startswith("/api/") else {"accept": "text/html"}
        answer = requests.get(url + path, headers=headers, cookies=cookies, timeout=SECONDS)
        found.append((answer.status_code, time.perf_counter() - began))
    answers.put(found)


def _memory_mib(server: Server) -> float:
    """Return the resident memory of the server and its processes."""
    family = [server.pid]
    with suppress(OSError):
        for task in Path(f"/proc/{server.pid}/task").iterdir():
            family += map(int, (task / "children").read_text().split())
    total = 0.0
    for process in family:
        with suppress(OSError):
            found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{process}/status").read_text())
            total += int(found[1]) / 1024 if found else 0
    return total


def _row(name: str, posts: Posts) -> None:
    print(f"| {name} | {posts.p50:.1f} | {posts.p99:.1f} | {posts.longest:.1f} |", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure intake beside readers.")
    parser.add_argument("--stores", nargs="+", default=["sqlite", "postgresql"])
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--readers", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=30, help="seconds of posts, at rest and beside")
    parser.add_argument("--rate", type=int, default=20, help="posts a second")
    parser.add_argument("--patient", action="store_true", help="exit with 0 even if a limit is missed")
    return parser.parse_args()


if __name__ == "__main__":
    main()
