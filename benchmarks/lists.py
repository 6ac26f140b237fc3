"""The rate at which a receiver accepts lists of events: CPU time of its process, on one core.

    python benchmarks/lists.py [--events 10000] [--lists 10] [--store sqlite:PATH]

The receiver runs in its own process, pinned to one core, and the sender on another. It prints the
receiver's CPU time (user and system) in total and for each event, and two lower bounds measured in this
process: parsing the JSON, and parsing and validating the events without a store.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import requests
import usage
from gitdailies_core.values import strict_json
from gitdailies_webhooks.accounts.key_store import create_key
from gitdailies_webhooks.events import intake

ROOT = Path(__file__).resolve().parents[1]
SERVER = ROOT / "tests/support/webhooks/serve_store.py"


def body(number: int, events: int) -> bytes:
    """A list as `history` sends it: deploys with their commits."""
    return json.dumps(
        [
            {
                "kind": "deployed",
                "repo": f"larkspur/service-{n % 40}",
                "commitSHA": f"{number * events + n:040x}",
                "branch": "main",
                "environment": "production",
                "time": f"2026-03-{1 + n % 28:02}T{n % 24:02}:{n % 60:02}:12Z",
                "id": f"deploy-{number}-{n}",
            }
            for n in range(events)
        ]
    ).encode()


def floors(raw: bytes, events: int) -> tuple[float, float]:
    """CPU µs for each event of parsing the JSON, and of parsing and validating."""

    def spent(work) -> float:
        before = resource.getrusage(resource.RUSAGE_SELF)
        for _ in range(5):
            work()
        after = resource.getrusage(resource.RUSAGE_SELF)
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return used / 5 / events * 1e6

    now = datetime.now(UTC)
    return (
        spent(lambda: strict_json.loads(raw, duplicates=False)),
        spent(
            lambda: intake.parse(raw, key_header="", may_send=lambda _: True, now=now, new_id=lambda: "never")
        ),
    )


def main(arguments: list[str] | None = None) -> float:
    """Print the figures; return events a second of the receiver's CPU time."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=10_000, help="events in one list")
    parser.add_argument("--lists", type=int, default=10)
    options = parser.parse_args(arguments)
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "webhooks.db"
        key = create_key(store, "bench")[0].reveal()
        server = subprocess.Popen(
            [sys.executable, str(SERVER), f"sqlite:{store}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        url = server.stdout.readline().strip()
        os.sched_setaffinity(server.pid, {cores[-1]})
        lists = [body(number, options.events) for number in range(options.lists + 1)]
        with requests.Session() as session:
            session.headers["webhook-key"] = key
            assert session.post(f"{url}/webhooks", data=lists[0], timeout=120).status_code == 202
            before, began = usage.cpu_seconds([server.pid]), time.perf_counter()
            for raw in lists[1:]:
                assert session.post(f"{url}/webhooks", data=raw, timeout=120).status_code == 202
            cpu, wall = usage.cpu_seconds([server.pid]) - before, time.perf_counter() - began
        server.stdin.close()
        server.wait(20)
        server.stdout.close()
    sent = options.events * options.lists
    reading, checking = floors(lists[0], options.events)
    print(f"{sent} events in {options.lists} lists: {cpu / sent * 1e6:.1f} µs CPU an event")
    print(f"  parsing JSON {reading:.1f} µs of it, parsing and validating {checking:.1f} µs")
    print(f"  {sent / cpu:,.0f} events a second of one core; {sent / wall:,.0f} a second by the clock")
    return sent / cpu


if __name__ == "__main__":
    main()
