"""The benchmark of figures, in a form too short to measure anything."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

# A benchmark starts servers of its own, one after another.
pytestmark = pytest.mark.long

FIGURES = Path(__file__).parents[3] / "benchmarks/figures.py"


def test_a_short_run_measures_either_database() -> None:
    """Each database has its answers, its deriving and its command measured, over two histories."""
    short = "--events=3000 --small=600 --repositories=3 --questions=3 --live-seconds=1 --patient"
    run = subprocess.run(
        [sys.executable, FIGURES, *short.split()], capture_output=True, text=True, timeout=240
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.count("| page of all repositories |") == 4
    assert run.stdout.count("derived: ") == 4
    assert run.stdout.count("s behind") == run.stdout.count("gitdailies metrics: ") == 2
