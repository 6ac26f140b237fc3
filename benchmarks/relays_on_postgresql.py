"""Several relays on one PostgreSQL that is some milliseconds away: how intake grows with their number.

.venv/bin/python benchmarks/relays_on_postgresql.py
.venv/bin/python benchmarks/relays_on_postgresql.py --checkout /tmp/before
.venv/bin/python benchmarks/relays_on_postgresql.py --relays 1,2 --connections 8 --milliseconds 20

README.md in this folder explains the table.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import deliveries
import intake_cases
import load
import psycopg
import usage
from intake_cases import CHECKOUT, Case

_CASE = Case("", "on PostgreSQL", postgresql=True)
_WARM_UP_SECONDS = 1.0
_TICKS = os.sysconf("SC_CLK_TCK")
_FULL = 0.9


@dataclass(frozen=True)
class Run:
    """A number of relays, measured once: `busiest` is the busy part of the busiest core."""

    a_second: float
    p50_ms: float
    cpu_us: float
    busiest: float


def main() -> None:
    given = _options()
    cores = sorted(os.sched_getaffinity(0))
    requests = deliveries.build(given.events)
    print(f"{given.milliseconds:g} ms added to each trip to PostgreSQL, {len(cores)} cores\n")
    print(
        "| connections a relay | relays | accepted/s | of one relay | p50 ms | CPU µs each | busiest core |"
    )
    print("|---:|---:|---:|---:|---:|---:|---:|")
    for connections in given.connections:
        runs: dict[int, list[Run]] = {relays: [] for relays in given.relays}
        for _ in range(given.rounds):
            for relays, of in runs.items():
                of.append(_measure(relays, connections, requests, cores, given))
        for relays, of in runs.items():
            _print_row(connections, relays, of, runs[given.relays[0]])


def _print_row(connections: int, relays: int, of: Sequence[Run], of_first: Sequence[Run]) -> None:
    rate, p50, cpu, busiest = (
        statistics.median(getattr(run, name) for run in of)
        for name in ("a_second", "p50_ms", "cpu_us", "busiest")
    )
    ratio = statistics.median(
        mine.a_second / first.a_second for mine, first in zip(of, of_first, strict=True)
    )
    full = ", full" if busiest >= _FULL else ""
    print(
        f"| {connections} | {relays} | {rate:,.0f} | {ratio:.2f} | {p50:.1f} | {cpu:.0f}"
        f" | {busiest * 100:.0f} %{full} |",
        flush=True,
    )


def _measure(
    relays: int,
    connections: int,
    requests: Sequence[deliveries.Request],
    cores: Sequence[int],
    given: argparse.Namespace,
) -> Run:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gitdailies-relays-")))
        address = stack.enter_context(intake_cases.store(_CASE))
        far = stack.enter_context(_away(address, given.milliseconds))
        log = stack.enter_context((folder / "relay.log").open("w"))
        servers = []
        for number in range(relays):
            core = cores[number % len(cores)]
            servers.append(intake_cases.start(_CASE, folder, far, core, log, given.checkout))
            stack.callback(_end, servers[-1].process)
        processes = [server.process.pid for server in servers]
        began: list[float] = []
        ended: list[float] = []
        done = load.run(
            [server.address for server in servers],
            requests,
            connections=connections * relays,
            warm_up_seconds=_WARM_UP_SECONDS,
            seconds=given.seconds,
            at_start=lambda: began.extend(_times(processes, cores)),
            at_end=lambda: ended.extend(_times(processes, cores)),
            may_sleep=True,
        )
        if done.refused:
            raise SystemExit(f"expected 202, got {done.refused[0]!r}")
        _check(address, done.answered)
    of_relays, *of_cores = (after - before for before, after in zip(began, ended, strict=True))
    count = len(done.milliseconds)
    return Run(
        count / done.seconds,
        statistics.median(done.milliseconds),
        of_relays / count * 1e6,
        max(of_cores) / done.seconds,
    )


@contextmanager
def _away(address: str, milliseconds: float) -> Iterator[str]:
    """Yield the address of the same database behind a proxy, which adds half of the time each way."""
    near = urlsplit(address)
    script = Path(__file__).with_name("delaying_proxy.py")
    command = [
        sys.executable,
        str(script),
        near.hostname or "",
        str(near.port or 5432),
        str(milliseconds / 2),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as proxy:
        assert proxy.stdout is not None
        try:
            port = int(proxy.stdout.readline())
            user, at, _ = near.netloc.rpartition("@")
            yield urlunsplit(near._replace(netloc=f"{user}{at}127.0.0.1:{port}"))
        finally:
            proxy.kill()


def _end(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _times(processes: Sequence[int], cores: Sequence[int]) -> list[float]:
    """Return the CPU seconds of all relays, and of each core."""
    busy = []
    # proc_stat(5): the busy times of a core.
    for line in Path("/proc/stat").read_text().splitlines():
        name, *times = line.split()
        if name in {f"cpu{core}" for core in cores}:
            user, nice, system, _, _, irq, softirq, steal = map(int, times[:8])
            busy.append((user + nice + system + irq + softirq + steal) / _TICKS)
    return [usage.cpu_seconds(processes), *busy]


def _check(address: str, answered: Sequence[str]) -> None:
    """Check that every delivery answered with 202 is stored, once."""
    with psycopg.connect(address) as session:
        stored = [row[0] for row in session.execute("SELECT incident FROM gitdailies_relay.events")]
    if set(answered) - set(stored) or len(stored) != len(set(stored)):
        raise SystemExit("an accepted event was lost, or was stored twice")


def _options() -> argparse.Namespace:
    def numbers(text: str) -> list[int]:
        return [int(one) for one in text.split(",")]

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--relays", type=numbers, default=[1, 2, 4], help="how many, the first is the peer")
    parser.add_argument(
        "--connections",
        type=numbers,
        default=[4, 8, 16],
        help="of each relay, with one delivery in flight each",
    )
    parser.add_argument("--milliseconds", type=float, default=5.0, help="added to each trip to the database")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--events", type=int, default=60_000)
    parser.add_argument(
        "--checkout", type=Path, default=CHECKOUT, help="another checkout, to measure its relays"
    )
    given = parser.parse_args()
    given.checkout = given.checkout.resolve()
    return given


if __name__ == "__main__":
    main()
