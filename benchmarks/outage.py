"""How quickly the relay answers while the receiver is down and a million events wait.

    python benchmarks/outage.py [--store postgresql://…] [--events 1000000] [--seconds 60] [--rate 100]

Deliveries of packs, of PagerDuty, deploys and pushes come at fixed times, whether or not earlier ones are
answered; an answer is timed from when its delivery was due. Once a second, `/status` and `/metrics` are
read. A peer, which is the same relay with an empty store, gets the same at the same time. The exit code is
1 if a limit is missed. README.md in this folder explains the table.
"""

from __future__ import annotations

import argparse
import os
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from urllib.request import urlopen

import intake_cases
import pack_deliveries
import psycopg
from deliveries import Request
from gitdailies_connection.config.settings import StoreSetting
from gitdailies_relay.store import store
from gitdailies_server.storage.database import Database
from gitdailies_server.storage.timestamps import now_us

Address = tuple[str, int]
OUTAGE_US = 6 * 3_600_000_000
MOST_MS, MOST_STATUS_MS, SHARE = 100.0, 1000.0, 0.99
_NUMBERS = "WITH RECURSIVE n(i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < %d) "
# Starts of as many incidents of one source, evenly over the outage. The first ones were tried.
_TRIED = 500
_FILL = (
    """INSERT INTO deliveries (delivery, received_at, source, message, incident, word, proof, outcome, reason,
    events) SELECT 'd' || i, {at}, 'pagerduty', 'm' || i, 'W' || i, 'incident.triggered', '', 'stored', '',
    '["e' || i || '"]' FROM n""",
    """INSERT INTO occurrences (destination, source, incident, repo, environment, service, name, state,
    started_at, changed_at) SELECT 'default', 'pagerduty', 'W' || i, 'larkspur/checkout-api', 'production',
    'checkout-api', '2026-03-04T09:12:41Z', 'open', {at}, {at} FROM n""",
    """INSERT INTO events (id, destination, source, incident, delivery, stored_at, body)
    SELECT 'e' || i, 'default', 'pagerduty', 'W' || i, 'd' || i, {at},
    '{{"kind":"incidentStarted","id":"e' || i || '","incidentId":"W' || i || '","repo":'
    || '"larkspur/checkout-api","environment":"production","time":"2026-03-04T09:12:41Z","title":'
    || '"Checkout returns 502 for card payments","service":"checkout-api","source":"pagerduty"}}' FROM n""",
    """INSERT INTO outbox (seq, destination, partition, is_next, due_at, attempts)
    SELECT i, 'default', 'default/pagerduty/W' || i, 1, {at}, CASE WHEN i <= {tried} THEN 9 ELSE 0 END
    FROM n""",
)
_COUNTED = (
    "INSERT INTO outcome_counts (source, is_replay, outcome, messages) VALUES ('pagerduty', 0, 'stored', ?)"
)


def fill(database: Database, count: int) -> None:
    """Store *count* incidents whose starts wait, as an outage of six hours leaves them."""
    begin = now_us() - OUTAGE_US
    at = f"{begin} + i * {OUTAGE_US // count}"
    with store.transaction(database) as session:
        for statement in _FILL:
            session.execute(_NUMBERS % count + statement.format(at=at, tried=_TRIED))
        session.execute(_COUNTED, (count,))


@dataclass
class Answers:
    """The milliseconds of each answer by kind of delivery, and what was answered otherwise than 2xx."""

    milliseconds: dict[str, list[float]] = field(default_factory=dict)
    refused: list[bytes] = field(default_factory=list)


class _Connection:
    def __init__(self, address: Address) -> None:
        self.address = address
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.kind, self.due_at, self.answer = "", 0.0, b""


class OpenLoop:
    """Sends at fixed times to one address after the other, each time on a free connection or a new one."""

    def __init__(self, addresses: Sequence[Address]) -> None:
        self._free: dict[Address, list[_Connection]] = {address: [] for address in addresses}
        self._busy = 0
        self._selector = selectors.DefaultSelector()
        self.answers = {address: Answers() for address in addresses}

    def run(self, ahead: Sequence[tuple[str, Request]], a_second: float) -> None:
        """Send each delivery of *ahead* to every address, *a_second* of them to each."""
        began = time.perf_counter()
        a_second *= len(self._free)
        every = ((address, *one) for one in ahead for address in self._free)
        for number, (address, kind, request) in enumerate(every):
            due_at = began + number / a_second
            while (left := due_at - time.perf_counter()) > 0:
                self._receive(left)
            free = self._free[address]
            connection = free.pop() if free else _Connection(address)
            connection.kind, connection.due_at, connection.answer = kind, due_at, b""
            connection.socket.sendall(request.data)
            self._selector.register(connection.socket, selectors.EVENT_READ, connection)
            self._busy += 1
        end = time.perf_counter() + 60
        while self._busy and time.perf_counter() < end:
            self._receive(1.0)
        if self._busy:
            raise SystemExit(f"{self._busy} deliveries were not answered within a minute")

    def _receive(self, seconds: float) -> None:
        for key, _ in self._selector.select(seconds):
            connection: _Connection = key.data
            connection.answer += connection.socket.recv(65536)
            head, separator, body = connection.answer.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
            if not separator or len(body) < length:
                continue
            took = (time.perf_counter() - connection.due_at) * 1000
            answers = self.answers[connection.address]
            answers.milliseconds.setdefault(connection.kind, []).append(took)
            if not head.startswith(b"HTTP/1.1 20"):
                answers.refused.append(connection.answer)
            self._selector.unregister(connection.socket)
            self._free[connection.address].append(connection)
            self._busy -= 1


