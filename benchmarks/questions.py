"""Questions about three years of two hundred repositories: how long they take, and how much memory.

.venv/bin/python benchmarks/questions.py
.venv/bin/python benchmarks/questions.py --stores sqlite --events 100000

README.md in this folder explains the table. The exit code is 1 if a limit is missed.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import figures
import figures_store
import histories
import overview
import requests
import usage
from gitdailies_server.storage.timestamps import now_us
from gitdailies_webhooks.accounts.key_store import create_key
from gitdailies_webhooks.sql.database import ReadPool, existing_database, migrate

REPOSITORIES = 200
YEARS = 3
# The limits: the 95th percentile in milliseconds for everything, and for 90 days of one repository; and the
# memory beyond that of an idle server, in MiB.
MOST_MS, MOST_ONE_MS, MOST_MIB = 300, 30, 100

METRICS, SERIES = "/api/metrics", "/api/metrics/series"
ONE = "90 days of one repository"
# The name of each question, its address, its parameters, and its days.
QUESTIONS: Mapping[str, tuple[str, Mapping[str, str], int]] = {
    "figures of everything": (METRICS, {}, 365 * YEARS),
    "figures of a team": (METRICS, {"team": "team-3"}, 365 * YEARS),
    "figures of a service": (METRICS, {"service": "api"}, 365 * YEARS),
    "one series by week": (SERIES, {"interval": "week", "rolling": "4w"}, 365 * YEARS),
    "one series by day": (SERIES, {"interval": "day"}, 365 * YEARS),
    "compared with the years before": (SERIES, {"compare": "before"}, 365 * YEARS // 2),
    "by team and month": (SERIES, {"by": "team", "interval": "month"}, 365 * YEARS),
    "by team and week": (SERIES, {"by": "team", "interval": "week"}, 365 * YEARS),
    "by team, compared": (SERIES, {"by": "team", "compare": "before"}, 365 * YEARS // 2),
    "by repository": (SERIES, {"by": "repo"}, 365 * YEARS),
    "by repository, compared": (SERIES, {"by": "repo", "compare": "before"}, 365 * YEARS // 2),
    "by repository and quarter": (SERIES, {"by": "repo", "interval": "quarter"}, 365 * YEARS),
    "by service and month": (SERIES, {"by": "service", "interval": "month"}, 365 * YEARS),
    "by environment and quarter": (SERIES, {"by": "environment", "interval": "quarter"}, 365 * YEARS),
    ONE: (METRICS, {"repo": "larkspur/service-007"}, 90),
    "three years of one repository": (SERIES, {"repo": "larkspur/service-007", "interval": "month"}, 1095),
}


def main() -> None:
    options = _options()
    missed: list[str] = []
    for kind in options.stores:
        with _store(kind, options) as address:
            missed += _measure(address, kind, options)
    if missed:
        sys.exit("\n".join(missed))


@contextmanager
def _store(kind: str, options: argparse.Namespace) -> Iterator[str]:
    if options.store:
        yield options.store
        return
    with tempfile.TemporaryDirectory() as folder, figures_store.made(kind, Path(folder)) as address:
        until = datetime.now(UTC).replace(microsecond=0)
        bodies = histories.events(options.events, REPOSITORIES, until)
        histories.fill(figures_store.at(address), bodies, until)
        yield address


def _measure(address: str, kind: str, options: argparse.Namespace) -> list[str]:
    database = figures_store.at(address)
    existing_database(database)
    migrate(database)
    session = requests.Session()
    session.headers["webhook-key"] = create_key(database, f"bench {now_us()}", ["send", "read"])[0].reveal()
    server = figures.Server(address, "--teams")
    try:
        overview.wait(ReadPool(database))
        for _ in range(3):  # the readers start, and no process is asked for the first time below
            _ask(server, session, *QUESTIONS[ONE], 0)
        idle = _memory(server, "VmRSS")
        print(f"\n{kind}: idle {idle:.0f} MiB")
        print("| question | p50 ms | p95 ms | CPU ms | MiB more |\n|---|---:|---:|---:|---:|", flush=True)
        missed = []
        for name in options.only or QUESTIONS:
            missed += _asked(server, session, kind, name, options.questions, idle)
        return missed
    finally:
        server.stop()


def _asked(
    server: figures.Server, session: requests.Session, kind: str, name: str, questions: int, idle: float
) -> list[str]:
    cpu = server.cpu_seconds
    took = [_ask(server, session, *QUESTIONS[name], number) for number in range(1, questions + 1)]
    cuts = statistics.quantiles(took, n=20, method="inclusive")
    used, more = (server.cpu_seconds - cpu) / questions * 1000, _memory(server, "VmHWM") - idle
    print(f"| {name} | {cuts[9]:.0f} | {cuts[18]:.0f} | {used:.0f} | {more:.0f} |", flush=True)
    most = MOST_ONE_MS if name == ONE else MOST_MS
    missed = []
    if cuts[18] > most:
        missed.append(f"{kind}, {name}: expected a p95 of {most} ms at most, got {cuts[18]:.0f}")
    if more > MOST_MIB:
        missed.append(f"{kind}, {name}: expected {MOST_MIB} MiB more at most, got {more:.0f}")
    return missed


def _ask(
    server: figures.Server,
    session: requests.Session,
    path: str,
    parameters: Mapping[str, str],
    days: int,
    number: int,
) -> float:
    """Ask one question, and return the milliseconds that it took.

    Each begins at another second, so that no kept answer serves.
    """
    began_at = datetime.now(UTC).replace(microsecond=0) - timedelta(days=days, seconds=-number)
    given = {**parameters, "from": began_at.isoformat().replace("+00:00", "Z")}
    began = time.perf_counter()
    answer = session.get(server.url + path, params=given, timeout=figures.SECONDS)
    took = (time.perf_counter() - began) * 1000
    assert answer.status_code == 200, answer.text
    return took


def _memory(server: figures.Server, field: str) -> float:
    """Return the memory of the server and of the processes that read for it, in MiB."""
    return usage.memory_mib(usage.family(server.pid), field)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure questions about three years.")
    parser.add_argument("--stores", nargs="+", default=["sqlite", "postgresql"])
    parser.add_argument("--store", help="the address of an existing store; --stores names its kind")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--questions", type=int, default=20, help="how often each question is sent")
    parser.add_argument("--only", nargs="+", choices=sorted(QUESTIONS), help="the questions to send")
    options = parser.parse_args()
    if options.questions < 2:
        parser.error(f"--questions: expected at least 2, which percentiles need, got {options.questions}")
    return options


if __name__ == "__main__":
    main()
