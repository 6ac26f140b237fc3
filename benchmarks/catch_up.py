"""How fast the relay delivers waiting events when a receiver comes back after three days.

    python benchmarks/catch_up.py [--events 20000] [--receivers documented ours] [--seconds 200]

The relay is the unchanged command, pinned to the first core; the receiver, which needs little time, has
the last one. Each incident has a start and an end, and all starts are older than all ends. It prints
events a second from the first arrival to the last, the relay's CPU time for each event, and its memory.
The exit code is 1 if an event came twice, out of order, or not at all within the time.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import usage
from gitdailies_core.events.dialect import DOCUMENTED, OURS
from gitdailies_relay.store import store
from gitdailies_server.storage.sqlite import SqliteDatabase
from intake_server import fill

_THREE_DAYS_US = 3 * 86_400_000_000
_CONFIGURATION = """\
gitdailies: {url: "http://127.0.0.1:%d/webhooks", key: {env: GITDAILIES_WEBHOOK_KEY}}
relay: {listen: "127.0.0.1:0", status: "127.0.0.1:0", store: "sqlite:relay.db"}
services: {checkout-api: {repo: larkspur/checkout-api}}
sources: {pagerduty: {adapter: pagerduty, secrets: [{env: PAGERDUTY_SECRET}]}}
"""
# The ends of the stored incidents, each after its start.
_ENDS = (
    (
        "INSERT INTO events (id, destination, source, incident, delivery, stored_at, body)"
        " SELECT id || '-end', destination, source, incident, delivery, stored_at, json_object('kind',"
        " 'incidentResolved', 'incidentId', incident, 'repo', 'larkspur/checkout-api', 'environment',"
        " 'production', 'time', '2026-03-04T10:12:41Z', 'source', 'pagerduty') FROM events ORDER BY seq"
    ),
    (
        "INSERT INTO outbox (seq, destination, partition, is_next, due_at, attempts)"
        " SELECT p.seq + (SELECT count(*) FROM outbox), destination, partition, 0, due_at, 0 FROM outbox p"
        " ORDER BY seq"
    ),
)
# The events are three days old and were tried before. Their bodies have ids, as the relay stores them.
_AGED = (
    f"UPDATE events SET stored_at = stored_at - {_THREE_DAYS_US}, body = json_set(body, '$.id', id)",
    f"UPDATE outbox SET due_at = due_at - {_THREE_DAYS_US}",
    "UPDATE outbox SET attempts = 9, first_attempt_at = due_at WHERE is_next = 1",
)


@dataclass(frozen=True)
class Measured:
    """The result of one run; `mebibytes` is the peak memory of the relay."""

    arrived: dict[str, Any]
    cpu_seconds: float
    mebibytes: float

    @property
    def events(self) -> int:
        return int(self.arrived["events"])

    @property
    def a_second(self) -> float:
        return self.events / ((self.arrived["last_at"] - self.arrived["first_at"]) or 1.0)

    @property
    def cpu_us(self) -> float:
        return self.cpu_seconds / (self.events or 1) * 1e6

    def sound(self, events: int) -> bool:
        """Whether all *events* arrived once and in order."""
        return (self.events, self.arrived["repeated"], self.arrived["disordered"]) == (events, 0, 0)


def stored(path: Path, events: int) -> None:
    """Create a store with *events* waiting events."""
    database = SqliteDatabase(path)
    store.migrate(database)
    with store.transaction(database) as session:
        fill(session, events // 2)
        for statement in (*_ENDS, *_AGED):
            session.execute(statement)


@contextlib.contextmanager
def receiving(receiver: str, core: int) -> Iterator[subprocess.Popen[str]]:
    here = Path(__file__).parent
    command = [sys.executable, str(here / "catch_up_receiver.py"), str(core), receiver]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()


def report_of(receiver: subprocess.Popen[str]) -> dict[str, Any]:
    assert receiver.stdin is not None
    assert receiver.stdout is not None
    receiver.stdin.write("\n")
    receiver.stdin.flush()
    answer: dict[str, Any] = json.loads(receiver.stdout.readline())
    return answer


def measured(folder: Path, receiver: str, events: int, seconds: float) -> Measured:
    """Let a relay deliver the waiting events to a receiver of that kind, for a limited time."""
    stored(folder / "relay.db", events)
    cores = sorted(os.sched_getaffinity(0))
    environ = {**os.environ, "PAGERDUTY_SECRET": "benchmark", "GITDAILIES_WEBHOOK_KEY": "benchmark"}
    with receiving(receiver, cores[-1]) as process, (folder / "relay.log").open("w") as log:
        assert process.stdout is not None
        (folder / "gitdailies.yml").write_text(_CONFIGURATION % int(process.stdout.readline()))
        command = ["taskset", "-c", str(cores[0]), sys.executable, "-m", "gitdailies_cli", "relay"]
        command += ["--config", str(folder / "gitdailies.yml")]
        relay = subprocess.Popen(command, stdout=log, stderr=log, env=environ)
        try:
            until = time.monotonic() + seconds
            before = 0.0
            while (found := report_of(process))["events"] < events and time.monotonic() < until:
                before = before or (usage.cpu_seconds([relay.pid]) if found["events"] else 0.0)
                time.sleep(0.05)
            cpu = usage.cpu_seconds([relay.pid]) - before
            high = Path(f"/proc/{relay.pid}/status").read_text().partition("VmHWM:")[2].split()[0]
        finally:
            relay.terminate()
            relay.wait(20)
        # Events that were sent but not yet recorded would be sent again now.
        return Measured(report_of(process), cpu, int(high) / 1024)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--receivers", nargs="+", choices=(DOCUMENTED, OURS), default=[DOCUMENTED, OURS])
    parser.add_argument("--seconds", type=float, default=200.0)
    given = parser.parse_args()
    print("| receiver | events | a second | CPU µs each | events a request | MiB at most |")
    print("|---|---:|---:|---:|---:|---:|")
    sound = True
    for receiver in given.receivers:
        with tempfile.TemporaryDirectory(prefix="gitdailies-catch-up-") as folder:
            one = measured(Path(folder), receiver, given.events, given.seconds)
        print(
            f"| {receiver} | {one.events:,} | {one.a_second:,.0f} | {one.cpu_us:.0f}"
            f" | {one.events / (one.arrived['requests'] or 1):.1f} | {one.mebibytes:.0f} |",
            flush=True,
        )
        if not one.sound(given.events):
            print(f"expected {given.events} events, once and in order, got {one.arrived}", file=sys.stderr)
            sound = False
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
