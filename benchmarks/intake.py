"""Relay intake: accepted and durable deliveries a second, and CPU time each, on one core.

.venv/bin/python benchmarks/intake.py
.venv/bin/python benchmarks/intake.py --cases af --rounds 1 --seconds 10 --connections 128

README.md in this folder explains the table.
"""

from __future__ import annotations

import argparse
import os
import platform
import signal
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import deliveries
import intake_cases
import load
import usage
from intake_cases import CASES, Case, Started

_VERSIONS = ("uvicorn", "uvloop", "httptools", "orjson", "structlog", "psycopg")
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Run:
    """One case, measured once."""

    a_second: float
    cpu_us: float
    p50_ms: float
    p99_ms: float
    memory_mib: float
    foreign_percent: float


@dataclass(frozen=True)
class Options:
    cases: Sequence[Case]
    rounds: int
    seconds: float
    warm_up_seconds: float
    connections: int
    cores: Sequence[int]


def main() -> None:
    options, count, scattered = _options()
    os.sched_setaffinity(0, {options.cores[-1]})
    _print_machine(options)
    requests = deliveries.build(count, scattered=scattered)
    ends = deliveries.build_ends(count) if any(case.ends for case in options.cases) else []
    size = len(requests[0].data.partition(b"\r\n\r\n")[2])
    print(f"{count} deliveries of {size} bytes, {options.connections} connections, ", end="")
    print(
        f"{options.rounds} rounds of {options.seconds:g} s after {options.warm_up_seconds:g} s\n", flush=True
    )
    runs: dict[str, list[Run]] = {case.letter: [] for case in options.cases}
    for _ in range(options.rounds):
        for case in options.cases:
            runs[case.letter].append(_measure(case, ends if case.ends else requests, options))
    _print_table(options.cases, runs)


def _measure(case: Case, requests: Sequence[deliveries.Request], options: Options) -> Run:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gitdailies-intake-")))
        address = stack.enter_context(intake_cases.store(case))
        log = stack.enter_context((folder / "relay.log").open("w"))
        servers: list[Started] = []
        try:
            for number in range(case.servers):
                core = options.cores[number % len(options.cores)]
                servers.append(intake_cases.start(case, folder, address, core, log))
            meter = _Meter([server.process.pid for server in servers], options.cores[: case.servers])

            def end() -> None:
                meter.stop()
                for server in servers:
                    for process in usage.family(server.process.pid):
                        os.kill(process, signal.SIGKILL)

            load_ = load.run(
                [server.address for server in servers],
                requests,
                connections=options.connections,
                warm_up_seconds=options.warm_up_seconds,
                seconds=options.seconds,
                at_start=meter.start,
                at_end=end,
            )
        finally:
            for server in servers:
                for process in usage.family(server.process.pid):
                    os.kill(process, signal.SIGKILL)
                server.process.wait()
                if server.process.stdout is not None:
                    server.process.stdout.close()
        if load_.refused:
            raise SystemExit(f"{case.about}: expected 202, got {load_.refused[0]!r}")
        if case.keeps:
            _check(case.letter, load_.answered, intake_cases.found(case, folder, address))
    return _run(load_, meter)


def _run(load_: load.Load, meter: _Meter) -> Run:
    count = len(load_.milliseconds)
    if count < 2:
        raise SystemExit("--events: the warm-up used all of them; give more")
    cuts = statistics.quantiles(load_.milliseconds, n=100)
    return Run(
        count / load_.seconds,
        meter.cpu_seconds / count * 1e6,
        cuts[49],
        cuts[98],
        meter.memory_mib,
        meter.foreign_percent,
    )


def _check(letter: str, answered: Sequence[str], stored: set[str]) -> None:
    """Check that every delivery answered with 202 is stored after SIGKILL."""
    missing = len(set(answered) - stored)
    print(f"{letter}: killed amid requests: {len(answered)} answers 202, {missing} missing", flush=True)
    if missing:
        raise SystemExit("an accepted event was lost")