class StatusReader(threading.Thread):
    """Reads `/status` and `/metrics` once a second."""

    def __init__(self, address: Address) -> None:
        super().__init__(daemon=True)
        self._base = f"http://{address[0]}:{address[1]}"
        self.ended = threading.Event()
        self.milliseconds: dict[str, list[float]] = {"/status": [], "/metrics": []}

    def run(self) -> None:
        while not self.ended.wait(1.0):
            for path, found in self.milliseconds.items():
                began = time.perf_counter()
                with urlopen(self._base + path, timeout=60) as answer:
                    answer.read()
                found.append((time.perf_counter() - began) * 1000)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@contextmanager
def relay(folder: Path) -> Iterator[int]:
    """Run the unchanged command on the first core; yield its process id once it accepts connections."""
    environ = {**os.environ, **pack_deliveries.SECRETS, "GITDAILIES_WEBHOOK_KEY": "benchmark"}
    command = [str(Path(sys.executable).with_name("gitdailies")), "relay"]
    with (folder / "relay.log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, env=environ, stdout=log, stderr=log)
        os.sched_setaffinity(process.pid, {min(os.sched_getaffinity(0))})
        try:
            yield process.pid
        finally:
            process.kill()
            process.wait()


def wait_until_open(address: Address, folder: Path, seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            socket.create_connection(address).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit((folder / "relay.log").read_text())


def mixed(count: int) -> list[tuple[str, Request]]:
    """Return deliveries of every kind, one kind after the other."""
    each = count // len(pack_deliveries.BUILDERS) + 1
    kinds = [[(kind, one) for one in pack_deliveries.build(kind, each)] for kind in pack_deliveries.BUILDERS]
    return list(chain.from_iterable(zip(*kinds, strict=True)))[:count]


def quantiles(values: Sequence[float]) -> tuple[float, float, float]:
    cuts = statistics.quantiles(values, n=100)
    return cuts[49], cuts[98], max(values)


@dataclass(frozen=True)
class Started:
    """A running relay: where it takes deliveries, and what reads its status."""

    address: Address
    status: StatusReader


def start(stack: ExitStack, name: str, events: int) -> Started:
    """Run a relay whose store, SQLite or PostgreSQL by *name*, holds as many waiting events."""
    is_postgresql = name == "postgresql"
    case = intake_cases.Case("", "", postgresql=is_postgresql)
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gitdailies-outage-")))
    address = stack.enter_context(intake_cases.store(case, folder.name.replace("-", "_").lower()))
    database = store.database_of(StoreSetting.parse(address, folder))
    store.migrate(database)
    if events:
        fill(database, events)
    if is_postgresql:
        # As autovacuum leaves tables that grow, and with the writes of the fill over.
        with psycopg.connect(address, autocommit=True) as session:
            session.execute("VACUUM ANALYZE")
            session.execute("CHECKPOINT")
    listen, status, down = (free_port() for _ in range(3))
    (folder / "gitdailies.yml").write_text(
        pack_deliveries.CONFIGURATION.format(
            url=f"http://127.0.0.1:{down}/webhooks",
            listen=f"127.0.0.1:{listen}",
            status=f"127.0.0.1:{status}",
            store=address,
        )
    )
    stack.enter_context(relay(folder))
    wait_until_open(("127.0.0.1", listen), folder)
    return Started(("127.0.0.1", listen), StatusReader(("127.0.0.1", status)))


def report(name: str, answers: Answers, status: StatusReader) -> bool:
    """Print a relay's rows. Return whether every limit is kept."""
    everything = list(chain.from_iterable(answers.milliseconds.values()))
    for what, found in {"deliveries": everything, **answers.milliseconds, **status.milliseconds}.items():
        p50, p99, most = quantiles(found)
        within = sum(one < MOST_MS for one in found) / len(found)
        print(f"| {name} | {what} | {len(found):,} | {within:.2%} | {p50:.1f} | {p99:.1f} | {most:.1f} |")
    if answers.refused:
        print(f"{len(answers.refused)} answers not 2xx, such as {answers.refused[0]!r}")
    quick = sum(one < MOST_MS for one in everything) / len(everything)
    slowest = max(chain.from_iterable(status.milliseconds.values()))
    return quick >= SHARE and slowest < MOST_STATUS_MS and not answers.refused


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure answers while the receiver is down.")
    parser.add_argument("--store", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rate", type=int, default=100)
    given = parser.parse_args()
    ahead = mixed(given.seconds * given.rate)
    with ExitStack() as stack:
        full = start(stack, given.store, given.events)
        peer = start(stack, given.store, 0)
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        loop = OpenLoop([full.address, peer.address])
        for one in (full, peer):
            one.status.start()
        loop.run(ahead, given.rate)
        for one in (full, peer):
            one.status.ended.set()
            one.status.join()
    print(f"| {given.store} | what | answers | within {MOST_MS:.0f} ms | p50 ms | p99 ms | max ms |")
    print("|---|---|---:|---:|---:|---:|---:|")
    is_kept = report(f"{given.events:,} wait", loop.answers[full.address], full.status)
    report("peer, empty", loop.answers[peer.address], peer.status)
    sys.exit(0 if is_kept else 1)


if __name__ == "__main__":
    main()
