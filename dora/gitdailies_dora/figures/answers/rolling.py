"""Rolling values: the figures of the weeks up to the end of each bucket.

A bucket that is longer than the span has its own figures. So they are over the same span of time for days
and for weeks, and the part of a month that has just begun is not judged by a few days. Neighbors share data:
a rolling line is smooth by itself.
"""

from collections.abc import Sequence
from datetime import timedelta, tzinfo

from gitdailies_dora.figures.answers import numbers
from gitdailies_dora.figures.answers.columns import NONE
from gitdailies_dora.figures.answers.selection import Period, at_local_time, local_time
from gitdailies_dora.figures.answers.tally import Tally, in_seconds

# With fewer values, one of them would move a rolling value a lot.
LEAST_ROLLING = 5


def begin_of(bucket: Period, span: timedelta) -> int:
    """Return the time from which on deploys are in the rolling value of a bucket."""
    return min(bucket.began_at, _span_before(bucket.until, bucket.zone, span))


def rolling_of(found: Sequence[Tally], began: Sequence[str]) -> list[numbers.Rolling]:
    """Return the figures of the sums of spans. *began* has the time at which each span began."""
    lead_times, recoveries = (
        in_seconds([one if len(one) >= LEAST_ROLLING else NONE for one in several], numbers.MEDIAN)
        for several in ([one.lead_times for one in found], [one.recoveries for one in found])
    )
    return [
        numbers.Rolling(
            at,
            numbers.RollingLeadTime(lead_time, len(one.lead_times)),
            numbers.RollingFailRate(None, one.failed, one.settled),
            numbers.RollingRecovery(recovery, len(one.recoveries)),
            numbers.RollingRework(_rate(one.rework, one.deploys), one.rework, one.deploys),
        )
        for one, at, (lead_time,), (recovery,) in zip(found, began, lead_times, recoveries, strict=True)
    ]


def _rate(some: int, whole: int) -> float | None:
    return None if whole < LEAST_ROLLING else numbers.ratio(some, whole)


def _span_before(at: int, zone: tzinfo, span: timedelta) -> int:
    """Return the time a span earlier on the clock of the zone."""
    try:
        return at_local_time(local_time(at, zone) - span, zone)
    except OverflowError:  # the calendar begins with the year 1
        return at - span // timedelta(microseconds=1)
