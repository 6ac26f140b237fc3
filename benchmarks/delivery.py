"""How fast the relay delivers what waits when its receiver comes back, beside a script that does it simply.

.venv/bin/python -m benchmarks.delivery

The relay is the unchanged command on the first core; the receiver is on the last. Deliveries come while the
relay is paused: starts and ends of incidents, all starts before all ends. Then delivery is resumed. The exit
code is 1 if an event came twice, out of order, or not at all within the time.
"""

import argparse
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import requests

from benchmarks import deliveries, harness

DOCUMENTED, OURS = KINDS = ("documented", "ours")
_NOWHERE = "http://127.0.0.1:9/webhooks"


@dataclass(frozen=True)
class Delivered:
    """What one run delivered, and the CPU time of who sent it."""

    arrived: dict[str, Any]
    cpu_us: float

    @property
    def rate(self) -> float:
        return float(self.arrived["events"] / (self.arrived["last_at"] - self.arrived["first_at"]))

    @property
    def cost(self) -> float:
        return self.cpu_us / self.arrived["events"]


@contextmanager
def relay(
    folder: Path, kind: str = "sqlite", *, url: str = _NOWHERE, checkout: Path = harness.CHECKOUT
) -> Iterator[harness.Server]:
    """Run a relay with every source of `deliveries`, whose delivery is paused."""
    with harness.store(kind, folder) as store:
        _configuration(folder).write_text(deliveries.CONFIGURATION.format(url=url, store=store))
        command = ("-m", "gitdailies_cli", "relay", "--config", str(_configuration(folder)))
        environ = deliveries.ENVIRON
        with harness.serving(*command, folder=folder, checkout=checkout, environ=environ) as server:
            act(folder, checkout, "pause")
            yield server


def act(folder: Path, checkout: Path, what: str) -> None:
    """Pause or resume the relay of *folder*."""
    command = [sys.executable, "-m", "gitdailies_cli", "relay", what, "--config", str(_configuration(folder))]
    environ = harness.environ_of(checkout, deliveries.ENVIRON)
    subprocess.run(command, env=environ, check=True, capture_output=True)


def _configuration(folder: Path) -> Path:
    return folder / "gitdailies.yml"


def of_relay(receiver: str, events: int, seconds: float, checkout: Path = harness.CHECKOUT) -> Delivered:
    """Let a relay of *checkout* deliver that many events to a receiver of that kind."""
    with _receiving(receiver) as (folder, url), relay(folder, url=url, checkout=checkout) as server:
        for what in ("pagerduty", "pagerduty, ends"):
            harness.Lane(server, deliveries.build(what, events // 2)).finish()
        before = server.cpu_us()
        act(folder, checkout, "resume")
        until = time.monotonic() + seconds
        while (found := _arrived(url))["events"] < events and time.monotonic() < until:
            time.sleep(0.05)
        return Delivered(found, server.cpu_us() - before)


def of_script(events: int) -> Delivered:
    """Let the simple forwarder deliver that many events, one a request."""
    with _receiving(DOCUMENTED) as (folder, url):
        connection = sqlite3.connect(folder / "queue.db")
        with connection:
            connection.execute("CREATE TABLE queue (id INTEGER PRIMARY KEY, body BLOB)")
            for kind in ("incidentStarted", "incidentResolved"):
                event = {"kind": kind, "repo": "larkspur/checkout-api", "time": "2026-03-04T09:12:41Z"}
                rows = ((orjson.dumps({**event, "incidentId": f"Q{n}"}),) for n in range(events // 2))
                connection.executemany("INSERT INTO queue (body) VALUES (?)", rows)
        connection.close()
        before = _children_us()
        script = [sys.executable, str(Path(__file__).with_name("peers.py")), str(folder / "queue.db"), url]
        subprocess.run(["taskset", "-c", str(harness.CORES[0]), *script], check=True)
        return Delivered(_arrived(url), _children_us() - before)


@contextmanager
def _receiving(receiver: str) -> Iterator[tuple[Path, str]]:
    script = str(Path(__file__).with_name("receiver.py"))
    with tempfile.TemporaryDirectory(prefix="gitdailies-delivery-") as name:
        folder, core = Path(name), harness.CORES[-1]
        with harness.serving(script, receiver, folder=folder, core=core) as server:
            yield folder, f"{server.url}/webhooks"


def _arrived(url: str) -> dict[str, Any]:
    found: dict[str, Any] = requests.get(url.replace("/webhooks", "/arrived"), timeout=10).json()
    return found


def _children_us() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (used.ru_utime + used.ru_stime) * 1e6


def faults(name: str, one: Delivered, events: int) -> list[str]:
    """Return what is wrong with what arrived."""
    found = [one.arrived[key] for key in ("events", "repeated", "disordered")]
    return [] if found == [events, 0, 0] else [f"{name}: expected {events} once, in order, got {one.arrived}"]


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare the delivery of the relay with a simple script.")
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=200.0, help="how long to wait for them")
    given = parser.parse_args()
    os.sched_setaffinity(0, {harness.CORES[-1]})
    script = of_script(given.events)
    rows = {"a simple script": script}
    rows |= {f"relay, {kind}": of_relay(kind, given.events, given.seconds) for kind in KINDS}
    harness.judged([fault for name, one in rows.items() for fault in faults(name, one, given.events)])
    print("| | events/s | CPU µs each | events a request | rate ÷ script's | CPU ÷ script's |")
    print("|---|---:|---:|---:|---:|---:|")
    for name, one in rows.items():
        together = one.arrived["events"] / one.arrived["requests"]
        print(
            f"| {name} | {one.rate:,.0f} | {one.cost:.0f} | {together:.1f}"
            f" | {one.rate / script.rate:.2f} | {one.cost / script.cost:.2f} |"
        )


if __name__ == "__main__":
    main()