class _Meter:
    """CPU time and memory of servers, and the share of other processes on their cores."""

    def __init__(self, processes: Sequence[int], cores: Sequence[int]) -> None:
        self._processes = processes
        self._cores = cores
        self.cpu_seconds = 0.0
        self.memory_mib = 0.0
        self.foreign_percent = 0.0

    def start(self) -> None:
        self._began_at, self._cpu, self._busy = time.perf_counter(), self._of_processes(), self._of_cores()

    def stop(self) -> None:
        seconds = time.perf_counter() - self._began_at
        self.cpu_seconds = self._of_processes() - self._cpu
        busy = self._of_cores() - self._busy
        self.foreign_percent = max(0.0, busy - self.cpu_seconds) / seconds * 100
        self.memory_mib = max(
            usage.memory_mib([one], "VmRSS") for process in self._processes for one in usage.family(process)
        )

    def _of_processes(self) -> float:
        return usage.cpu_seconds(one for process in self._processes for one in usage.family(process))

    def _of_cores(self) -> float:
        # proc_stat(5): user nice system idle iowait irq softirq steal.
        total = 0.0
        for line in Path("/proc/stat").read_text().splitlines():
            name, *times = line.split()
            if name in {f"cpu{core}" for core in self._cores}:
                user, nice, system, _, _, irq, softirq, steal = map(int, times[:8])
                total += (user + nice + system + irq + softirq + steal) / _TICKS
        return total


def _print_table(cases: Sequence[Case], runs: dict[str, list[Run]]) -> None:
    print(
        "\n|   | relay intake | accepted/s | CPU µs each | least to most | p50 ms | p99 ms | MiB"
        " | CPU of others |"
    )
    print("|---|---|---:|---:|---:|---:|---:|---:|---:|")
    for case in cases:
        of = runs[case.letter]
        rate, cpu, p50, p99, memory, foreign = (
            statistics.median(getattr(run, name) for run in of)
            for name in ("a_second", "cpu_us", "p50_ms", "p99_ms", "memory_mib", "foreign_percent")
        )
        costs = [run.cpu_us for run in of]
        spread = f"{min(costs):.0f} to {max(costs):.0f}"
        print(
            f"| {case.letter} | {case.about} | {rate:,.0f} | {cpu:.0f} | {spread} | {p50:.2f} | {p99:.1f} "
            f"| {memory:.0f} | {foreign:.0f} % |"
        )
    first, *others = cases
    for case in others:
        pairs = list(zip(runs[first.letter], runs[case.letter], strict=True))
        rates = [mine.a_second / theirs.a_second for mine, theirs in pairs]
        costs = [mine.cpu_us / theirs.cpu_us for mine, theirs in pairs]
        print(
            f"\n{first.letter}/{case.letter}: {_spread(rates)} of the deliveries a second,"
            f" {_spread(costs)} of the CPU time",
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
    print(f"servers on cores {options.cores[0]} and on, load on core {options.cores[-1]}; ", end="")
    print(f"load of the machine before: {os.getloadavg()[0]:.1f}")


def _options() -> tuple[Options, int, bool]:
    letters = "".join(case.letter for case in CASES)
    parser = argparse.ArgumentParser(description="Measure the intake of the relay on one core.")
    parser.add_argument("--cases", default="abcdef", help=f"letters of {letters}; default: %(default)s")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--seconds", type=float, default=5.0, help="measured seconds for each case in each round"
    )
    parser.add_argument("--warm-up-seconds", type=float, default=1.0)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument(
        "--events", type=int, default=80_000, help="a case ends early when no events are left"
    )
    parser.add_argument("--scattered", action="store_true", help="send incident ids in random order")
    given = parser.parse_args()
    if not given.cases or not set(given.cases) <= set(letters):
        parser.error(f"--cases: expected letters of {letters}, got {given.cases!r}")
    options = Options(
        cases=[case for case in CASES if case.letter in given.cases],
        rounds=given.rounds,
        seconds=given.seconds,
        warm_up_seconds=given.warm_up_seconds,
        connections=given.connections,
        cores=sorted(os.sched_getaffinity(0)),
    )
    return options, given.events, given.scattered


if __name__ == "__main__":
    main()
