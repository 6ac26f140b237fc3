"""Relay intake: accepted and durable deliveries a second, and CPU time each, on one core.

.venv/bin/python benchmarks/intake.py
.venv/bin/python benchmarks/intake.py --rounds 1 --seconds 10 --connections 128

README.md beside this file says how to read the table.
"""

from __future__ import annotations

import argparse
import os
import platform
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

import deliveries
import load
from intake_server import BARE, DURABLE, IMMEDIATE, SINGLE

CASES = (
    (DURABLE, "a", "as it is: SQLite, synced before the answer"),
    (IMMEDIATE, "b", "store replaced by an immediate callback"),
    (SINGLE, "c", "one commit an event"),
    (BARE, "d", "the HTTP server alone: a body is read, 202 answered"),
)
_VERSIONS = ("uvicorn", "uvloop", "httptools", "orjson", "structlog")
_TICKS = os.sysconf("SC_CLK_TCK")
_CONFIGURATION = """\
gitdailies: {url: "http://127.0.0.1:9/webhooks", key: {env: GITDAILIES_WEBHOOK_KEY}}
relay: {listen: "127.0.0.1:0", status: "127.0.0.1:0", store: "sqlite:relay.db"}
services:
  %s: {repo: larkspur/checkout-api, environment: production}
sources:
  pagerduty: {adapter: pagerduty, secrets: [{env: PAGERDUTY_SECRET}]}
"""


@dataclass(frozen=True)
class Run:
    """One case, measured once."""

    a_second: float
    cpu_us: float
    p50_ms: float
    p99_ms: float
    foreign_percent: float


@dataclass(frozen=True)
class Options:
    rounds: int
    seconds: float
    warm_up_seconds: float
    connections: int
    server_core: int
    load_core: int


def main() -> None:
    options, count, scattered = _options()
    os.sched_setaffinity(0, {options.load_core})
    _print_machine(options)
    requests = deliveries.build(count, scattered=scattered)
    size = len(requests[0].data.partition(b"\r\n\r\n")[2])
    print(f"{count} deliveries of {size} bytes, {options.connections} connections, ", end="")
    print(
        f"{options.rounds} rounds of {options.seconds:g} s after {options.warm_up_seconds:g} s\n", flush=True
    )
    runs: dict[str, list[Run]] = {case: [] for case, _, _ in CASES}
    for _ in range(options.rounds):
        for case, _, _ in CASES:
            runs[case].append(_measure(case, requests, options))
    _print_table(runs)


def _measure(case: str, requests: Sequence[deliveries.Request], options: Options) -> Run:
    with tempfile.TemporaryDirectory(prefix="gitdailies-intake-") as name:
        folder = Path(name)
        (folder / "gitdailies.yml").write_text(_CONFIGURATION % deliveries.SERVICE)
        with (folder / "relay.log").open("w") as log:
            server = _start(case, folder, options, log.fileno())
            meter = _Meter(server.pid, options.server_core)
            try:
                assert server.stdout is not None
                address = urlsplit(server.stdout.readline().strip())
                if not address.hostname or not address.port:
                    raise SystemExit((folder / "relay.log").read_text())

                def end() -> None:
                    meter.stop()
                    server.send_signal(signal.SIGKILL)

                load_ = load.run(
                    (address.hostname, address.port),
                    requests,
                    connections=options.connections,
                    warm_up_seconds=options.warm_up_seconds,
                    seconds=options.seconds,
                    at_start=meter.start,
                    at_end=end,
                )
            finally:
                server.kill()
                server.wait()
        if load_.refused:
            raise SystemExit(f"{case}: expected 202, got {load_.refused[0]!r}")
        if case in (DURABLE, SINGLE):
            _check(case, folder / "relay.db", load_.answered)
    return _run(load_, meter)


def _start(case: str, folder: Path, options: Options, log: int) -> subprocess.Popen[str]:
    secrets = {"PAGERDUTY_SECRET": deliveries.SECRET, "GITDAILIES_WEBHOOK_KEY": "benchmark"}
    script = Path(__file__).with_name("intake_server.py")
    return subprocess.Popen(
        [
            *(sys.executable, str(script), str(folder / "gitdailies.yml")),
            *("--case", case, "--core", str(options.server_core)),
        ],
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        env={**os.environ, **secrets},
    )


def _run(load_: load.Load, meter: _Meter) -> Run:
    count = len(load_.milliseconds)
    if count < 2:
        raise SystemExit("--events: expected some to be left after the warm-up, got none; give more")
    cuts = statistics.quantiles(load_.milliseconds, n=100)
    return Run(
        count / load_.seconds, meter.cpu_seconds / count * 1e6, cuts[49], cuts[98], meter.foreign_percent
    )


