"""The benchmark of several relays on one PostgreSQL, in a form too short to measure anything."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

# A benchmark starts servers of its own, one after another.
pytestmark = pytest.mark.long

BENCHMARK = Path(__file__).parents[3] / "benchmarks/relays_on_postgresql.py"


def test_a_short_run_measures_each_number_of_relays() -> None:
    """Each number of relays has its row and a ratio to the first, and nothing accepted is missing."""
    short = "--relays=1,2 --connections=2 --rounds=1 --seconds=0.5 --events=5000"
    run = subprocess.run(
        [sys.executable, BENCHMARK, *short.split()], capture_output=True, text=True, timeout=120
    )
    assert (run.returncode, run.stderr) == (0, "")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in run.stdout.splitlines()[4:]]
    assert [row[:2] for row in rows] == [["2", "1"], ["2", "2"]]
    assert float(rows[0][3]) == 1.0 < float(rows[1][3])
