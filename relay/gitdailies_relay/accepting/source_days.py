"""How often a source sends: one value a source and day, which grows with each delivery. Pure.

Times and gaps are microseconds. A day is a number of days since 1970 (UTC).
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

DAY_US = 86_400_000_000


class SourceDay(NamedTuple):
    """The deliveries of one source on one day: how many, the first, the last, and the longest gap."""

    source: str
    day: int
    deliveries: int
    first_at: int
    last_at: int
    longest_gap: int = 0


def source_days(deliveries: Sequence[tuple[str, int]]) -> list[SourceDay]:
    """Add up *deliveries*, each a source and a time, which need not be in order."""
    if len(deliveries) == 1:  # as mostly
        ((source, at),) = deliveries
        return [SourceDay(source, at // DAY_US, 1, at, at)]
    times: dict[tuple[str, int], list[int]] = {}
    for source, at in deliveries:
        times.setdefault((source, at // DAY_US), []).append(at)
    return [_day(source, day, sorted(found)) for (source, day), found in times.items()]


def _day(source: str, day: int, times: list[int]) -> SourceDay:
    gaps = (later - earlier for earlier, later in itertools.pairwise(times))
    return SourceDay(source, day, len(times), times[0], times[-1], max(gaps, default=0))
