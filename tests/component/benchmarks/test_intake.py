"""The intake benchmark, in a form too short to measure anything."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

# A benchmark starts servers of its own, one after another.
pytestmark = pytest.mark.long

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


def test_a_short_run_measures_every_case() -> None:
    """Each case has its row, and after each kill of one that stores, nothing is missing."""
    short = [
        "--cases=abcdefg",
        "--rounds=1",
        "--seconds=0.4",
        "--warm-up-seconds=0.1",
        "--connections=8",
        "--events=20000",
    ]
    run = subprocess.run(
        [sys.executable, BENCHMARKS / "intake.py", *short], capture_output=True, text=True, timeout=240
    )
    assert (run.returncode, run.stderr) == (0, "")
    rows = [line.split("|")[1].strip() for line in run.stdout.splitlines() if line.startswith("| ")]
    assert rows == ["", "a", "b", "c", "d", "e", "f", "g"]
    assert run.stdout.count(" 0 missing") == 5


@pytest.mark.parametrize(("answered", "lost"), [(["Q1", "Q2"], False), (["Q1", "Q3"], True)])
def test_a_lost_event_ends_the_run(monkeypatch: pytest.MonkeyPatch, answered: list[str], lost: bool) -> None:
    """An incident that was answered 202 and is not in the store is an error, not a number."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    intake = importlib.import_module("intake")
    if lost:
        with pytest.raises(SystemExit, match="lost"):
            intake._check("a", answered, {"Q1", "Q2"})
    else:
        intake._check("a", answered, {"Q1", "Q2"})
