"""Whether a figure differs clearly from another one, or by no more than chance makes.

| figure | test | least number on each side |
| --- | --- | --- |
| a rate | exact: Fisher's of two periods, the binomial distribution for a common rate | `LEAST_SETTLED` |
| a duration | ranks of one value of each deploy | `LEAST_DEPLOYS` with a value |
| deploys a week | ranks of weekly counts | `LEAST_WEEKS`, all of them whole |

A single comparison is clear at 99 %. An answer has many, and each has its chance to be wrong. So `clear`
takes all of them together: where nothing differs, 1 of 100 answers says that anything does.

The commits of one deploy waited for the same moment, so they are not as many as their number says: the lead
time of a deploy is the median of its commits. Deploys come in clusters, so weekly counts are compared by
ranks, and not by the distribution of Poisson. The test of ranks is that of Mann and Whitney (1947).
"""

from collections.abc import Iterable, Sequence
from math import erfc, exp, lgamma, log, sqrt
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

# The confidence of a whole answer, however many comparisons it has.
CONFIDENCE = 0.99
# A change of a duration is worth saying if it is at least this part of the earlier one.
WORTH_SAYING = 0.1

LEAST_SETTLED = 20
LEAST_DEPLOYS = 10
LEAST_WEEKS = 6

# How many standard deviations on both sides hold 95 % of a normal distribution.
_Z = NormalDist().inv_cdf(0.975)
# Further outcomes add nothing that a comparison with a level could notice.
_NEGLIGIBLE = 1e-9


class Part(NamedTuple):
    """A number of events, and how many there are in all: failed of settled deploys."""

    some: int
    whole: int


class Interval(NamedTuple):
    """The lowest and the highest value that the data leave plausible."""

    low: float
    high: float


class Difference(NamedTuple):
    """The word for a difference if it is clear, and how often chance makes one that is as large."""

    word: Verdict
    p: float = 1.0


def clear(found: Sequence[Difference]) -> list[Verdict]:
    """Say which differences of an answer are clear, all of them together (Holm, 1979)."""
    words = [FEW if one.word == FEW else UNCLEAR for one in found]
    compared = sorted((one.p, at) for at, one in enumerate(found) if one.word != FEW)
    for rank, (p, at) in enumerate(compared):
        if p * (len(compared) - rank) > 1 - CONFIDENCE:
            break
        words[at] = found[at].word
    return words


def is_clear(word: str) -> bool:
    """Whether the word for a difference says that there is one."""
    return word not in (FEW, UNCLEAR)


def both(first: Difference, second: Difference) -> Difference:
    """Return the difference of a figure that two measures must agree on: the clearer one of them."""
    if first.word != second.word:
        return Difference(UNCLEAR)
    # Two measures have two chances to be wrong.
    return first if first == second else Difference(first.word, min(2 * min(first.p, second.p), 1))


def wilson(some: float, whole: int) -> Interval | None:
    """Return the 95 % interval of a rate (Wilson, 1927); None for a part of nothing."""
    if not whole:
        return None
    rate, spread = some / whole, _Z * _Z / whole
    middle = (rate + spread / 2) / (1 + spread)
    half = sqrt(spread * (rate * (1 - rate) + spread / 4)) / (1 + spread)
    # At the ends, rounding would leave a rest of 1e-17.
    low = middle - half if some else 0.0
    high = middle + half if some < whole else 1.0
    return Interval(low, high)


def compare_rates(before: Part, after: Part) -> Difference:
    """Compare a rate with that before, by the exact test of Fisher."""
    if min(before.whole, after.whole) < LEAST_SETTLED:
        return Difference(FEW)
    more = after.some * before.whole - before.some * after.whole
    if not more:
        return Difference(UNCLEAR)
    high, low = (after, before) if more > 0 else (before, after)
    together = Part(high.some + low.some, high.whole + low.whole)
    ratios = (
        (high.whole - high.some - step)
        * (low.some - step)
        / ((high.some + step + 1) * (low.whole - low.some + step + 1))
        for step in range(low.some)
    )
    first = exp(_log_ways(high) + _log_ways(low) - _log_ways(together))
    return _exactly(HIGHER if more > 0 else LOWER, first, ratios)


def compare_with_all(every: Part, part: Part) -> Difference:
    """Compare the rate of a group with that of all groups together, by the binomial distribution."""
    if part.whole < LEAST_SETTLED:
        return Difference(FEW)
    # A group of this size has settled deploys, so that all together have some.
    rate, common = part.some / part.whole, every.some / every.whole
    if rate == common or not 0 < common < 1:
        return Difference(UNCLEAR)
    word = HIGHER if rate > common else LOWER
    if word == LOWER:  # at least as many did not fail
        part, common = Part(part.whole - part.some, part.whole), 1 - common
    rest = part.whole - part.some
    first = exp(_log_ways(part) + part.some * log(common) + rest * log(1 - common))
    odds = common / (1 - common)
    ratios = ((rest - step) / (part.some + step + 1) * odds for step in range(rest))
    return _exactly(word, first, ratios)


def _log_ways(part: Part) -> float:
    """Return the logarithm of the number of ways to choose a part."""
    return lgamma(part.whole + 1) - lgamma(part.some + 1) - lgamma(part.whole - part.some + 1)


def _exactly(word: Verdict, first: float, ratios: Iterable[float]) -> Difference:
    """Add up the chances of an outcome and of those further out, each a *ratio* of the one before it.

    It is doubled, since the difference might have been in the other direction.
    """
    total = term = first
    for ratio in ratios:
        term *= ratio
        total += term
        if term <= total * _NEGLIGIBLE:
            break
    return Difference(word, min(2 * total, 1))


def compare_by_ranks(before: Values, after: Values, least: int) -> Difference:
    """Compare by the sum of ranks of one side, minus what it is on average if both sides are alike.

    The values are counts of whole weeks, or durations, one of each deploy; *least* are needed on each side.
    """
    first, second = len(before), len(after)
    if min(first, second) < least:
        return Difference(FEW)
    number = first + second
    after = np.sort(after)
    every = np.sort(np.concatenate([before, after]))
    # Equal values share the mean of their ranks.
    ranks = int(np.searchsorted(every, after).sum() + np.searchsorted(every, after, "right").sum()) + second
    beyond = ranks / 2 - second * (number + 1) / 2
    changed = np.flatnonzero(every[1:] != every[:-1]) + 1
    sizes = np.diff(np.concatenate([[0], changed, [number]])).astype(np.float64)
    ties = float((sizes**3 - sizes).sum())
    alike = first * second / 12 * (number + 1 - ties / (number * (number - 1)))
    if not beyond or not alike:
        return Difference(UNCLEAR)
    # Half a step less, since ranks are whole and the distributions are not.
    p = erfc(max(abs(beyond) - 0.5, 0) / sqrt(2 * alike))
    return Difference(HIGHER if beyond > 0 else LOWER, p)
