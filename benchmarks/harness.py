"""What benchmarks share: servers on one core, a load without pauses, and ratios to a peer in the same run.

A machine is never twice as quick as the last time, so nothing is compared with another run. Servers that are
compared run at the same time and take turns of 0.4 s in random order, so that what disturbs the machine hits
all of them alike.
"""

import os
import random
import re
import secrets
import select
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit, urlunsplit

import psycopg

CHECKOUT = Path(__file__).resolve().parents[1]
POSTGRESQL = os.environ.get("GITDAILIES_TEST_POSTGRESQL", "postgresql://127.0.0.1:5432/test")
KINDS = ("sqlite", "postgresql")
CORES = sorted(os.sched_getaffinity(0))
_LISTENS = re.compile(r"(?:listens?|running|Listening) (?:on|at:) http://([\d.]+):(\d+)")
_SLICE_SECONDS, _WARM_UP_SECONDS = 0.4, 1.0
# The pause after a slice, until the remaining answers have arrived.
_REST_SECONDS = 0.02
_PATIENCE_SECONDS = 60


class Server:
    """A process that listens, and what it has used so far."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.pid = process.pid
        until = time.monotonic() + _PATIENCE_SECONDS
        while (found := _LISTENS.search(log.read_text("utf-8", "replace"))) is None:
            if process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"no server listens:\n{log.read_text()}")
            time.sleep(0.02)
        self.address = (found[1], int(found[2]))
        self.url = f"http://{found[1]}:{found[2]}"

    def cpu_us(self) -> float:
        """Return the CPU time of the process and its children, with that of threads that ended."""
        # clock_getcpuclockid(3) makes the number of a clock from that of a process.
        return sum(time.clock_gettime_ns(~process << 3 | 2) for process in self._family()) / 1000

    def memory_mib(self) -> float:
        """Return the most memory that the process and its children have had, each by itself."""
        texts = (Path(f"/proc/{process}/status").read_text() for process in self._family())
        return sum(int(text.partition("VmHWM:")[2].split()[0]) for text in texts) / 1024

    def _family(self) -> list[int]:
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [self.pid, *map(int, children)]


@contextmanager
def serving(
    *arguments: str,
    folder: Path,
    core: int | None = CORES[0],
    checkout: Path = CHECKOUT,
    environ: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Server]:
    """Run Python with *arguments* on one core, with the packages of *checkout*, until the block ends."""
    log = folder / f"{secrets.token_hex(4)}.log"
    pinned = [] if core is None else ["taskset", "-c", str(core)]
    with (
        log.open("wb") as written,
        subprocess.Popen(
            [*pinned, sys.executable, *arguments],
            cwd=folder,
            env=environ_of(checkout, environ),
            stdout=written,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            yield Server(process, log)
        finally:
            process.terminate()


def environ_of(checkout: Path, environ: Mapping[str, str] = MappingProxyType({})) -> dict[str, str]:
    """Return the environment in which Python finds the packages of *checkout* first."""
    packages = sorted({str(path.parent) for path in checkout.glob("*/gitdailies_*/")})
    return {**os.environ, **environ, "PYTHONPATH": os.pathsep.join(packages), "PYTHONUNBUFFERED": "1"}


@contextmanager
def store(kind: str, folder: Path) -> Iterator[str]:
    """Yield the address of an empty store of that kind."""
    if kind == "sqlite":
        yield f"sqlite:{folder / f'{secrets.token_hex(4)}.db'}"
        return
    name = f"gitdailies_{secrets.token_hex(6)}"
    with psycopg.connect(POSTGRESQL, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield urlunsplit(urlsplit(POSTGRESQL)._replace(path=f"/{name}"))
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


class Lane:
    """A server with a load of its own: connections with one request in flight each, and slices of time.

    Where servers share the load, *others* get their part of the connections; costs are those of the first.
    The load sleeps for at most *idle_seconds* while nothing is answered.
    """

    def __init__(
        self,
        server: Server,
        requests: Iterable[bytes],
        connections: int = 32,
        *,
        others: Sequence[Server] = (),
        idle_seconds: float = 0.0,
    ) -> None:
        self.server = server
        self._idle_seconds = idle_seconds
        addresses = cycle(one.address for one in (server, *others))
        self.rates: list[float] = []
        self.costs: list[float] = []
        self._ahead = iter(requests)
        self._poll = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        for request in islice(self._ahead, connections):
            connection = socket.create_connection(next(addresses), timeout=_PATIENCE_SECONDS)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.sendall(request)
            self._sockets[connection.fileno()] = connection
            self._poll.register(connection.fileno(), select.EPOLLIN)

    def take(self, seconds: float, *, measure: bool = True) -> bool:
        """Send the next request after each answer, for *seconds*. Return whether requests are left."""
        answered, more, cpu_us, began = 0, True, self.server.cpu_us(), time.perf_counter()
        while more and time.perf_counter() - began < seconds:
            # Servers that are compared never sleep: in a virtual machine, waking an idle core costs tens of
            # microseconds for each answer. Let others on this core, such as PostgreSQL, go first.
            ready = self._poll.poll(self._idle_seconds)
            if not ready:
                os.sched_yield()
            for number, _ in ready:
                _expect_accepted(self._sockets[number])
                answered += 1
                request = next(self._ahead, None)
                if request is None:
                    self._poll.unregister(number)
                    self._sockets.pop(number).close()
                    more = False
                else:
                    self._sockets[number].sendall(request)
        took = time.perf_counter() - began
        time.sleep(_REST_SECONDS)
        # A machine that does other work may leave a slice without an answer.
        if measure and more and answered:
            self.rates.append(answered / took)
            self.costs.append((self.server.cpu_us() - cpu_us) / answered)
        return more

    def finish(self) -> None:
        """Wait for every answer."""
        while self.take(1.0, measure=False):
            pass
        for connection in self._sockets.values():
            _expect_accepted(connection)
            connection.close()


def _expect_accepted(connection: socket.socket) -> None:
    answer = connection.recv(65536)
    head, separator, body = answer.partition(b"\r\n\r\n")
    while not separator or len(body) < int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]):
        part = connection.recv(65536)
        if not part:
            raise SystemExit("the server closed a connection")
        answer += part
        head, separator, body = answer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 202"):
        raise SystemExit(f"expected 202, got {answer[:300]!r}")


def in_turns(lanes: Mapping[str, Lane], seconds: float) -> None:
    """Load the lanes in slices, in another order each time, until the time is over or requests are."""
    for lane in lanes.values():
        lane.take(_WARM_UP_SECONDS, measure=False)
    until = time.monotonic() + seconds
    names = list(lanes)
    while time.monotonic() < until:
        if not all(lanes[name].take(_SLICE_SECONDS) for name in random.sample(names, len(names))):
            break
    if min(len(lane.costs) for lane in lanes.values()) < 2:
        raise SystemExit("--seconds, --events: too few for two slices; give more")


def table(lanes: Mapping[str, Lane], peers: Mapping[str, str]) -> dict[str, tuple[float, float]]:
    """Print a row for each lane. Return the ratios of rate and CPU time to the lane's peer."""
    print("| | accepted/s | CPU µs each | MiB | peer | rate ÷ peer's | CPU ÷ peer's |")
    print("|---|---:|---:|---:|---|---:|---:|")
    found = {}
    for name, lane in lanes.items():
        peer = lanes[peers[name]]
        (rate, rates), (cost, costs) = ratio(lane.rates, peer.rates), ratio(lane.costs, peer.costs)
        found[name] = (rate, cost)
        print(
            f"| {name} | {statistics.median(lane.rates):,.0f} | {statistics.median(lane.costs):.0f}"
            f" | {lane.server.memory_mib():.0f} | {peers[name]} | {rates} | {costs} |",
            flush=True,
        )
    return found


def ratio(mine: Sequence[float], its: Sequence[float]) -> tuple[float, str]:
    """Return the median ratio of values that were measured in turns, and it as text with its error."""
    ratios = [one / other for one, other in zip(mine, its, strict=False)]
    median = statistics.median(ratios)
    # 1.25: a median scatters that much more than a mean, for a normal distribution.
    error = 1.25 * statistics.stdev(ratios) / len(ratios) ** 0.5 if len(ratios) > 1 else 0.0
    return median, f"{median:.3f} ± {error:.3f}"


def judged(missed: Sequence[str]) -> None:
    """End the process with 1 if a limit was missed, and say which."""
    if missed:
        raise SystemExit("\n".join(missed))