def _check(case: str, path: Path, answered: Sequence[str]) -> None:
    """Hold the promise to what was just measured: after SIGKILL, whatever got 202 is stored."""
    connection = sqlite3.connect(path)
    stored = {incident for (incident,) in connection.execute("SELECT incident FROM events")}
    sound = connection.execute("PRAGMA integrity_check").fetchone()[0]
    connection.close()
    missing = len(set(answered) - stored)
    print(
        f"{case:9}  killed with requests in flight: {len(answered)} answers 202, "
        f"{len(stored)} events stored, {missing} missing, integrity {sound}",
        flush=True,
    )
    if missing or sound != "ok":
        raise SystemExit("an accepted event was lost")


class _Meter:
    """CPU time of the server, and of everything else that ran on its core meanwhile."""

    def __init__(self, process: int, core: int) -> None:
        self._process = process
        self._core = core
        self.cpu_seconds = 0.0
        self.foreign_percent = 0.0

    def start(self) -> None:
        self._began_at, self._cpu, self._busy = time.perf_counter(), self._of_process(), self._of_core()

    def stop(self) -> None:
        seconds = time.perf_counter() - self._began_at
        self.cpu_seconds = self._of_process() - self._cpu
        busy = self._of_core() - self._busy
        self.foreign_percent = max(0.0, busy - self.cpu_seconds) / seconds * 100

    def _of_process(self) -> float:
        # proc_pid_stat(5): fields 14 and 15, counted from behind the command in parentheses.
        fields = Path(f"/proc/{self._process}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def _of_core(self) -> float:
        # proc_stat(5): user nice system idle iowait irq softirq steal.
        for line in Path("/proc/stat").read_text().splitlines():
            name, *times = line.split()
            if name == f"cpu{self._core}":
                user, nice, system, _, _, irq, softirq, steal = map(int, times[:8])
                return (user + nice + system + irq + softirq + steal) / _TICKS
        return 0.0


def _print_table(runs: dict[str, list[Run]]) -> None:
    print(
        "\n|   | relay intake | accepted/s | CPU µs each | least to most | p50 ms | p99 ms | CPU of others |"
    )
    print("|---|---|---:|---:|---:|---:|---:|---:|")
    for case, letter, about in CASES:
        of = runs[case]
        rate, cpu, p50, p99, foreign = (
            statistics.median(getattr(run, name) for run in of)
            for name in ("a_second", "cpu_us", "p50_ms", "p99_ms", "foreign_percent")
        )
        costs = [run.cpu_us for run in of]
        spread = f"{min(costs):.0f} to {max(costs):.0f}"
        print(
            f"| {letter} | {about} | {rate:,.0f} | {cpu:.0f} | {spread} | {p50:.2f} | {p99:.1f} "
            f"| {foreign:.0f} % |"
        )
    for other, letter, _ in CASES[1:]:
        pairs = list(zip(runs[DURABLE], runs[other], strict=True))
        rates = [mine.a_second / theirs.a_second for mine, theirs in pairs]
        costs = [mine.cpu_us / theirs.cpu_us for mine, theirs in pairs]
        print(
            f"\na/{letter}: {_spread(rates)} of the deliveries a second, {_spread(costs)} of the CPU time",
            end="",
        )
    print()


def _spread(ratios: Sequence[float]) -> str:
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def _print_machine(options: Options) -> None:
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    versions = ", ".join(f"{name} {version(name)}" for name in _VERSIONS)
    print(f"{model}, {os.cpu_count()} cores, {platform.platform()}")
    print(f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {versions}")
    print(f"server on core {options.server_core}, load on core {options.load_core}; ", end="")
    print(f"load of the machine before: {os.getloadavg()[0]:.1f}")


def _options() -> tuple[Options, int, bool]:
    parser = argparse.ArgumentParser(description="Measure the intake of the relay on one core.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0, help="measured, of each case in each round")
    parser.add_argument("--warm-up-seconds", type=float, default=1.0)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--events", type=int, default=80_000, help="a case ends early when they are used up")
    parser.add_argument("--scattered", action="store_true", help="incident ids in no order")
    given = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    options = Options(
        rounds=given.rounds,
        seconds=given.seconds,
        warm_up_seconds=given.warm_up_seconds,
        connections=given.connections,
        server_core=cores[0],
        load_core=cores[-1],
    )
    return options, given.events, given.scattered


if __name__ == "__main__":
    main()
