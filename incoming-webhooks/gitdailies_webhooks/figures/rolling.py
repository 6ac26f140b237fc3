"""What the charts of a trend draw beside its figures: the spread of each bucket, and a rolling value.

The rolling value of a bucket is the figure of the four weeks up to its end, or of another span. A bucket that
is longer than the span has its own figure. So it is over the same span of time for days and for weeks, and
the part of a month that has just begun is not judged by a few days. Neighbors share data: a rolling line is
smooth by itself.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta, tzinfo
from itertools import accumulate, chain, pairwise
from types import MappingProxyType
from typing import Any, NamedTuple

from gitdailies_webhooks.figures import metrics
from gitdailies_webhooks.figures.columns import Durations
from gitdailies_webhooks.figures.comparison import Part, wilson
from gitdailies_webhooks.figures.metrics import MEDIAN, P25, P75, DeployRow, percentile, seconds
from gitdailies_webhooks.figures.selection import Period, at_local_time, local_time
from gitdailies_webhooks.figures.tally import Tally, in_seconds

SPAN = timedelta(days=28)

# Of fewer values, a rolling value would be moved a lot by one of them.
LEAST_ROLLING = 5
# The middle half of fewer durations says nothing that they do not.
LEAST_FOR_HALF = 3


class Rolling(NamedTuple):
    """A figure of the span: a median of `whole` seconds, or a rate that counts `some` of the `whole`."""

    value: float
    some: int
    whole: int


class Spread(NamedTuple):
    """The middle half of durations in seconds, or the interval of a rate (95 %)."""

    low: float
    high: float


class Beside(NamedTuple):
    """What a chart draws with the value of a bucket; None if it rests on too few events."""

    spread: Spread | None
    rolling: Rolling | None


def needed_from(period: Period, span: timedelta = SPAN) -> int:
    """Return the time from which on deploys are needed for the rolling values of a period."""
    return _span_before(period.began_at, period.zone, span)


def begin_of(bucket: Period, span: timedelta = SPAN) -> int:
    """Return the time from which on deploys are in the rolling value of a bucket."""
    return min(bucket.began_at, _span_before(bucket.until, bucket.zone, span))


def rolling_numbers(found: Tally) -> dict[str, dict[str, Any]]:
    """Return the rolling value of the sum of a span by figure, and its counts.

    The value is None if it rests on too few events.
    """
    lead_times, recoveries = found.lead_times, found.recoveries
    return {
        metrics.LEAD_TIME: {"median": _median_of_enough(lead_times), "commits": len(lead_times)},
        metrics.FAIL_RATE: {
            "value": _value(_rolling_rate(Part(found.failed, found.settled))),
            "failed": found.failed,
            "settled": found.settled,
        },
        metrics.RECOVERY: {"median": _median_of_enough(recoveries), "recovered": len(recoveries)},
        metrics.REWORK: {
            "value": _value(_rolling_rate(Part(found.rework, found.deploys))),
            "rework": found.rework,
            "deploys": found.deploys,
        },
    }


def beside(
    deploys: Sequence[DeployRow], buckets: Sequence[Period], settled_until: int, span: timedelta = SPAN
) -> tuple[Mapping[str, Beside], ...]:
    """Return what is drawn beside each bucket, by figure.

    *deploys* are in order, from `needed_from` on. Those later than *settled_until* are in no fail rate.
    """
    at = [row.at for row in deploys]
    ends = [*(bisect_left(at, bucket.began_at) for bucket in buckets[1:]), len(at)]
    own = [(bisect_left(at, bucket.began_at), end) for bucket, end in zip(buckets, ends, strict=True)]
    spans = [
        (bisect_left(at, begin_of(bucket, span)), end) for bucket, (_, end) in zip(buckets, own, strict=True)
    ]
    cuts = sorted({cut for pair in (*own, *spans) for cut in pair})
    settled = bisect_left(at, settled_until + 1)
    columns = {
        metrics.LEAD_TIME: _durations(_Pieces(deploys, cuts, _lead_times), own, spans),
        metrics.FAIL_RATE: _rates([row.failed for row in deploys], own, spans, settled),
        metrics.RECOVERY: _durations(_Pieces(deploys, cuts, _recoveries), own, spans),
        metrics.REWORK: _rates([row.rework for row in deploys], own, spans, len(at)),
    }
    return tuple(
        MappingProxyType(dict(zip(columns, found, strict=True)))
        for found in zip(*columns.values(), strict=True)
    )


_Range = tuple[int, int]


class _Pieces:
    """Durations between cuts. Each is parsed and sorted once, although neighboring spans share most."""

    def __init__(
        self,
        deploys: Sequence[DeployRow],
        cuts: Sequence[int],
        durations: Callable[[Sequence[DeployRow]], list[int]],
    ) -> None:
        self._number = {cut: number for number, cut in enumerate(cuts)}
        self._pieces = [sorted(durations(deploys[first:last])) for first, last in pairwise(cuts)]

    def between(self, part: _Range) -> list[int]:
        """Return the durations of the deploys of a part in order."""
        first, last = (self._number[cut] for cut in part)
        return sorted(chain.from_iterable(self._pieces[first:last]))


def _durations(pieces: _Pieces, own: Sequence[_Range], spans: Sequence[_Range]) -> list[Beside]:
    return [
        Beside(_middle_half(pieces.between(part)), _rolling_median(pieces.between(span)))
        for part, span in zip(own, spans, strict=True)
    ]


def _middle_half(durations: Sequence[int]) -> Spread | None:
    if len(durations) < LEAST_FOR_HALF:
        return None
    low, high = (seconds(percentile(durations, hundredths)) for hundredths in (P25, P75))
    assert low is not None
    assert high is not None
    return Spread(low, high)


def _median_of_enough(durations: Durations) -> float | None:
    """Return the median in seconds, if it rests on enough durations."""
    return None if len(durations) < LEAST_ROLLING else in_seconds(durations, MEDIAN)[0]


def _rolling_median(durations: Sequence[int]) -> Rolling | None:
    median = seconds(percentile(durations, MEDIAN))
    if median is None or len(durations) < LEAST_ROLLING:
        return None
    return Rolling(median, len(durations), len(durations))


def _rates(
    counted: Sequence[bool], own: Sequence[_Range], spans: Sequence[_Range], settled: int
) -> list[Beside]:
    """Return the rates of the first *settled* deploys; *counted* says which of them the figure counts."""
    sums = [0, *accumulate(map(int, counted))]

    def part(place: _Range) -> Part:
        first, last = (min(cut, settled) for cut in place)
        return Part(sums[last] - sums[first], last - first)

    found = []
    for place, span in zip(own, spans, strict=True):
        interval = wilson(part(place))
        spread = None if interval is None else Spread(*interval)
        found.append(Beside(spread, _rolling_rate(part(span))))
    return found


def _rolling_rate(part: Part) -> Rolling | None:
    some, whole = part
    return Rolling(some / whole, some, whole) if whole >= LEAST_ROLLING else None


def _value(found: Rolling | None) -> float | None:
    return None if found is None else found.value


def _lead_times(deploys: Sequence[DeployRow]) -> list[int]:
    return metrics.parse_lead_times(row.lead_times for row in deploys)


def _recoveries(deploys: Sequence[DeployRow]) -> list[int]:
    return [row.recovery for row in deploys if row.failed and row.recovery is not None]


def _span_before(at: int, zone: tzinfo, span: timedelta) -> int:
    """Return the time a span earlier on the clock of the zone."""
    try:
        return at_local_time(local_time(at, zone) - span, zone)
    except OverflowError:  # the calendar begins with the year 1
        return at - span // timedelta(microseconds=1)
