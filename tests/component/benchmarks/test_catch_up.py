"""The benchmark of catching up, in a form too short to measure anything."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

# A benchmark starts servers of its own, one after another.
pytestmark = pytest.mark.long

CATCH_UP = Path(__file__).parents[3] / "benchmarks/catch_up.py"


def run(*given: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, CATCH_UP, *given], capture_output=True, text=True, timeout=120)


def test_a_short_run_delivers_everything_to_both_receivers() -> None:
    """Each receiver has its row; only one of ours gets several events a request."""
    done = run("--events=600")
    assert (done.returncode, done.stderr) == (0, "")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines()[2:]]
    assert [row[:2] for row in rows] == [["documented", "600"], ["ours", "600"]]
    one, several = (float(row[4]) for row in rows)
    assert one == 1.0 < several


def test_events_that_do_not_come_are_a_failure() -> None:
    """Where not everything has arrived in time, the run says so and ends with 1."""
    done = run("--events=600", "--receivers=ours", "--seconds=0")
    assert done.returncode == 1
    assert done.stderr.startswith("expected 600 events, once and in order, got ")
