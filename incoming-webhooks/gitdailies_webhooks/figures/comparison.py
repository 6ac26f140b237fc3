"""Whether a figure differs clearly between two periods, or by no more than chance makes.

| figure | test | least number in each period |
| --- | --- | --- |
| a rate | Newcombe's interval of the difference of two rates (1998, method 10) | `LEAST_SETTLED` |
| a duration | ranks of one value of each deploy | `LEAST_DEPLOYS` with a value |
| deploys a week | ranks of weekly counts | `LEAST_WEEKS`, all of them whole |

The commits of one deploy waited for the same moment, so they are not as many as their number says: the lead
time of a deploy is the median of its commits. Deploys come in clusters, so weekly counts are compared by
ranks, and not by the distribution of Poisson.

Two tests of ranks have to agree: that of Mann and Whitney (1947), and that of Brunner and Munzel (2000),
which holds for two sides of different spread, too. Small deploys vary more than large ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import hypot, sqrt
from statistics import NormalDist
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Values: TypeAlias = Sequence[float] | NDArray[Any]
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


def compare_durations(before: Values, after: Values, confidence: float = ONE_PAGE) -> Verdict:
    """Say whether durations are clearly longer (`higher`) or shorter than before; each is of one deploy."""
    return FEW if min(len(before), len(after)) < LEAST_DEPLOYS else _by_ranks(before, after, confidence)


def compare_counts(before: Values, after: Values, confidence: float = ONE_PAGE) -> Verdict:
    """Say whether weekly counts are clearly higher or lower than before; each entry is a whole week."""
    return FEW if min(len(before), len(after)) < LEAST_WEEKS else _by_ranks(before, after, confidence)


def _by_ranks(before: Values, after: Values, confidence: float) -> Verdict:
    """Compare by the sum of ranks of one side, minus what it is on average if both sides are alike."""
    first, second = len(before), len(after)
    number = first + second
    rank = _mid_ranks(np.concatenate([before, after]))
    beyond = float(rank.of[first:].sum()) - second * (number + 1) / 2
    ties = float((rank.sizes**3 - rank.sizes).sum())
    alike = first * second / 12 * (number + 1 - ties / (number * (number - 1)))
    # Half a step less, since ranks are whole and the distributions are not.
    steps = abs(beyond) - 0.5
    if steps <= _normal_quantile(confidence) * sqrt(alike):
        return UNCLEAR
    # The sides may have the same middle, and differ in how far their values spread.
    sides = [
        first * _placement_variance(before, rank.of[:first]),
        second * _placement_variance(after, rank.of[first:]),
    ]
    if spread := sum(sides):
        freedom = spread**2 / sum(
            part**2 / (size - 1) for part, size in zip(sides, (first, second), strict=True)
        )
        if steps <= t_quantile((1 + confidence) / 2, freedom) * sqrt(spread):
            return UNCLEAR
    return _verdict(beyond)


class _Ranks(NamedTuple):
    """The rank of each value, from 1; equal values share the mean of their ranks, and `sizes` count them."""

    of: NDArray[np.float64]
    sizes: NDArray[np.float64]


def _placement_variance(side: Values, among_all: NDArray[np.float64]) -> float:
    """Return the variance of how many values of the other side are below each value of this one."""
    return float(np.var(among_all - _mid_ranks(np.asarray(side)).of, ddof=1))


def _mid_ranks(values: NDArray[Any]) -> _Ranks:
    _, place, sizes = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(sizes)
    return _Ranks((last - (sizes - 1) / 2)[place], sizes.astype(np.float64))


def _verdict(difference: float) -> Verdict:
    if not difference:
        return UNCLEAR
    return HIGHER if difference > 0 else LOWER


@cache  # there are two levels of confidence
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
