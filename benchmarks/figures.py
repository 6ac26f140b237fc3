"""Figures of a million events: answers, pages, and intake beside them, on either database.

.venv/bin/python -m benchmarks.figures
.venv/bin/python -m benchmarks.figures --stores sqlite --events 100000

Each question is also asked of ten thousand events in the same run. The exit code is 1 if a limit is missed.
"""

import argparse
import json
import random
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from pathlib import Path

import requests
from gitdailies_connection.config.sections.settings import StoreSetting
from gitdailies_dora.derived.update import packed_weeks
from gitdailies_dora.events.records import change_log
from gitdailies_dora.sql.database import ReadPool, database_of
from gitdailies_server.storage.timestamps import now_us

from benchmarks import harness, histories

REPOSITORIES, TEAMS, DAYS = 200, 20, 365 * histories.YEARS
SECONDS = 600
# The limits of a million events: the 95th percentile in milliseconds of any answer, and of 90 days of one
# repository. Beside readers, how many times as long as at rest the median of posts may be, and how many
# milliseconds longer the 99th percentile.
MOST_MS, MOST_ONE_MS = 300, 30
MOST_TIMES, MOST_ABOVE_MS = 3, 100

METRICS, SERIES, PAGE = "/api/metrics", "/api/metrics/series", "/dora"
ONE = "90 days of one repository"
# The name of each question, its address, its parameters, and its days.
QUESTIONS: Mapping[str, tuple[str, Mapping[str, str], int]] = {
    "figures of everything": (METRICS, {}, DAYS),
    "figures of a team": (METRICS, {"team": "team-3"}, DAYS),
    "figures of a service": (METRICS, {"service": "api"}, DAYS),
    "one series by week": (SERIES, {"interval": "week", "rolling": "4w"}, DAYS),
    "one series by day": (SERIES, {"interval": "day"}, DAYS),
    "compared with the years before": (SERIES, {"compare": "before"}, DAYS // 2),
    "by team and week": (SERIES, {"by": "team", "interval": "week"}, DAYS),
    "by repository, compared": (SERIES, {"by": "repo", "compare": "before"}, DAYS // 2),
    "by repository and quarter": (SERIES, {"by": "repo", "interval": "quarter"}, DAYS),
    "by service and month": (SERIES, {"by": "service", "interval": "month"}, DAYS),
    "by environment and quarter": (SERIES, {"by": "environment", "interval": "quarter"}, DAYS),
    ONE: (METRICS, {"repo": "larkspur/service-007"}, 90),
    "three years of one repository": (SERIES, {"repo": "larkspur/service-007", "interval": "month"}, DAYS),
    "page of one repository": (PAGE, {"repo": "larkspur/service-007"}, 0),
    "overview": (PAGE, {}, 0),
}


@dataclass(frozen=True)
class Answered:
    """How long the answers to one question took, in milliseconds, and the CPU time of one."""

    p50: float
    p95: float
    cpu: float


class Asking:
    """A server with a history, a key that may send and read, and a signed-in session."""

    def __init__(self, server: harness.Server, folder: Path, address: str) -> None:
        self._server = server
        self._session = requests.Session()
        create = [sys.executable, "-m", "gitdailies_cli", "keys", "create", "bench", "--store", address]
        allowed = ("--allow", "send", "--allow", "read", "--quiet")
        self._session.headers["webhook-key"] = subprocess.check_output([*create, *allowed], text=True).strip()
        log = next(path.read_text() for path in folder.glob("*.log"))
        self._sign_in(re.search(r"first owner: open (\S+)", log)[1])

    def _sign_in(self, link: str) -> None:
        form = re.search(r'name="form_token" value="(\w+)"', self._session.get(link, timeout=SECONDS).text)[1]
        password = "nine quiet larks at dawn"
        fields = {"form_token": form, "name": "Kim", "password": password, "again": password}
        answer = self._session.post(link, data=fields, timeout=SECONDS, allow_redirects=False)
        assert answer.status_code == 303, answer.text

    def send(self, body: object) -> float:
        """Send an event or a list of them. Return the milliseconds that it took."""
        began = time.perf_counter()
        answer = self._session.post(f"{self._server.url}/webhooks", data=json.dumps(body), timeout=SECONDS)
        assert answer.status_code == 202, answer.text
        return (time.perf_counter() - began) * 1000

    def ask(self, name: str, number: int) -> float:
        """Ask one question. Return the milliseconds that it took."""
        path, parameters, days = QUESTIONS[name]
        began_at = datetime.now(UTC).replace(microsecond=0) - timedelta(days=days, seconds=-number)
        given = {**parameters, "from": histories.text(began_at)} if days else parameters
        began = time.perf_counter()
        answer = self._session.get(self._server.url + path, params=given, timeout=SECONDS)
        took = (time.perf_counter() - began) * 1000
        assert answer.status_code == 200, answer.text
        return took

    def measured(self, name: str, times: int) -> Answered:
        """Ask one question many times. A page is asked for after a new event."""
        self.ask(name, 0)
        cpu, took = self._server.cpu_us(), []
        for number in range(1, times + 1):
            if QUESTIONS[name][0] == PAGE:
                self.send(new_deploy())
            took.append(self.ask(name, number))
        cuts = statistics.quantiles(took, n=20, method="inclusive")
        return Answered(cuts[9], cuts[18], (self._server.cpu_us() - cpu) / times / 1000)


def new_deploy() -> dict[str, str]:
    sha = f"{random.getrandbits(160):040x}"
    return {"kind": "deployed", "repo": "larkspur/service-007", "commitSHA": sha}


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure answers about three years.")
    parser.add_argument("--stores", nargs="+", default=harness.KINDS, choices=harness.KINDS)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--small", type=int, default=10_000, help="events of the history for comparison")
    parser.add_argument("--questions", type=int, default=20, help="how often each question is asked")
    parser.add_argument("--only", nargs="+", choices=QUESTIONS, default=list(QUESTIONS), metavar="QUESTION")
    parser.add_argument("--beside", type=float, default=20, help="seconds of posts beside readers")
    given = parser.parse_args()
    missed: list[str] = []
    for kind in given.stores:
        small, _ = _measured(kind, given.small, given, beside=False)
        large, more = _measured(kind, given.events, given, beside=given.beside > 0)
        missed += [*_table(kind, small, large), *more]
    harness.judged(missed)


def _measured(
    kind: str, count: int, given: argparse.Namespace, *, beside: bool
) -> tuple[dict[str, Answered], Sequence[str]]:
    with (
        tempfile.TemporaryDirectory(prefix="gitdailies-figures-") as name,
        harness.store(kind, Path(name)) as address,
    ):
        folder = Path(name)
        teams = {f"team-{n}": {"repos": [f"larkspur/service-{n:02}*"]} for n in range(TEAMS)}
        (folder / "gitdailies.yml").write_text(json.dumps({"teams": teams}))
        command = ("-m", "gitdailies_cli", "dora", "--store", address, "--listen", "127.0.0.1:0")
        with harness.serving(*command, "--config", "gitdailies.yml", folder=folder, core=None) as server:
            asking = Asking(server, folder, address)
            until = datetime.now(UTC).replace(microsecond=0)
            began = time.perf_counter()
            events = histories.events(count, REPOSITORIES, until)
            while part := list(islice(events, 2000)):
                asking.send(part)
            sent = time.perf_counter() - began
            _wait(address)
            current = (time.perf_counter() - began) / sent
            print(
                f"{kind}, {count:,} events: figures were current in {current:.2f} times the time of sending"
            )
            found = {question: asking.measured(question, given.questions) for question in given.only}
            print(f"the server and its readers had {server.memory_mib():.0f} MiB at most", flush=True)
            return found, _beside(kind, asking, given.beside) if beside else ()


def _wait(address: str) -> None:
    """Wait until every event is in the figures, and every week that is over is packed."""
    reader = ReadPool(database_of(StoreSetting.parse(address, Path.cwd())))
    ends = time.monotonic() + 10 * SECONDS
    while reader.read(lambda session: change_log.count_pending(session, now_us(), 1)) or (
        reader.read(lambda session: packed_weeks.next_week(session, UTC, now_us())) is not None
    ):
        if time.monotonic() > ends:
            raise SystemExit("figures: expected them to become current")
        time.sleep(0.1)
    reader.close()


def _table(kind: str, small: dict[str, Answered], large: dict[str, Answered]) -> list[str]:
    print(f"| {kind} | p50 ms | p95 ms | CPU ms | CPU ÷ the small history's |\n|---|---:|---:|---:|---:|")
    missed = []
    for name, one in large.items():
        times = one.cpu / (small[name].cpu or 1)
        print(f"| {name} | {one.p50:.0f} | {one.p95:.0f} | {one.cpu:.0f} | {times:.1f} |", flush=True)
        most = MOST_ONE_MS if name == ONE else MOST_MS
        if one.p95 > most:
            missed.append(f"{kind}, {name}: expected a p95 of {most} ms at most, got {one.p95:.0f}")
    return missed


def _beside(kind: str, asking: Asking, seconds: float, readers: int = 8, rate: int = 20) -> list[str]:
    """Post at a fixed rate, at rest and beside readers that ask one question after another."""

    def post() -> Sequence[float]:
        began, took = time.perf_counter(), []
        for number in range(int(seconds * rate)):
            time.sleep(max(0.0, began + number / rate - time.perf_counter()))
            took.append(asking.send(new_deploy()))
        return statistics.quantiles(took, n=100, method="inclusive")

    ended = threading.Event()

    def read(first: int) -> None:
        names = cycle([*list(QUESTIONS)[first:], *list(QUESTIONS)[:first]])
        while not ended.is_set():
            asking.ask(next(names), random.randrange(100_000))

    at_rest = post()
    reading = [threading.Thread(target=read, args=(number,)) for number in range(readers)]
    for thread in reading:
        thread.start()
    beside = post()
    ended.set()
    for thread in reading:
        thread.join()
    times, above = beside[49] / at_rest[49], beside[98] - at_rest[98]
    found = f"{kind}, posts beside readers: median {times:.1f} times that at rest, p99 {above:.0f} ms above"
    print(found, flush=True)
    limits = f"expected {MOST_TIMES} times and {MOST_ABOVE_MS} ms at most"
    return [f"{found}; {limits}"] if times > MOST_TIMES or above > MOST_ABOVE_MS else []


if __name__ == "__main__":
    main()
