"""Report a deploy from a CI job by the one-file step, from start to exit, beside an import that it needs.

.venv/bin/python -m benchmarks.steps
.venv/bin/python -m benchmarks.steps --rounds 5 --python /usr/bin/python3

The programs run in turns, so that a busy moment affects both of them. Read the ratios, not the times. The job
is a push on GitHub Actions, without a checkout, and the receiver is on loopback. The exit code is 1 if the
step needs more than 100 ms of CPU in its least round.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchmarks import harness

CASE = harness.CHECKOUT / "tests" / "support" / "ci_cases" / "github_actions" / "push.json"
MOST_CPU_MS = 100


def cpu_ms(command: list[str], environ: Mapping[str, str], folder: str) -> float:
    """Run a program that must succeed; return its CPU time in ms."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=dict(environ), cwd=folder, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare the CPU time of a CI step.")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--python", default=sys.executable, help="the Python to measure with")
    given = parser.parse_args()
    python = [given.python, "-I", "-S"]
    programs = {
        "import urllib.request": [*python, "-c", "import urllib.request"],
        "the step": [*python, str(harness.CHECKOUT / "ci-steps" / "report_deploy.py")],
    }
    times: dict[str, list[float]] = {name: [] for name in programs}
    receiver = (str(Path(__file__).with_name("receiver.py")), "documented")
    with (
        tempfile.TemporaryDirectory() as folder,
        harness.serving(*receiver, folder=Path(folder), core=None) as server,
    ):
        environ = {
            **json.loads(CASE.read_text("utf-8"))["environ"],
            "INPUT_WEBHOOK_URL": f"{server.url}/webhooks",
            "INPUT_WEBHOOK_KEY": "gdk_key",
            # An error fails the job, and so the benchmark.
            "INPUT_FAIL_ON_ERROR": "true",
        }
        for _ in range(given.rounds):
            for name, command in programs.items():
                times[name].append(cpu_ms(command, environ, folder))
    yardstick = statistics.median(times["import urllib.request"])
    print("| | CPU ms, median | least | of the import |\n| --- | ---: | ---: | ---: |")
    for name, found in times.items():
        median = statistics.median(found)
        print(f"| {name} | {median:.1f} | {min(found):.1f} | {median / yardstick:.2f} |")
    least = min(times["the step"])
    harness.judged([f"the step: expected {MOST_CPU_MS} ms at most, got {least:.0f}"] * (least > MOST_CPU_MS))


if __name__ == "__main__":
    main()
