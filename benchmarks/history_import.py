"""Import a history: how long it takes from start to end, and what it costs the command and the receiver.

.venv/bin/python benchmarks/history_import.py
.venv/bin/python benchmarks/history_import.py /tmp/before --rows 200000 --stores sqlite

README.md in this folder explains the table. With another checkout, such as a git worktree, each round
imports the same file with both, one after the other.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import figures_store
import orjson
import requests
import usage
from gitdailies_connection.http.sender import Sender
from gitdailies_core.values.secret import Secret
from gitdailies_server.storage.timestamps import now_us
from gitdailies_webhooks.events import change_log
from gitdailies_webhooks.sql.database import ReadPool

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT))

from tests.support.history.making import shuffled  # noqa: E402  the rows of the tests

SECONDS = 3600
# The most that incoming webhooks take at once.
LIST = 10_000
_KEY = (
    "import sys; from pathlib import Path\n"
    "from gitdailies_connection.config.settings import StoreSetting\n"
    "from gitdailies_webhooks.accounts.key_store import create_key\n"
    "from gitdailies_webhooks.sql.database import database_of\n"
    "database = database_of(StoreSetting.parse(sys.argv[1], Path.cwd()))\n"
    "print(create_key(database, 'bench', ['send', 'read'])[0].reveal())"
)


class Spent(NamedTuple):
    """One import: seconds by the clock, and CPU seconds.

    `read` is until the first list is sent, `whole` until the command ends, and `derived` from then until the
    figures have every event. `command` and `server` are CPU time until the command ends; `deriving` is that
    of the server from then on.
    """

    read: float
    whole: float
    derived: float
    command: float
    server: float
    deriving: float

    @property
    def current(self) -> float:
        """Seconds until the figures have every event."""
        return self.whole + self.derived

    @property
    def cpu(self) -> float:
        """All CPU time."""
        return self.command + self.server + self.deriving


class Lists(NamedTuple):
    """The same events in prepared lists: seconds, and CPU seconds of the receiver."""

    whole: float
    server: float


@dataclass(frozen=True)
class Checkout:
    """A checkout of this project; its code runs in processes of their own."""

    name: str
    path: Path

    @cached_property
    def environ(self) -> dict[str, str]:
        packages = [*self.path.glob("*/gitdailies_*/"), *self.path.glob("ci-steps/*/gitdailies_*/")]
        rooms = sorted({str(package.parent) for package in packages})
        return {**os.environ, "PYTHONPATH": os.pathsep.join(rooms)}

    @contextmanager
    def served(self, store: str) -> Iterator[Server]:
        script = self.path / "tests/support/webhooks/serve_store.py"
        process = subprocess.Popen(
            [sys.executable, str(script), store, "--strict-order"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=self.environ,
        )
        try:
            yield Server(process.stdout.readline().strip(), process.pid)
        finally:
            process.stdin.close()
            process.wait(60)
            process.stdout.close()

    def key(self, store: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", _KEY, store], env=self.environ, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def importing(self, file: Path, url: str, key: str, folder: Path) -> subprocess.Popen[str]:
        given = {"GITDAILIES_WEBHOOK_URL": f"{url}/webhooks", "GITDAILIES_WEBHOOK_KEY": key}
        return subprocess.Popen(
            [
                sys.executable,
                "-m",
                "gitdailies_cli",
                "history",
                "import",
                str(file),
                "--json",
                "--state",
                ".",
            ],
            cwd=folder,
            env={**self.environ, **given},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )


@dataclass(frozen=True)
class Server:
    """A running receiver."""

    url: str
    pid: int

    @property
    def cpu_seconds(self) -> float:
        """The CPU time of the server and of the processes that read for it."""
        return usage.cpu_seconds(usage.family(self.pid))


def main() -> None:
    options = _options()
    sides = [Checkout("this", ROOT)]
    if options.other is not None:
        sides.insert(0, Checkout("other", options.other.resolve()))
    with tempfile.TemporaryDirectory() as folder:
        file = shuffled(Path(folder) / "history.csv", options.rows)
        for kind in options.stores:
            found: dict[str, list[Spent]] = {side.name: [] for side in sides}
            lists: list[Lists] = []
            for number in range(options.rounds):
                for side in sides if number % 2 == 0 else reversed(sides):
                    spent, again = _round(side, kind, file, options.rows, lists=side.path == ROOT)
                    found[side.name].append(spent)
                    lists += again
            _print(kind, options.rows, found, lists)


def _round(side: Checkout, kind: str, file: Path, rows: int, *, lists: bool) -> tuple[Spent, list[Lists]]:
    with tempfile.TemporaryDirectory() as folder, figures_store.made(kind, Path(folder)) as address:
        key = side.key(address)
        with side.served(address) as server:
            spent = _import(side, server, file, key, address, rows)
            bodies = list(_bodies(server.url, key)) if lists else []
    if not lists:
        return spent, []
    with tempfile.TemporaryDirectory() as folder, figures_store.made(kind, Path(folder)) as address:
        key = side.key(address)
        with side.served(address) as server:
            return spent, [_take(server, bodies, key)]


def _import(side: Checkout, server: Server, file: Path, key: str, address: str, rows: int) -> Spent:
    reader = ReadPool(figures_store.at(address))
    before, began = server.cpu_seconds, time.perf_counter()
    with tempfile.TemporaryDirectory() as state:
        process = side.importing(file, server.url, key, Path(state))
        first = Path(state) / "sent.db"
        while not first.exists() and process.poll() is None:
            time.sleep(0.01)
        read = time.perf_counter() - began
        out = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    whole, taken = time.perf_counter() - began, server.cpu_seconds
    assert process.returncode == 0, process.returncode
    assert json.loads(out)["sent"] == rows, out
    while reader.read(lambda session: change_log.count_pending(session, now_us(), 1)):
        time.sleep(0.1)
    derived = time.perf_counter() - began - whole
    reader.close()
    return Spent(
        read,
        whole,
        derived,
        used.ru_utime + used.ru_stime,
        taken - before,
        server.cpu_seconds - taken,
    )


def _bodies(url: str, key: str) -> Iterator[bytes]:
    """Yield the events of a receiver in lists, in the order of arrival."""
    after = "0"
    while after:
        page = requests.get(
            f"{url}/api/events",
            headers={"webhook-key": key},
            params={"limit": str(LIST), "after": after},
            timeout=SECONDS,
        ).json()
        for event in page["events"]:
            del event["receivedAt"]
        yield orjson.dumps(page["events"])
        after = str(page["next"] or "")


def _take(server: Server, bodies: Sequence[bytes], key: str) -> Lists:
    with Sender(f"{server.url}/webhooks", timeout_seconds=SECONDS) as sender:
        before, began = server.cpu_seconds, time.perf_counter()
        for body in bodies:
            assert sender.post(body, key=Secret(key), largest=16 * 1024 * 1024).status == 202
        return Lists(time.perf_counter() - began, server.cpu_seconds - before)


def _print(kind: str, rows: int, found: dict[str, list[Spent]], lists: Sequence[Lists]) -> None:
    print(f"\n{kind}, {rows:,} rows, medians of {len(lists)}; CPU in µs a row")
    print("| checkout | rows/s | s to read | s in all | s to derive | command | server | deriving |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for name, many in found.items():
        one = _median(many)
        cpu = " | ".join(f"{seconds / rows * 1e6:.0f}" for seconds in (one.command, one.server, one.deriving))
        clock = " | ".join(f"{seconds:.1f}" for seconds in (one.read, one.whole, one.derived))
        print(f"| {name} | {rows / one.whole:,.0f} | {clock} | {cpu} |")
    this, alone = _median(found["this"]), _medians(lists)
    print(
        f"prepared lists: {rows / alone[0]:,.0f} rows/s, {alone[1] / rows * 1e6:.0f} µs CPU of the receiver;"
        f" the import reaches {alone[0] / this.whole:.2f} of this rate"
    )
    print(f"deriving takes {this.derived / (this.whole - this.read):.2f} of the time of sending")
    if "other" in found:
        other = _median(found["other"])
        print(
            f"this / other: {this.whole / other.whole:.2f} of the time,"
            f" {this.current / other.current:.2f} until figures are current,"
            f" {this.read / other.read:.2f} of reading; CPU: {this.command / other.command:.2f} of the"
            f" command, {(this.server + this.deriving) / (other.server + other.deriving):.2f} of the server"
            f" with deriving, {this.cpu / other.cpu:.2f} in all",
            flush=True,
        )


def _median(many: Sequence[Spent]) -> Spent:
    return Spent(*_medians(many))


def _medians(many: Sequence[tuple[float, ...]]) -> list[float]:
    return [statistics.median(column) for column in zip(*many, strict=True)]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the import of a history.")
    parser.add_argument("other", type=Path, nargs="?", help="a checkout of this project, to compare with")
    parser.add_argument("--stores", nargs="+", default=["sqlite", "postgresql"])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
