"""The benchmark of lists, in a short run."""

from __future__ import annotations

import pytest

from benchmarks import lists

# A benchmark starts servers of its own, one after another.
pytestmark = pytest.mark.long


def test_a_list_is_taken_faster_than_history_needs(capsys: pytest.CaptureFixture[str]) -> None:
    """Even a short run takes over two thousand events a second of one core, and says what checking costs."""
    assert lists.main(["--events", "1000", "--lists", "4"]) > 2000
    assert "parsing and validating" in capsys.readouterr().out
