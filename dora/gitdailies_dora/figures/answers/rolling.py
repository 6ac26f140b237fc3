"""Rolling values: the figures of the weeks up to the end of each bucket.

A bucket that is longer than the span has its own figures. So they are over the same span of time for days
and for weeks, and the part of a month that has just begun is not judged by a few days. Neighbors share data:
a rolling line is smooth by itself.
"""

from __future__ import annotations

from datetime import timedelta, tzinfo

from gitdailies_dora.figures.answers.columns import Durations
from gitdailies_dora.figures.answers.numbers import (
    Rolling,
    RollingFailRate,
    RollingLeadTime,
    RollingRecovery,
    RollingRework,
    ratio,
)
from gitdailies_dora.figures.answers.selection import Period, at_local_time, local_time
from gitdailies_dora.figures.answers.tally import Tally, median

# Of fewer values, a rolling value would be moved a lot by one of them.
LEAST_ROLLING = 5


def begin_of(bucket: Period, span: timedelta) -> int:
    """Return the time from which on deploys are in the rolling value of a bucket."""
    return min(bucket.began_at, _span_before(bucket.until, bucket.zone, span))


def rolling_of(found: Tally, began: str) -> Rolling:
    """Return the figures of the sum of a span, which *began* at a time."""
    return Rolling(
        began,
        RollingLeadTime(_median(found.lead_times), len(found.lead_times)),
        RollingFailRate(None, found.failed, found.settled),
        RollingRecovery(_median(found.recoveries), len(found.recoveries)),
        RollingRework(_rate(found.rework, found.deploys), found.rework, found.deploys),
    )


def _median(durations: Durations) -> float | None:
    return None if len(durations) < LEAST_ROLLING else median(durations)


def _rate(some: int, whole: int) -> float | None:
    return None if whole < LEAST_ROLLING else ratio(some, whole)


def _span_before(at: int, zone: tzinfo, span: timedelta) -> int:
    """Return the time a span earlier on the clock of the zone."""
    try:
        return at_local_time(local_time(at, zone) - span, zone)
    except OverflowError:  # the calendar begins with the year 1
        return at - span // timedelta(microseconds=1)
