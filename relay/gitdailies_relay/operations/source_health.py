"""When each source was heard of last, and whether it has been silent for longer than is usual for it.

A vendor that gets wrong answers switches a subscription off and says so to nobody. All that is left
to see is silence. What is usual is the longest silence of the four weeks before the last delivery.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from gitdailies_core.values.times import text_of
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import from_us

from gitdailies_relay.accepting.source_days import DAY_US, SourceDay

# Each holds a weekend, so that a quiet one is usual. Before there are as many deliveries, nothing is.
USUAL_DAYS = 28
LEAST_DAYS = 7
LEAST_DELIVERIES = 10
# A silence is long when it is so many times the usual one, and at least an hour.
TIMES_USUAL = 2
LEAST_SILENCE_US = 3_600_000_000

# A row for each day of the sources, in order. Each has buckets.
_DAYS = (
    "SELECT source, day, CAST(sum(deliveries) AS BIGINT), min(first_at), max(last_at), max(longest_gap)"
    " FROM source_days GROUP BY source, day ORDER BY source, day"
)


@dataclass(frozen=True)
class SourceHealth:
    """A source: when its last delivery came (µs), and its usual silence (µs), each None if not known."""

    source: str
    last_at: int | None = None
    usual_silence: int | None = None
    is_silent: bool = False

    def to_json(self) -> dict[str, Any]:
        return {
            "lastDelivery": None if self.last_at is None else text_of(from_us(self.last_at)),
            "usualSilenceSeconds": None if self.usual_silence is None else self.usual_silence // 1_000_000,
            "silent": self.is_silent,
        }


def read_health(session: Session, sources: Iterable[str], now: int) -> list[SourceHealth]:
    """Return the health of *sources* at *now* (µs), in their order."""
    days = read_days(session)
    return [health_of(source, days.get(source, ()), now) for source in sources]


def read_days(session: Session) -> dict[str, list[SourceDay]]:
    """Return the days of each source, in order."""
    days: dict[str, list[SourceDay]] = {}
    for row in session.execute(_DAYS):
        days.setdefault(row[0], []).append(SourceDay(*row))
    return days


def health_of(source: str, days: Sequence[SourceDay], now: int) -> SourceHealth:
    """Return the health of a source at *now* (µs) from its *days*, in order. Pure."""
    if not days:
        return SourceHealth(source)
    last = days[-1].last_at
    recent = [day for day in days if day.day > days[-1].day - USUAL_DAYS]
    between = (later.first_at - earlier.last_at for earlier, later in itertools.pairwise(recent))
    usual = max(*(day.longest_gap for day in recent), *between, 0)
    deliveries = sum(day.deliveries for day in recent)
    if deliveries < LEAST_DELIVERIES or last - recent[0].first_at < LEAST_DAYS * DAY_US:
        return SourceHealth(source, last)
    silent = now - last > max(TIMES_USUAL * usual, LEAST_SILENCE_US)
    return SourceHealth(source, last, usual, silent)
