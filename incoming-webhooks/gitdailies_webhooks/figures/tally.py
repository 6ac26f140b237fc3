"""What deploys and incidents add up to, and the five figures of such a sum.

Sums can be added, so that those of repositories make teams. Medians are never made of medians: a sum holds
every lead time and every recovery.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gitdailies_webhooks.figures import comparison, metrics
from gitdailies_webhooks.figures.columns import NONE, Durations, positions
from gitdailies_webhooks.figures.comparison import Part, Verdict
from gitdailies_webhooks.figures.metrics import MEDIAN, P25, P75, P90, percentile, ratio, seconds

# Of the deploys of a period, about this many are compared: enough to see a difference of a tenth.
MOST_COMPARED = 400
# Fewer numbers are sorted as fast as a few of them are put in their places.
_LEAST_PARTITIONED = 2_000
_MIXER = np.uint64(0x9E3779B97F4A7C15)

# The words of a comparison, by figure.
_LONGER: Mapping[Verdict, str] = MappingProxyType({comparison.HIGHER: "longer", comparison.LOWER: "shorter"})
_MORE: Mapping[Verdict, str] = MappingProxyType({})
WORDS: Mapping[str, Mapping[Verdict, str]] = MappingProxyType(
    {
        metrics.FREQUENCY: _MORE,
        metrics.LEAD_TIME: _LONGER,
        metrics.FAIL_RATE: _MORE,
        metrics.RECOVERY: _LONGER,
        metrics.REWORK: _MORE,
    }
)


class Tally(NamedTuple):
    """Sums over some deploys and incidents.

    `young` deploys are not settled. `failed` counts settled deploys, and `failed_young` the others.
    `lead_times`, `recoveries` and `remedied` are in microseconds. `unlinked` and `unlinked_72h` count
    incidents.
    """

    deploys: int = 0
    rework: int = 0
    young: int = 0
    unknown_deploys: int = 0
    unknown_commits: int = 0
    lead_times: Durations = NONE
    failed: int = 0
    failed_young: int = 0
    recoveries: Durations = NONE
    remedied: Durations = NONE
    still_open: int = 0
    unlinked: int = 0
    unlinked_72h: int = 0

    @property
    def settled(self) -> int:
        return self.deploys - self.young


def merged(tallies: Sequence[Tally]) -> Tally:
    """Add several sums."""
    if len(tallies) == 1:
        return tallies[0]
    return Tally._make(map(_added, zip(*tallies, strict=True))) if tallies else Tally()


def _added(column: tuple[Any, ...]) -> Any:
    if isinstance(column[0], int):
        return sum(column)
    return np.concatenate(column)


def median(durations: Durations) -> float | None:
    """Return the median in microseconds; None without durations."""
    return percentile(_placed(durations, (MEDIAN,)), MEDIAN)


def in_seconds(durations: Durations, *hundredths: int) -> list[float | None]:
    """Return percentiles in seconds; None without durations."""
    if not len(durations):
        return [None] * len(hundredths)
    placed = _placed(durations, hundredths)
    return [seconds(percentile(placed, cut)) for cut in hundredths]


def in_seconds_of_runs(
    durations: Durations, at: Sequence[int], *hundredths: int
) -> list[tuple[float | None, ...]]:
    """Return the percentiles in seconds of many runs of durations; *at* is where each begins, and the end.

    It returns for each run what `in_seconds` does, in a fifth of the time. Both are exact below 2**46, which
    is two years.
    """
    ordered = durations[at[0] : at[-1]].copy()
    if not len(ordered):
        return [(None,) * len(hundredths)] * (len(at) - 1)
    begins = np.array(at) - at[0]
    for first, behind in pairwise(begins.tolist()):
        _put_in_place(ordered[first:behind], hundredths)
    last = np.diff(begins) - 1
    columns = []
    for cut in hundredths:
        below, rest = np.divmod(cut * last, 100)
        # A run of nothing has no position of its own, and no value.
        position = np.minimum(begins[:-1] + np.maximum(below, 0), len(ordered) - 1)
        low, high = ordered[position], ordered[np.minimum(position + (rest > 0), len(ordered) - 1)]
        values = (low + (high - low) * rest / 100) / 1_000_000
        columns.append(np.where(last < 0, np.nan, values).tolist())
    return [(None,) * len(hundredths) if run[0] != run[0] else run for run in zip(*columns, strict=True)]


def _placed(durations: Durations, hundredths: Sequence[int]) -> Durations:
    """Return a copy. Those durations that percentiles look at are in their places, as if all were sorted."""
    placed = durations.copy()
    _put_in_place(placed, hundredths)
    return placed


def _put_in_place(durations: Durations, hundredths: Sequence[int]) -> None:
    """Put those durations in their places that percentiles look at, as if all were sorted."""
    if len(durations) < _LEAST_PARTITIONED:
        durations.sort()
    else:
        _partition(durations, sorted({cut * (len(durations) - 1) // 100 for cut in hundredths}))


def _partition(durations: Durations, ranks: Sequence[int]) -> None:
    """Put the durations of some *ranks* in their places, and those of the ranks behind them.

    One rank at a time: then NumPy uses vector instructions, which it does not for several ranks at once.
    """
    if not ranks:
        if len(durations):
            least = int(durations.argmin())
            durations[[0, least]] = durations[[least, 0]]
        return
    middle = len(ranks) // 2
    rank = ranks[middle]
    durations.partition(rank)
    _partition(durations[:rank], ranks[:middle])
    _partition(durations[rank + 1 :], [other - rank - 1 for other in ranks[middle + 1 :]])


def drawn_lead_times(times: Durations, of_each: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return the median lead time of each deploy that has one; of about `MOST_COMPARED` if there are more.

    *times* has the lead times of one deploy after another, and *of_each* how many each has. Which ones are
    drawn depends on nothing but their lead times, so that it is the same in any order.
    """
    counts = of_each[of_each > 0].astype(np.int64)
    begins = np.cumsum(counts) - counts
    step = -(-len(counts) // MOST_COMPARED)
    if step > 1:
        sums = np.add.reduceat(times, begins).astype(np.uint64)
        # The high bits of this product look random (Knuth's multiplicative hash).
        drawn = np.flatnonzero(((sums * _MIXER) >> np.uint64(40)) % np.uint64(step) == 0)
        times, counts = times[positions(begins[drawn], counts[drawn])], counts[drawn]
        begins = np.cumsum(counts) - counts
    ordered = times[np.lexsort((times, np.repeat(np.arange(len(counts)), counts)))]
    low, high = ordered[begins + (counts - 1) // 2], ordered[begins + counts // 2]
    medians: NDArray[np.float64] = low + (high - low) / 2
    return medians


class Spread(NamedTuple):
    """The percentiles of a sum in seconds: 25, 50, 75 and 90 of lead times, 50 and 90 of the others."""

    leads: Sequence[float | None]
    recoveries: Sequence[float | None]
    remedied: Sequence[float | None]


OF_LEADS, OF_OTHERS = (P25, MEDIAN, P75, P90), (MEDIAN, P90)


def spread_of(found: Tally) -> Spread:
    """Return the percentiles of a sum."""
    return Spread(
        in_seconds(found.lead_times, *OF_LEADS),
        in_seconds(found.recoveries, *OF_OTHERS),
        in_seconds(found.remedied, *OF_OTHERS),
    )


def numbers(found: Tally, days: float, since: str | None, spread: Spread | None = None) -> dict[str, Any]:
    """Return the five figures by name; durations are in seconds.

    *days* are the observed ones. They began at *since*, if that is later than the period; else it is None.
    *spread* has the percentiles of *found*, if they are known.
    """
    leads, recoveries, remedied = spread or spread_of(found)
    p25, middle, p75, p90 = leads
    failed = found.failed + found.failed_young
    decided = len(found.recoveries) + len(found.remedied) + found.still_open
    return {
        metrics.FREQUENCY: {
            "value": ratio(found.deploys, days),
            "deploys": found.deploys,
            "days": days,
            "since": since,
        },
        metrics.LEAD_TIME: {
            "median": middle,
            "p25": p25,
            "p75": p75,
            "p90": p90,
            "commits": len(found.lead_times),
            "unknown": found.unknown_commits,
            "unknownDeploys": found.unknown_deploys,
        },
        metrics.FAIL_RATE: {
            "value": ratio(found.failed, found.settled),
            "failed": found.failed,
            "settled": found.settled,
            **_interval(Part(found.failed, found.settled)),
            "pending": found.young - found.failed_young,
            "failedYoung": found.failed_young,
            "unlinked": found.unlinked,
            "attributedIn72h": found.unlinked_72h,
        },
        metrics.RECOVERY: {
            "median": recoveries[0],
            "p90": recoveries[1],
            "recovered": len(found.recoveries),
            "open": found.still_open,
            "byRemedy": {"median": remedied[0], "p90": remedied[1], "count": len(found.remedied)},
            "withoutIncident": failed - decided,
        },
        metrics.REWORK: {
            "value": ratio(found.rework, found.deploys),
            "rework": found.rework,
            "deploys": found.deploys,
            **_interval(Part(found.rework, found.deploys)),
        },
    }


def headline(found: Tally, times: Durations, days: float) -> dict[str, Any]:
    """Return the five figures under the names of `metrics.figures`, which makes them of single rows.

    *times* are those of the deploys, in order, and *days* the observed ones.
    """
    gaps = np.diff(times)
    median_gap, gap_p90 = in_seconds(gaps, MEDIAN, P90)
    shown = numbers(found, days, None)
    lead, fail, recovery = (shown[name] for name in (metrics.LEAD_TIME, metrics.FAIL_RATE, metrics.RECOVERY))
    return {
        metrics.FREQUENCY: {
            "value": ratio(found.deploys, days),
            "unit": "deploys/day",
            "numerator": found.deploys,
            "denominator": days,
            "count": len(gaps),
            "medianGap": median_gap,
            "gapP90": gap_p90,
        },
        metrics.LEAD_TIME: {
            "median": lead["median"],
            "p90": lead["p90"],
            "count": lead["commits"],
            "unknownDeploys": found.unknown_deploys,
            "unknownCommits": found.unknown_commits,
        },
        metrics.FAIL_RATE: {
            "value": fail["value"],
            "numerator": found.failed,
            "denominator": found.settled,
            **{name: fail[name] for name in ("pending", "failedYoung", "unlinked", "attributedIn72h")},
        },
        metrics.RECOVERY: {
            "median": recovery["median"],
            "p90": recovery["p90"],
            "count": recovery["recovered"],
            **{name: recovery[name] for name in ("open", "byRemedy", "withoutIncident")},
        },
        metrics.REWORK: {
            "value": ratio(found.rework, found.deploys),
            "numerator": found.rework,
            "denominator": found.deploys,
        },
    }


def _interval(part: Part) -> dict[str, float | None]:
    interval = comparison.wilson(part)
    low, high = (None, None) if interval is None else interval
    return {"low": low, "high": high}


class Side(NamedTuple):
    """One of two periods that are compared: its sum, `drawn_lead_times`, and the deploys of each week."""

    tally: Tally
    lead_times: NDArray[np.float64]
    weeks: Sequence[int]


def changes(before: Side, now: Side, confidence: float) -> dict[str, str]:
    """Return what became of each figure: higher, lower, unclear or few; of durations longer or shorter."""
    was, is_ = before.tally, now.tally
    verdicts = {
        metrics.FREQUENCY: comparison.compare_counts(before.weeks, now.weeks, confidence),
        metrics.LEAD_TIME: comparison.compare_durations(before.lead_times, now.lead_times, confidence),
        metrics.FAIL_RATE: comparison.compare_rates(
            Part(was.failed, was.settled), Part(is_.failed, is_.settled), confidence
        ),
        metrics.RECOVERY: comparison.compare_durations(was.recoveries, is_.recoveries, confidence),
        metrics.REWORK: comparison.compare_rates(
            Part(was.rework, was.deploys), Part(is_.rework, is_.deploys), confidence
        ),
    }
    return {figure: WORDS[figure].get(verdict, verdict) for figure, verdict in verdicts.items()}
