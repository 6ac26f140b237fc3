"""The benchmark of readers beside intake: in a form too short to measure anything, and in its full form."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

# A benchmark starts servers of its own, one after another.
pytestmark = pytest.mark.long

BENCHMARK = Path(__file__).parents[3] / "benchmarks/readers_beside_intake.py"


def run(*options: str, seconds: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BENCHMARK), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)


@pytest.mark.timeout(300)
def test_a_short_run_measures_either_database() -> None:
    """Posts are measured at rest and beside readers, and every reader is answered."""
    found = run("--events=3000", "--seconds=2", "--readers=3", "--patient", seconds=240)
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.count("| beside readers |") == 2
    assert found.stdout.count("statuses [200]") == 2


@pytest.mark.timeout(1800)
def test_intake_never_waits_for_readers() -> None:
    """Beside eight heavy readers the limits of the benchmark hold on both databases.

    GITDAILIES_READERS_EVENTS says over how many events. Other tests run at the same time, so that one run of
    three has to show it.
    """
    events = os.environ.get("GITDAILIES_READERS_EVENTS", "20000")
    for _ in range(3):
        found = run(f"--events={events}", seconds=580)
        if found.returncode == 0:
            break
    assert found.returncode == 0, found.stdout + found.stderr
