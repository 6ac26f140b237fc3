"""Percentiles by linear interpolation between neighbors (type 7 of Hyndman and Fan, 1996)."""

from __future__ import annotations

from collections.abc import Sequence

MEDIAN, P90 = 5, 9


def percentile(ordered: Sequence[int], tenths: int) -> float | None:
    """Return the value below which *tenths* tenths of *ordered* numbers lie; None where there are none."""
    if not ordered:
        return None
    # In whole numbers, so that a rank that is whole is found whole.
    below, rest = divmod(tenths * (len(ordered) - 1), 10)
    if not rest:
        return ordered[below]
    return ordered[below] + (ordered[below + 1] - ordered[below]) * rest / 10
