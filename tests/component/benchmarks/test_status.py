"""The benchmark of status, in a form too short to measure anything."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

# A benchmark makes a store of its own.
pytestmark = pytest.mark.long

STATUS = Path(__file__).parents[3] / "benchmarks/status.py"


def test_a_short_run_measures_status_and_its_peer() -> None:
    """The row has what was written."""
    command = [sys.executable, str(STATUS), "--rows=1000", "--waiting=500"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.splitlines()[-1].startswith("| 1,000 | 500 | ")
