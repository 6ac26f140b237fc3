"""Whether a figure differs clearly between two periods, or by no more than chance makes.

| figure | test | least number in each period |
| --- | --- | --- |
| a rate | Newcombe's interval of the difference of two rates (1998, method 10) | `LEAST_SETTLED` |
| a duration | ranks, with the values of one deploy taken together | `LEAST_DEPLOYS` with a value |
| deploys a week | ranks of weekly counts (Mann and Whitney, 1947) | `LEAST_WEEKS`, all of them whole |

The commits of one deploy waited for the same moment, so they are not as many as their number says. Deploys
come in clusters, so weekly counts are compared by ranks, and not by the distribution of Poisson.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from math import hypot, sqrt
from statistics import NormalDist
from typing import Literal, NamedTuple

Verdict = Literal["higher", "lower", "unclear", "few"]
HIGHER: Verdict = "higher"
LOWER: Verdict = "lower"
UNCLEAR: Verdict = "unclear"
FEW: Verdict = "few"

# The confidence for the page of one repository, and for a table. Twenty rows of five figures at 95 % would
# give five false alarms a page.
ONE_PAGE, MANY_ROWS = 0.95, 0.998

LEAST_SETTLED = 20
LEAST_DEPLOYS = 10
LEAST_WEEKS = 6


class Part(NamedTuple):
    """A number of events, and how many there are in all: failed of settled deploys."""

    some: int
    whole: int


class Interval(NamedTuple):
    """The lowest and the highest value that the data leave plausible."""

    low: float
    high: float


def wilson(part: Part, confidence: float = ONE_PAGE) -> Interval | None:
    """Return the interval of a rate (Wilson, 1927); None for a part of nothing."""
    if not part.whole:
        return None
    z = _normal_quantile(confidence)
    rate, spread = part.some / part.whole, z * z / part.whole
    middle = (rate + spread / 2) / (1 + spread)
    half = sqrt(spread * (rate * (1 - rate) + spread / 4)) / (1 + spread)
    # At the ends, rounding would leave a rest of 1e-17.
    low = middle - half if part.some else 0.0
    high = middle + half if part.some < part.whole else 1.0
    return Interval(low, high)


def rate_difference(before: Part, after: Part, confidence: float = ONE_PAGE) -> Interval | None:
    """Return the interval of the rate after minus that before; None if either is a part of nothing."""
    old, new = wilson(before, confidence), wilson(after, confidence)
    if old is None or new is None:
        return None
    old_rate, new_rate = before.some / before.whole, after.some / after.whole
    difference = new_rate - old_rate
    return Interval(
        difference - hypot(new_rate - new.low, old.high - old_rate),
        difference + hypot(new.high - new_rate, old_rate - old.low),
    )


def compare_rates(before: Part, after: Part, confidence: float = ONE_PAGE) -> Verdict:
    """Say whether a rate is clearly higher or lower than before."""
    if min(before.whole, after.whole) < LEAST_SETTLED:
        return FEW
    interval = rate_difference(before, after, confidence)
    assert interval is not None
    if interval.low > 0:
        return HIGHER
    return LOWER if interval.high < 0 else UNCLEAR


def compare_durations(
    before: Sequence[Sequence[float]], after: Sequence[Sequence[float]], confidence: float = ONE_PAGE
) -> Verdict:
    """Say whether durations are clearly longer (`higher`) or shorter than before.

    Each inner sequence has the values of one deploy. Deploys without a value are ignored.
    """
    sides = [[deploy for deploy in side if deploy] for side in (before, after)]
    if min(map(len, sides)) < LEAST_DEPLOYS:
        return FEW
    old, new = sides
    rank = _mid_ranks(list(chain.from_iterable(chain(old, new))))
    ranks_before, ranks_after = (_rank_mean(side, rank) for side in (old, new))
    variance = ranks_before.variance + ranks_after.variance
    difference = ranks_after.mean - ranks_before.mean
    if not variance:  # every value of a side is the same
        return _verdict(difference)
    freedom = variance**2 / (ranks_before.share_of_freedom + ranks_after.share_of_freedom)
    limit = t_quantile((1 + confidence) / 2, freedom) * sqrt(variance)
    return _verdict(difference) if abs(difference) > limit else UNCLEAR


def compare_counts(before: Sequence[int], after: Sequence[int], confidence: float = ONE_PAGE) -> Verdict:
    """Say whether weekly counts are clearly higher or lower than before; each entry is a whole week."""
    first, second = len(before), len(after)
    if min(first, second) < LEAST_WEEKS:
        return FEW
    together: list[float] = [*before, *after]
    rank = _mid_ranks(together)
    number = first + second
    beyond = sum(rank[value] for value in after) - second * (number + 1) / 2
    ties = sum(size**3 - size for size in map(together.count, rank))
    variance = first * second / 12 * (number + 1 - ties / (number * (number - 1)))
    # Half a step less, since ranks are whole and the normal distribution is not.
    if abs(beyond) - 0.5 <= _normal_quantile(confidence) * sqrt(variance):
        return UNCLEAR
    return _verdict(beyond)


class _RankMean(NamedTuple):
    """The mean rank of one side, its variance, and its part of Welch's and Satterthwaite's freedom."""

    mean: float
    variance: float
    share_of_freedom: float


def _rank_mean(deploys: Sequence[Sequence[float]], rank: dict[float, float]) -> _RankMean:
    """Return the mean of a side; its variance is that of the means without one deploy each (jackknife).

    The variance of the sums of deploys would be too small where a few deploys have most of the commits.
    """
    sums = [(sum(map(rank.__getitem__, deploy)), len(deploy)) for deploy in deploys]
    values = sum(size for _, size in sums)
    mean = sum(total for total, _ in sums) / values
    moved = sum(((total - size * mean) / (values - size)) ** 2 for total, size in sums)
    variance = moved * (len(sums) - 1) / len(sums)
    # A deploy with most of the commits leaves less freedom than the number of deploys says.
    alike = values**2 / sum(size**2 for _, size in sums)
    return _RankMean(mean, variance, variance**2 / max(alike - 1, 1))


def _mid_ranks(values: list[float]) -> dict[float, float]:
    """Return the rank of each value, from 1; equal values share the mean of their ranks."""
    ordered = sorted(values)
    found: dict[float, float] = {}
    begin = 0
    for position in range(1, len(ordered) + 1):
        if position == len(ordered) or ordered[position] != ordered[begin]:
            found[ordered[begin]] = (begin + 1 + position) / 2
            begin = position
    return found


def _verdict(difference: float) -> Verdict:
    if not difference:
        return UNCLEAR
    return HIGHER if difference > 0 else LOWER


def _normal_quantile(confidence: float) -> float:
    """Return how many standard deviations on both sides hold this part of a normal distribution."""
    return NormalDist().inv_cdf((1 + confidence) / 2)


def t_quantile(probability: float, freedom: float) -> float:
    """Return a quantile of Student's distribution, by its expansion around the normal one.

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.5. From 5 degrees of freedom on,
    it is within 1 % of the exact value up to the quantile of 99.9 %.
    """
    z = NormalDist().inv_cdf(probability)
    return (
        z
        + (z**3 + z) / (4 * freedom)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * freedom**3)
        + (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / (92160 * freedom**4)
    )
