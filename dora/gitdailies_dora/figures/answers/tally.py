"""What deploys and incidents add up to, and the five figures of such a sum.

Sums can be added, so that those of repositories make teams. Medians are never made of medians: a sum holds
the time of every deploy, every lead time and every recovery.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import chain, pairwise
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gitdailies_dora.figures.answers import comparison, numbers
from gitdailies_dora.figures.answers.chance import Pools
from gitdailies_dora.figures.answers.columns import NONE, Durations, begins_of
from gitdailies_dora.figures.answers.comparison import (
    CONFIDENCE,
    HIGHER,
    LEAST_DEPLOYS,
    LEAST_WEEKS,
    UNCLEAR,
    WORTH_SAYING,
    Difference,
    Part,
    Values,
    Verdict,
    both,
    wilson,
)
from gitdailies_dora.figures.answers.report import Longer, SeriesChange
from gitdailies_dora.figures.cores import at_once
from gitdailies_dora.figures.history.facts import EVIDENCE, TIME

# About this many deploys of a period are compared: enough to see a difference of a tenth.
MOST_COMPARED = 400
NO_INTERVAL = numbers.RateInterval(None, None)
# So many values a core sorts at once for percentiles, or those of one sum: 2 MB.
_MOST_AT_ONCE = 250_000
_MIXER = np.uint64(0x9E3779B97F4A7C15)
_LONGER: Mapping[Verdict, Longer] = MappingProxyType(
    {"higher": "longer", "lower": "shorter", "unclear": "unclear", "few": "few"}
)


class Tally(NamedTuple):
    """Sums over some deploys and incidents.

    `times` are those of the deploys, in order. `unsettled` deploys are younger than the window. `evidence`
    counts settled deploys that failed, in the order of `EVIDENCE`, and `failed_pending` the others.
    `lead_times`, `recoveries` and `remedied` are in microseconds. `unlinked` and `attributed_in72h` count
    incidents.
    """

    deploys: int = 0
    rework: int = 0
    inferred: int = 0
    unknown_deploys: int = 0
    unknown_commits: int = 0
    nothing_new: int = 0
    open: int = 0
    unlinked: int = 0
    attributed_in72h: int = 0
    unsettled: int = 0
    failed_pending: int = 0
    evidence: tuple[int, ...] = (0,) * len(EVIDENCE)
    times: Durations = NONE
    lead_times: Durations = NONE
    recoveries: Durations = NONE
    remedied: Durations = NONE

    @property
    def settled(self) -> int:
        return self.deploys - self.unsettled

    @property
    def failed(self) -> int:
        """The settled deploys that failed."""
        return sum(self.evidence)

    @property
    def certain(self) -> int:
        """The settled deploys that failed by more than the time of an incident."""
        return self.failed - self.evidence[EVIDENCE.index(TIME)]


def merged(tallies: Sequence[Tally]) -> Tally:
    """Add several sums."""
    if len(tallies) == 1:
        return tallies[0]
    if not tallies:
        return Tally()
    found = Tally._make(map(_added, zip(*tallies, strict=True)))
    return found._replace(times=np.sort(found.times))


def _added(column: tuple[Any, ...]) -> Any:
    if isinstance(column[0], int):
        return sum(column)
    if isinstance(column[0], tuple):
        return tuple(map(sum, zip(*column, strict=True)))
    return np.concatenate(column)


def median(durations: Durations) -> float | None:
    """Return the median in seconds; None without durations."""
    return in_seconds([durations], numbers.MEDIAN)[0][0]


def in_seconds(
    several: Sequence[Durations], *hundredths: int, gaps: bool = False
) -> list[list[float | None]]:
    """Return percentiles of each of several durations, in seconds; None without durations.

    With *gaps*, they are those of the times between several moments. One call for many is faster.
    """
    number = np.cumsum(list(map(len, several))) // _MOST_AT_ONCE
    edges = [0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), len(several)]
    parts = [several[begin:end] for begin, end in pairwise(edges)]
    work = partial(_in_seconds, hundredths=hundredths, gaps=gaps)
    return list(chain.from_iterable(at_once(work, parts)))


def _in_seconds(
    several: Sequence[Durations], hundredths: Sequence[int], *, gaps: bool
) -> list[list[float | None]]:
    counts = np.array(list(map(len, several)), np.int64)
    if gaps:
        counts = np.maximum(counts - 1, 0)
    begins = begins_of(counts)
    # The last one is no duration, but the neighbor of one.
    ordered = np.empty(begins[-1] + 1, np.int64)
    ordered[-1] = 0
    for one, begin, end in zip(several, begins[:-1].tolist(), begins[1:].tolist(), strict=True):
        values = ordered[begin:end]
        if gaps:
            np.subtract(one[1:], one[:-1], out=values)
        else:
            values[:] = one
        values.sort()
    below, rest = np.divmod((counts - 1)[:, None] * hundredths, 100)
    at = begins[:-1, None] + below
    low = ordered[at]
    above = (ordered[at + (rest > 0)] - low) * rest
    beyond = above / 100
    # NumPy would lose a bit of a larger number before the division. Python does not.
    large = above >= 2**53
    beyond[large] = [one / 100 for one in above[large].tolist()]
    found = ((low + beyond) / 1_000_000).tolist()
    return [some if count else [None] * len(some) for some, count in zip(found, counts.tolist(), strict=True)]


def drawn_lead_times(
    times: Durations, of_each: NDArray[np.integer], ends: NDArray[np.integer]
) -> list[NDArray[np.float64]]:
    """Return the median lead time of each deploy that has one; of about `MOST_COMPARED` if there are more.

    *times* has the lead times of one deploy after another, *of_each* how many each has, and *ends* the
    positions at which groups of deploys end. Which ones are drawn depends on nothing but their lead times, so
    that it is the same in any order.
    """
    ends = begins_of(of_each > 0)[ends]
    counts = of_each[of_each > 0].astype(np.int64)
    begins = np.cumsum(counts) - counts
    sizes = np.diff(ends, prepend=0)
    step = np.repeat(-(-sizes // MOST_COMPARED), sizes).astype(np.uint64)
    sums = np.add.reduceat(times, begins).astype(np.uint64) if len(begins) else step
    # The high bits of this product look random (Knuth's multiplicative hash).
    drawn = np.flatnonzero(((sums * _MIXER) >> np.uint64(40)) % step == 0)
    begins, counts = begins[drawn], counts[drawn]
    medians = np.empty(len(drawn))
    # Most deploys have few commits.
    for count in np.unique(counts).tolist():
        alike = np.flatnonzero(counts == count)
        ordered = np.sort(times[begins[alike, None] + np.arange(count)], axis=1)
        low, high = ordered[:, (count - 1) // 2], ordered[:, count // 2]
        medians[alike] = low + (high - low) / 2
    return np.split(medians, np.searchsorted(drawn, ends[:-1]))[: len(ends)]


class Spread(NamedTuple):
    """The percentiles of a sum, in seconds.

    `gaps`, `recoveries` and `remedied` have the median and the 90th; `lead_times` the quartiles and the 90th.
    """

    gaps: Sequence[float | None]
    lead_times: Sequence[float | None]
    recoveries: Sequence[float | None]
    remedied: Sequence[float | None]


def spreads(found: Sequence[Tally]) -> list[Spread]:
    """Return the percentiles of each of several sums."""
    return list(
        map(
            Spread,
            in_seconds([one.times for one in found], numbers.MEDIAN, numbers.P90, gaps=True),
            in_seconds(
                [one.lead_times for one in found], numbers.P25, numbers.MEDIAN, numbers.P75, numbers.P90
            ),
            in_seconds([one.recoveries for one in found], numbers.MEDIAN, numbers.P90),
            in_seconds([one.remedied for one in found], numbers.MEDIAN, numbers.P90),
        )
    )


def figures_of(
    found: Tally, days: float, since: str | None, pools: Pools | None = None, spread: Spread | None = None
) -> numbers.Figures:
    """Return the five figures of a sum.

    *days* are the observed ones. They began at *since*, if that is later than the period; else it is None.
    *pools* say what chance did to the deploys of the sum; None if that is not known. The *spread* of many
    sums is made faster for all of them.
    """
    (gap, gap_p90), (p25, middle, p75, p90), *both = spread or spreads([found])[0]
    (recovery, recovery_p90), (remedied, remedied_p90) = both
    timed = len(found.recoveries) + len(found.remedied) + found.open
    return numbers.Figures(
        numbers.DeploymentFrequency(
            # So short a time gives no rate: one deploy within an hour is not 24 a day.
            value=numbers.ratio(found.deploys, days) if days >= 1 else None,
            deploys=found.deploys,
            days=days,
            since=since,
            gaps=numbers.Gaps(median=gap, p90=gap_p90, count=max(len(found.times) - 1, 0)),
        ),
        numbers.ChangeLeadTime(
            median=middle,
            p25=p25,
            p75=p75,
            p90=p90,
            commits=len(found.lead_times),
            unknown_commits=found.unknown_commits,
            unknown_deploys=found.unknown_deploys,
            nothing_new=found.nothing_new,
        ),
        _fail_rate(found, pools),
        numbers.FailedDeploymentRecoveryTime(
            median=recovery,
            p90=recovery_p90,
            recovered=len(found.recoveries),
            open=found.open,
            by_remedy=numbers.ByRemedy(median=remedied, p90=remedied_p90, count=len(found.remedied)),
            without_incident=found.failed + found.failed_pending - timed,
        ),
        numbers.DeploymentReworkRate(
            value=numbers.ratio(found.rework, found.deploys),
            rework=found.rework,
            deploys=found.deploys,
            inferred=found.inferred,
            range=numbers.RateInterval(
                numbers.ratio(found.rework - found.inferred, found.deploys),
                numbers.ratio(found.rework, found.deploys),
            ),
            interval=_interval(found.rework, found.deploys),
        ),
    )


def _fail_rate(found: Tally, pools: Pools | None) -> numbers.ChangeFailRate:
    evidence = numbers.Evidence(*found.evidence)
    by_chance, range_ = None, NO_INTERVAL
    if pools is not None:
        by_chance = pools.by_chance(evidence.time)
        least = found.failed - pools.most_by_chance(evidence.time)
        range_ = numbers.RateInterval(
            numbers.ratio(least, found.settled), numbers.ratio(found.failed, found.settled)
        )
    others = None if by_chance is None else found.failed - by_chance
    return numbers.ChangeFailRate(
        value=None if others is None else numbers.ratio(others, found.settled),
        failed=found.failed,
        settled=found.settled,
        interval=NO_INTERVAL if others is None else _interval(others, found.settled),
        range=range_,
        by_chance=by_chance,
        evidence=evidence,
        pending=found.unsettled - found.failed_pending,
        failed_pending=found.failed_pending,
        unlinked=found.unlinked,
        attributed_in72h=found.attributed_in72h,
    )


def _interval(some: float, whole: int) -> numbers.RateInterval:
    found = wilson(some, whole)
    return NO_INTERVAL if found is None else numbers.RateInterval(*found)


class Side(NamedTuple):
    """One of two periods that are compared: its sum, `drawn_lead_times`, and the deploys of each week."""

    tally: Tally
    lead_times: NDArray[np.float64]
    weeks: Sequence[int]


def differences(before: Side, now: Side) -> tuple[Difference, ...]:
    """Return how each of the five figures differs from before."""
    was, is_ = before.tally, now.tally
    return (
        comparison.compare_by_ranks(before.weeks, now.weeks, LEAST_WEEKS),
        _of_durations(before.lead_times, now.lead_times, was.lead_times, is_.lead_times),
        of_failures(comparison.compare_rates, was, is_),
        _of_durations(was.recoveries, is_.recoveries, was.recoveries, is_.recoveries),
        comparison.compare_rates(Part(was.rework, was.deploys), Part(is_.rework, is_.deploys)),
    )


def _of_durations(
    before: Values, after: Values, shown_before: Durations, shown_after: Durations
) -> Difference:
    """Compare durations. A difference counts only if the medians that people read show it, too."""
    found = comparison.compare_by_ranks(before, after, LEAST_DEPLOYS)
    if found.p > 1 - CONFIDENCE:
        return found
    old, new = median(shown_before) or 0, median(shown_after) or 0
    more = new - old if found.word == HIGHER else old - new
    return found if more > 0 and more >= old * WORTH_SAYING else found._replace(word=UNCLEAR)


def of_failures(compare: Callable[[Part, Part], Difference], one: Tally, other: Tally) -> Difference:
    """Compare the fail rates of two sums. What failed for certain must agree, where there is any of it."""
    found = compare(Part(one.failed, one.settled), Part(other.failed, other.settled))
    if not (one.certain or other.certain):
        return found
    return both(found, compare(Part(one.certain, one.settled), Part(other.certain, other.settled)))


def changes(words: Sequence[Verdict]) -> SeriesChange:
    """Return what became of each figure, from the word for each difference."""
    frequency, lead_time, fail_rate, recovery, rework = words
    return SeriesChange(frequency, _LONGER[lead_time], fail_rate, _LONGER[recovery], rework)
