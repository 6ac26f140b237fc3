"""Report a deploy from a CI job: the one-file step, from start to exit, compared with other ways.

.venv/bin/python benchmarks/steps.py
.venv/bin/python benchmarks/steps.py --rounds 5 --installs 0    without the slow ways

The ways run one after the other in each round, so that a busy moment affects all of them. Read the
ratios, not the times. Everything runs on loopback: a real receiver adds TLS and its own time to each way
that sends, and a real package index adds time to the installation. The exit code is 1 if the step is
slower than its limits.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STEP = ROOT / "ci-steps" / "report_deploy.py"
CASE = ROOT / "tests" / "support" / "ci_cases" / "github_actions" / "push.json"
DATADOG = ROOT / ".tools" / "node_modules" / ".bin" / "datadog-ci"
SHA = "4f0c2d6b8e1a9357c0d4e2f6a8b1c3d5e7f90214"
BODY = json.dumps({"kind": "deployed", "repo": "larkspur/checkout-api", "commitSHA": SHA})

MOST_OF_AN_IMPORT = 1.5
LEAST_OF_AN_INSTALL = 20.0

_SEND = f"""
import os, jsonschema, requests, yaml
answer = requests.post(os.environ["URL"], data={BODY!r}, headers={{"webhook-key": "k"}}, timeout=10)
answer.raise_for_status()
"""


class Receiver:
    """A receiver on loopback that accepts and counts everything."""

    def __init__(self) -> None:
        self.taken = 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                receiver.taken += 1
                self.send_response(202)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{server.server_port}/webhooks"
        threading.Thread(target=server.serve_forever, daemon=True).start()


@dataclass
class Way:
    """One way to report a deploy, or a part of it: commands that run one after the other."""

    about: str
    commands: Callable[[Path], Sequence[Sequence[str]]]
    environ: Mapping[str, str]
    sends: bool
    rounds: int
    seconds: list[float] = field(default_factory=list)
    # What its processes computed, which a busy machine changes less.
    cpu_seconds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def least_cpu(self) -> float:
        """Return the least CPU time of a round: what else runs on the machine only adds to it."""
        return min(self.cpu_seconds)

    def run(self, receiver: Receiver) -> None:
        """Run it once in a new folder; an error stops the benchmark."""
        before = receiver.taken
        with tempfile.TemporaryDirectory() as folder:
            commands = self.commands(Path(folder))
            start, computed = time.perf_counter(), _children_seconds()
            for command in commands:
                done = subprocess.run(command, cwd=folder, env=self.environ, capture_output=True, text=True)
                if done.returncode:
                    sys.exit(
                        f"{self.about}: {' '.join(command[:4])} ended with {done.returncode}\n{done.stderr}"
                    )
            self.seconds.append(time.perf_counter() - start)
            self.cpu_seconds.append(_children_seconds() - computed)
        if receiver.taken - before != int(self.sends):
            sys.exit(f"{self.about}: expected {int(self.sends)} event, got {receiver.taken - before}")


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=21)
    arguments.add_argument("--installs", type=int, default=3, help="rounds of the slow ways")
    # The Python of a virtual environment reads more files at its start than the python3 of a job.
    arguments.add_argument("--python", default=getattr(sys, "_base_executable", sys.executable))
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return _measure(options, Path(folder))


def _measure(options: argparse.Namespace, folder: Path) -> int:
    cores = sorted(os.sched_getaffinity(0))
    # Affinity belongs to a thread: the receiver's threads stay here, and new processes go there.
    os.sched_setaffinity(0, {cores[0]})
    receiver = Receiver()
    os.sched_setaffinity(0, {cores[-1]})
    ways = _ways(options, receiver, folder)
    for name, way in ways.items():
        if name != "install":
            way.run(receiver)
            way.seconds.clear()
    for number in range(max(way.rounds for way in ways.values())):
        for way in ways.values():
            if number < way.rounds:
                way.run(receiver)
    for _ in range(3 * options.rounds):
        if _of_import(ways) <= MOST_OF_AN_IMPORT:
            break
        # What else runs on the machine only adds to the least CPU time, so more rounds come nearer to it.
        ways["step"].run(receiver)
        ways["import"].run(receiver)
    return _print(ways, options)


def _of_import(ways: Mapping[str, Way]) -> float:
    return ways["step"].least_cpu / ways["import"].least_cpu


def _ways(options: argparse.Namespace, receiver: Receiver, folder: Path) -> dict[str, Way]:
    python, rounds = options.python, options.rounds
    case = json.loads(CASE.read_text("utf-8"))
    event = folder / "event.json"
    event.write_text(json.dumps(case["event"]))
    plain = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    job = {
        **plain,
        **case["environ"],
        "GITHUB_EVENT_PATH": str(event),
        "INPUT_WEBHOOK_URL": receiver.url,
        "INPUT_WEBHOOK_KEY": "gdk_benchmark",
    }
    # The machine sets addresses and certificates of package indexes.
    pip = {
        name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "REQUESTS_"))
    }
    sender = {**plain, **pip, "URL": receiver.url, "PYTHONPATH": "packages"}
    curl = ["curl", "-sS", "-f", "-H", "webhook-key: k", "-H", "content-type: application/json"]
    install = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--disable-pip-version-check",
        "--target",
        "packages",
    ]

    def one(*command: str) -> Callable[[Path], Sequence[Sequence[str]]]:
        return lambda _: [command]

    ways = {
        "step": Way("the one-file step", one(python, "-I", "-S", str(STEP)), job, True, rounds),
        "import": Way(
            "python3 -c 'import urllib.request'",
            one(python, "-c", "import urllib.request"),
            plain,
            False,
            rounds,
        ),
        "start": Way("python3 -c pass", one(python, "-c", "pass"), plain, False, rounds),
        "curl": Way("curl", one(*curl, "-d", BODY, receiver.url), plain, True, rounds),
        "install": Way(
            "pip install requests pyyaml jsonschema, then send",
            lambda _: [[*install, "requests", "pyyaml", "jsonschema"], [sys.executable, "-S", "-c", _SEND]],
            sender,
            True,
            options.installs,
        ),
    }
    if not options.installs:
        del ways["install"]
    elif DATADOG.exists() and shutil.which("node"):
        ways["datadog"] = Way(
            "datadog-ci dora deployment --dry-run",
            one(
                *(
                    str(DATADOG),
                    "dora",
                    "deployment",
                    "--dry-run",
                    "--service",
                    "checkout",
                    "--env",
                    "production",
                ),
                *("--started-at", "1772614512", "--git-commit-sha", SHA),
                *("--git-repository-url", "https://github.com/larkspur/checkout-api"),
            ),
            {**plain, "DD_API_KEY": "0" * 32, "DD_BETA_COMMANDS_ENABLED": "1"},
            False,
            max(3, rounds // 4),
        )
    return ways


def _print(ways: Mapping[str, Way], options: argparse.Namespace) -> int:
    step = ways["step"].median
    print(f"{options.python}, {os.cpu_count()} cores, medians of {options.rounds} rounds\n")
    print(f"{'':50} {'ms':>8} {'fastest':>8} {'least CPU':>8} {'÷ the step':>11}")
    for way in ways.values():
        print(
            f"{way.about:50} {way.median * 1e3:8.1f} {min(way.seconds) * 1e3:8.1f}"
            f" {way.least_cpu * 1e3:8.1f} {way.median / step:10.2f}×"
        )
    if options.installs and "datadog" not in ways:
        print("datadog-ci is not installed: npm install --prefix .tools @datadog/datadog-ci@5.25.0")
    of_import = _of_import(ways)
    print(
        f"\nthe step takes {of_import:.2f} times the CPU time of the import (at most {MOST_OF_AN_IMPORT:g})"
    )
    if "install" not in ways:
        return int(of_import > MOST_OF_AN_IMPORT)
    of_install = ways["install"].median / step
    print(f"and is {of_install:.1f} times faster than install and send (at least {LEAST_OF_AN_INSTALL:g})")
    return int(of_import > MOST_OF_AN_IMPORT or of_install < LEAST_OF_AN_INSTALL)


if __name__ == "__main__":
    sys.exit(main())
