"""Two checkouts side by side, in a form too short to measure anything."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

# A benchmark starts servers of its own, one after another.
pytestmark = pytest.mark.long

CHECKOUT = Path(__file__).parents[3]


def compared(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, CHECKOUT / "benchmarks" / "side_by_side.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_a_checkout_compared_with_itself_gives_ratios() -> None:
    """Both sides have a line, and each ratio its error."""
    run = compared(CHECKOUT, "--seconds=3", "--events=30000", "--connections=8")
    assert (run.returncode, run.stderr) == (0, "")
    other, this, rate, cost = run.stdout.splitlines()
    assert re.fullmatch(r"other +[\d,]+ a second +[\d.]+ µs CPU each +\d+ slices", other)
    assert this.startswith("this ")
    pattern = re.compile(r"this / other: (\d\.\d+) ± \d\.\d+ of the (deliveries a second|CPU time)")
    ratios = [float(match[1]) for match in map(pattern.fullmatch, (rate, cost)) if match]
    assert len(ratios) == 2
    assert all(0.2 < ratio < 5 for ratio in ratios)


def test_what_is_no_checkout_is_named(tmp_path: Path) -> None:
    """A folder without the benchmark is an error of the command line that says which."""
    run = compared(tmp_path)
    assert run.returncode == 2
    assert f"other: expected a checkout of this project, got {tmp_path}" in run.stderr
