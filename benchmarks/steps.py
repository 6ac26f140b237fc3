"""Report a deploy from a CI job by the one-file step, from start to exit, and start each command.

.venv/bin/python benchmarks/steps.py
.venv/bin/python benchmarks/steps.py --rounds 5 --installs 0    without the slow ways

The ways run one after the other in each round, so that a busy moment affects all of them. Read the
ratios, not the times. Everything runs on loopback: a real receiver adds TLS and its own time to each way
that sends, and a real package index adds time to the installation. The exit code is 1 if the step is
slower than its limits, or if a command computes longer than its own.
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

from gitdailies_cli.main import COMMANDS

ROOT = Path(__file__).resolve().parent.parent
STEP = ROOT / "ci-steps" / "report_deploy.py"
LAUNCHER = ROOT / "ci-steps" / "launch.sh"
CASE = ROOT / "tests" / "support" / "ci_cases" / "github_actions" / "push.json"
DELIVERY = ROOT / "pagerduty-adapter/gitdailies_pagerduty/examples"
DATADOG = ROOT / ".tools" / "node_modules" / ".bin" / "datadog-ci"
SHA = "4f0c2d6b8e1a9357c0d4e2f6a8b1c3d5e7f90214"
BODY = json.dumps({"kind": "deployed", "repo": "larkspur/checkout-api", "commitSHA": SHA})

MOST_OF_AN_IMPORT = 1.2
LEAST_OF_AN_INSTALL = 20.0
# Of a command that needs no server.
LONGEST_SECONDS = 0.2

_SEND = f"""
import os, jsonschema, requests, yaml
answer = requests.post(os.environ["URL"], data={BODY!r}, headers={{"webhook-key": "k"}}, timeout=10)
answer.raise_for_status()
"""


class Receiver:
    """A receiver on loopback that accepts and counts every event."""

    def __init__(self) -> None:
        self.taken = 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                # A command first asks what the receiver is, with an empty event.
                receiver.taken += b'"repo"' in body
                self._answer(202)

            def do_GET(self) -> None:
                self._answer(404)

            def _answer(self, status: int) -> None:
                self.send_response(status)
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
    def median_cpu(self) -> float:
        return statistics.median(self.cpu_seconds)

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
    arguments.add_argument("--rounds", type=int, default=30)
    arguments.add_argument("--installs", type=int, default=3, help="rounds of the slow ways")
    # The Python of a virtual environment reads more files at its start than the python3 of a job.
    arguments.add_argument("--python", default=getattr(sys, "_base_executable", sys.executable))
    arguments.add_argument("--only", choices=("steps", "commands"), help="one of the two tables")
    options = arguments.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    # Affinity belongs to a thread: the receiver's threads stay here, and new processes go there.
    os.sched_setaffinity(0, {cores[0]})
    receiver = Receiver()
    os.sched_setaffinity(0, {cores[-1]})
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        if options.only != "commands":
            failed |= _measure(options, receiver, Path(folder))
        if options.only != "steps":
            failed |= _start_commands(options, receiver, Path(folder))
    return failed


def _run(ways: Mapping[str, Way], receiver: Receiver) -> None:
    for name, way in ways.items():
        if name != "install":
            way.run(receiver)
            way.seconds.clear()
            way.cpu_seconds.clear()
    for number in range(max(way.rounds for way in ways.values())):
        for way in ways.values():
            if number < way.rounds:
                way.run(receiver)


def _measure(options: argparse.Namespace, receiver: Receiver, folder: Path) -> int:
    ways = _ways(options, receiver, folder)
    _run(ways, receiver)
    print(f"{options.python}, {os.cpu_count()} cores, medians of {options.rounds} rounds\n")
    _print(ways, ways["import"], "÷ the import")
    if options.installs and "datadog" not in ways:
        print("datadog-ci is not installed: npm install --prefix .tools @datadog/datadog-ci@5.25.0")
    of_import = _of_import(ways)
    print(
        f"\nthe step takes {of_import:.2f} times the CPU time of the import (at most {MOST_OF_AN_IMPORT:g})"
    )
    if "install" not in ways:
        return int(of_import > MOST_OF_AN_IMPORT)
    of_install = ways["install"].median / ways["step"].median
    print(f"and is {of_install:.1f} times faster than install and send (at least {LEAST_OF_AN_INSTALL:g})")
    return int(of_import > MOST_OF_AN_IMPORT or of_install < LEAST_OF_AN_INSTALL)


def _of_import(ways: Mapping[str, Way]) -> float:
    return ways["step"].median_cpu / ways["import"].median_cpu


def _one(*command: str) -> Callable[[Path], Sequence[Sequence[str]]]:
    return lambda _: [command]


def _plain() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}


def _ways(options: argparse.Namespace, receiver: Receiver, folder: Path) -> dict[str, Way]:
    python, rounds, plain = options.python, options.rounds, _plain()
    case = json.loads(CASE.read_text("utf-8"))
    event = folder / "event.json"
    event.write_text(json.dumps(case["event"]))
    job = {
        **plain,
        **case["environ"],
        "GITHUB_EVENT_PATH": str(event),
        "INPUT_WEBHOOK_URL": receiver.url,
        "INPUT_WEBHOOK_KEY": "gdk_benchmark",
    }
    # The launcher looks for a python3.
    programs = folder / "programs"
    programs.mkdir()
    (programs / "python3").symlink_to(python)
    launched = {**job, "PATH": f"{programs}:{plain['PATH']}"}
    step = _one(python, "-I", "-S", str(STEP))
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
    ways = {
        "step": Way("the one-file step", step, job, True, rounds),
        "dry": Way("the same, a dry run", step, {**job, "INPUT_DRY_RUN": "true"}, False, rounds),
        "skip": Way(
            "the same, after a job that failed",
            step,
            {**job, "GITDAILIES_JOB_STATUS": "failure"},
            False,
            rounds,
        ),
        "launch": Way("launch.sh, which runs the step", _one("sh", str(LAUNCHER)), launched, True, rounds),
        "import": Way(
            "python3 -c 'import urllib.request'",
            _one(python, "-c", "import urllib.request"),
            plain,
            False,
            rounds,
        ),
        "start": Way("python3 -c pass", _one(python, "-c", "pass"), plain, False, rounds),
        "curl": Way("curl", _one(*curl, "-d", BODY, receiver.url), plain, True, rounds),
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
            _one(
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


def _start_commands(options: argparse.Namespace, receiver: Receiver, folder: Path) -> int:
    """Start the help of every command, and those that do something without a server."""
    program = str(Path(sys.executable).with_name("gitdailies"))
    environ = {**_plain(), "GITDAILIES_WEBHOOK_URL": receiver.url, "GITDAILIES_WEBHOOK_KEY": "gdk_benchmark"}
    rows = folder / "deploys.ndjson"
    rows.write_text(json.dumps({**json.loads(BODY), "time": "2026-03-04T08:55:12Z"}) + "\n")
    named = ["--repo", "larkspur/checkout-api"]
    started = [("--version",), ("--help",), *((name, "--help") for name in COMMANDS)]
    started += [
        ("relay", "status", "--help"),
        ("completion", "bash"),
        ("init",),
        ("sources",),
        ("sources", "show", "opsgenie"),
        ("translate", "pagerduty", str(min(DELIVERY.glob("*.payload.json")))),
        ("history", "import", str(rows), "--dry-run"),
        ("deploy", *named, "--sha", SHA, "--dry-run"),
        ("incident", "start", "INC-7", *named, "--dry-run"),
    ]
    sent = [("deploy", *named, "--sha", SHA), ("incident", "start", "INC-7", *named)]
    ways = {
        "start": Way("python3 -c pass", _one(sys.executable, "-c", "pass"), environ, False, options.rounds)
    }
    for arguments in (*started, *sent):
        about = " ".join(("gitdailies", *(Path(one).name for one in arguments))).partition(" --repo")[0]
        about += ", a dry run" if "--dry-run" in arguments and "--dry-run" not in about else ""
        ways[about] = Way(about, _one(program, *arguments), environ, arguments in sent, options.rounds)
    _run(ways, receiver)
    print(f"\n{sys.executable}, medians of {options.rounds} rounds\n")
    _print(ways, ways["start"], "÷ python3")
    slow = [way.about for way in ways.values() if way.least_cpu > LONGEST_SECONDS]
    print(f"\nlonger than {LONGEST_SECONDS * 1e3:g} ms of CPU time: {', '.join(slow) or 'none'}")
    return int(bool(slow))


def _print(ways: Mapping[str, Way], peer: Way, ratio: str) -> None:
    print(f"{'':50} {'ms':>8} {'CPU ms':>8} {'least CPU':>10} {ratio:>13} {'its CPU':>9}")
    for way in ways.values():
        print(
            f"{way.about:50} {way.median * 1e3:8.1f} {way.median_cpu * 1e3:8.1f} {way.least_cpu * 1e3:10.1f}"
            f" {way.median / peer.median:12.2f}× {way.median_cpu / peer.median_cpu:8.2f}×"
        )


if __name__ == "__main__":
    sys.exit(main())
