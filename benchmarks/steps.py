"""Report a deploy from a CI job by the one-file step, from start to exit, beside two other programs.

.venv/bin/python benchmarks/steps.py
.venv/bin/python benchmarks/steps.py --rounds 5 --python /usr/bin/python3

The programs run in turns, so that a busy moment affects all of them. Read the ratios, not the times. The job
is a push on GitHub Actions, without a checkout, and the receiver is on loopback. The exit code is 1 if the
step needs more than 100 ms of CPU in its least round.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STEP = "ci-steps/report_deploy.py"
CASE = ROOT / "tests" / "support" / "ci_cases" / "github_actions" / "push.json"
# The step that kept its modules as texts, to be quick.
BEFORE = "2e8d262d"
MOST_CPU_MS = 100


class Receiver(BaseHTTPRequestHandler):
    """Takes every event."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def cpu_ms(command: list[str], environ: Mapping[str, str], folder: str) -> float:
    """Run a program that must succeed; return its CPU time in ms."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=dict(environ), cwd=folder, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def main() -> int:
    arguments = argparse.ArgumentParser(description="Compare the CPU time of a CI step.")
    arguments.add_argument("--rounds", type=int, default=20)
    arguments.add_argument("--python", default=sys.executable, help="the Python to measure with")
    options = arguments.parse_args()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    environ = {
        **json.loads(CASE.read_text("utf-8"))["environ"],
        "INPUT_WEBHOOK_URL": f"http://127.0.0.1:{server.server_port}/webhooks",
        "INPUT_WEBHOOK_KEY": "gdk_key",
        # An error fails the job, and so the benchmark.
        "INPUT_FAIL_ON_ERROR": "true",
    }
    with tempfile.TemporaryDirectory() as folder:
        before = Path(folder, "before.py")
        before.write_bytes(subprocess.check_output(["git", "show", f"{BEFORE}:{STEP}"], cwd=ROOT))
        python = [options.python, "-I", "-S"]
        programs = {
            "import urllib.request": [*python, "-c", "import urllib.request"],
            f"the step of {BEFORE}": [*python, str(before)],
            "the step": [*python, str(ROOT / STEP)],
        }
        times: dict[str, list[float]] = {name: [] for name in programs}
        for _ in range(options.rounds):
            for name, command in programs.items():
                times[name].append(cpu_ms(command, environ, folder))
    medians = {name: statistics.median(found) for name, found in times.items()}
    yardstick = medians["import urllib.request"]
    print(f"{'':24} {'CPU ms, median':>15} {'least':>8} {'of the import':>15}")
    for name, median in medians.items():
        print(f"{name:24} {median:15.1f} {min(times[name]):8.1f} {median / yardstick:15.2f}")
    return int(min(times["the step"]) > MOST_CPU_MS)


if __name__ == "__main__":
    sys.exit(main())
