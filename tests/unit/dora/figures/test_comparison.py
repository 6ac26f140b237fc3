"""Comparisons: known intervals and chances, and simulations that count false alarms and true findings."""

import math
import random
import statistics
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import NamedTuple

import pytest
from gitdailies_dora.figures.answers.comparison import (
    FEW,
    HIGHER,
    LEAST_DEPLOYS,
    LEAST_SETTLED,
    LEAST_WEEKS,
    LOWER,
    UNCLEAR,
    Difference,
    Part,
    Verdict,
    both,
    clear,
    compare_by_ranks,
    compare_rates,
    compare_with_all,
    wilson,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.support.forms import short_and_long

# Enough rounds to tell 1 % from 5 %.
rounds = short_and_long("rounds", short=400, long=8_000, seconds=lambda size: 60 + size / 20)


@pytest.mark.parametrize(
    ("some", "whole", "low", "high"),
    [
        (0, 1, 0, 0.793),
        (0, 5, 0, 0.434),
        (1, 7, 0.026, 0.513),
        (0, 24, 0, 0.138),
        (1, 24, 0.007, 0.202),
        (8, 100, 0.041, 0.150),
        (149, 2227, 0.057, 0.078),
        (5, 5, 0.566, 1),
    ],
)
def test_an_interval_of_a_rate_is_the_published_one(some: int, whole: int, low: float, high: float) -> None:
    """Wilson's interval at 95 % is that of the tables, to three targets."""
    assert wilson(some, whole) == pytest.approx((low, high), abs=6e-4)


def compare_durations(before: Sequence[float], after: Sequence[float]) -> Difference:
    return compare_by_ranks(before, after, LEAST_DEPLOYS)


def compare_counts(before: Sequence[float], after: Sequence[float]) -> Difference:
    return compare_by_ranks(before, after, LEAST_WEEKS)


def ways(some: int, whole: int) -> int:
    return math.comb(whole, some)


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 30), st.integers(0, 30))
def test_two_rates_are_compared_by_the_exact_chance(first: int, second: int, more: int, less: int) -> None:
    """The chance is that of all tables with these sums that are as far out or further, twice (Fisher)."""
    before, after = Part(first, first + more + 20), Part(second, second + less + 20)
    failed, number = first + second, before.whole + after.whole
    is_more = after.some * before.whole > before.some * after.whole
    further = range(second, failed + 1) if is_more else range(second + 1)
    tables = [
        ways(some, after.whole) * ways(failed - some, before.whole) for some in further if failed >= some
    ]
    found = compare_rates(before, after)
    if found.word == UNCLEAR:
        assert after.some * before.whole == before.some * after.whole
        return
    assert found.word == (HIGHER if is_more else LOWER)
    assert found.p == pytest.approx(min(2 * sum(tables) / ways(failed, number), 1), rel=1e-6)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(1, 500), st.integers(1, 500))
def test_a_group_is_compared_with_all_by_the_exact_chance(
    some: int, more: int, failed: int, rest: int
) -> None:
    """The chance is that of as many failures or further out, at the rate of all (binomial), twice."""
    part, every = Part(some, some + more + 20), Part(failed, failed + rest)
    rate, common = Fraction(part.some, part.whole), Fraction(every.some, every.whole)
    found = compare_with_all(every, part)
    further = range(some, part.whole + 1) if rate > common else range(some + 1)
    chance = sum(ways(k, part.whole) * common**k * (1 - common) ** (part.whole - k) for k in further)
    if rate == common:
        assert found.word == UNCLEAR
        return
    assert found.word == (HIGHER if rate > common else LOWER)
    assert found.p == pytest.approx(float(min(2 * chance, 1)), rel=1e-6)


def test_rates_of_very_many_deploys_are_compared_exactly() -> None:
    """A million deploys a side give a chance that is neither lost nor wrong."""
    even = compare_rates(Part(50_000, 1_000_000), Part(50_010, 1_000_000))
    assert 0.97 < even.p <= 1
    far = compare_rates(Part(50_000, 1_000_000), Part(52_000, 1_000_000))
    # The normal approximation has 1.1e-10.
    assert far.p == pytest.approx(1.1e-10, rel=0.3)
    assert far.word == HIGHER
    assert compare_rates(Part(0, 10**6), Part(10**6, 10**6)) == Difference(HIGHER, 0)


def test_all_comparisons_of_an_answer_share_one_level() -> None:
    """One comparison is clear from 99 % on, one of five from 99.8 % on, and the next one from 99.75 % on."""

    def of(*chances: float) -> list[Verdict]:
        return clear([Difference(HIGHER, p) for p in chances])

    assert of(0.0099) == [HIGHER]
    assert of(0.0101) == [UNCLEAR]
    assert of(0.5, 0.0021, 0.5, 0.5, 0.5) == [UNCLEAR] * 5
    assert of(0.5, 0.0019, 0.5, 0.5, 0.0024) == [UNCLEAR, HIGHER, UNCLEAR, UNCLEAR, HIGHER]
    assert of(0.5, 0.0019, 0.5, 0.5, 0.0026) == [UNCLEAR, HIGHER, UNCLEAR, UNCLEAR, UNCLEAR]


def test_what_is_not_compared_takes_nothing_from_the_level() -> None:
    """Figures with too few events do not make the others harder to say; those that are not said do."""
    one, few, tiny = Difference(LOWER, 0.009), Difference(FEW), Difference(UNCLEAR, 0.001)
    assert clear([few, one, few]) == [FEW, LOWER, FEW]
    assert clear([tiny, one]) == [UNCLEAR, LOWER]
    assert clear([Difference(UNCLEAR), one]) == [UNCLEAR, UNCLEAR]
    assert clear([]) == []


def test_two_measures_of_a_figure_must_agree() -> None:
    """If they moved in two ways, nothing is clear; if in one, the clearer of two chances counts twice."""
    sure, vague = Difference(HIGHER, 0.001), Difference(HIGHER, 0.6)
    assert both(sure, vague) == both(vague, sure) == Difference(HIGHER, 0.002)
    assert both(vague, vague) == vague
    for other in (Difference(LOWER, 0.9), Difference(UNCLEAR)):
        assert clear([both(sure, other)]) == [UNCLEAR]


class Sides(NamedTuple):
    """How the deploys of two periods are drawn: their numbers, and the largest number of commits of each.

    `commits_after` is that of the second period, if it differs. `skewed` deploys are mostly small. With
    `heavy` tails, one commit in a hundred waited for weeks.
    """

    before: int
    after: int
    commits: int
    commits_after: int = 0
    skewed: bool = False
    heavy: bool = False

    def draw(self, chance: random.Random, times: float = 1) -> tuple[list[float], list[float]]:
        """Draw the median lead time of each deploy of both periods; the second is *times* as long."""
        return (
            self._deploys(chance, self.before, self.commits, 1),
            self._deploys(chance, self.after, self.commits_after or self.commits, times),
        )

    def _deploys(self, chance: random.Random, number: int, commits: int, times: float) -> list[float]:
        """Draw lead times in hours: the commits of a deploy waited together, and each for itself."""
        drawn = []
        for _ in range(number):
            share = chance.expovariate(3) if self.skewed else chance.random()
            together = self._wait(chance, 6)
            waits = [together + self._wait(chance, 3) for _ in range(1 + int(share * commits))]
            drawn.append(times * statistics.median(waits))
        return drawn

    def _wait(self, chance: random.Random, hours: float) -> float:
        if self.heavy:
            return hours * chance.paretovariate(1.1)
        return chance.lognormvariate(math.log(hours), 1)


def alarms(rounds: int, compare: Callable[[random.Random], Difference]) -> int:
    """Count the rounds in which a difference is marked, that is the only one of its answer."""
    chance = random.Random(11)
    return sum(clear([compare(chance)])[0] in (HIGHER, LOWER) for _ in range(rounds))


def most_alarms(rounds: int, share: float = 0.01) -> float:
    """The stated number of false alarms, and what chance adds to it in one of a thousand simulations."""
    return rounds * share + 3.1 * math.sqrt(rounds * share) + 1


@rounds
@pytest.mark.parametrize(
    "sides",
    [
        Sides(10, 10, 4),
        Sides(25, 25, 7, heavy=True),
        Sides(40, 12, 1),
        Sides(30, 60, 20, skewed=True),
    ],
)
def test_equal_lead_times_are_marked_as_rarely_as_stated(sides: Sides, rounds: int) -> None:
    """Lead times of the same distribution differ clearly in 1 % of comparisons at most."""
    found = alarms(rounds, lambda chance: compare_durations(*sides.draw(chance)))
    assert found <= most_alarms(rounds)


@rounds
def test_deploys_of_another_size_are_marked_little_more_often(rounds: int) -> None:
    """Small deploys vary more than large ones: equal lead times differ clearly in 2 % at most."""
    sides = Sides(40, 12, 12, commits_after=1)
    assert alarms(rounds, lambda chance: compare_durations(*sides.draw(chance))) <= most_alarms(rounds, 0.02)


@rounds
@pytest.mark.parametrize(
    "sides",
    [
        Sides(60, 60, 7),
        Sides(60, 60, 12, skewed=True),
        Sides(60, 60, 7, heavy=True),
        Sides(80, 80, 4),
        Sides(120, 120, 1),
    ],
)
def test_halved_lead_times_are_found(sides: Sides, rounds: int) -> None:
    """With a hundred commits in each period, a repository's page says a true halving in nine of ten cases."""
    chance, others = random.Random(13), [Difference(UNCLEAR)] * 4
    found = sum(
        clear([compare_durations(*sides.draw(chance, 0.5)), *others])[0] == LOWER for _ in range(rounds)
    )
    assert found >= 0.9 * rounds


@rounds
@pytest.mark.parametrize(("weeks", "a_week"), [(6, 3.0), (12, 0.5), (12, 8.0)])
@pytest.mark.parametrize("at_once", [(1,), (1, 1, 4)], ids=["single deploys", "deploys in clusters"])
def test_equal_weekly_counts_are_marked_as_rarely_as_stated(
    weeks: int, a_week: float, at_once: Sequence[int], rounds: int
) -> None:
    """Two periods with as many deploys differ clearly in 1 % of comparisons at most."""

    def week(chance: random.Random) -> int:
        count, at = 0, chance.expovariate(a_week)
        while at < 1:
            count += chance.choice(at_once)
            at += chance.expovariate(a_week)
        return count

    def compare(chance: random.Random) -> Difference:
        before, after = ([week(chance) for _ in range(weeks)] for _ in range(2))
        return compare_counts(before, after)

    assert alarms(rounds, compare) <= most_alarms(rounds)


def test_too_little_is_told_apart_from_no_clear_change() -> None:
    """Below the least numbers, a comparison says that there are too few, however large the difference."""
    assert clear([compare_rates(Part(0, LEAST_SETTLED - 1), Part(500, 500))]) == [FEW]
    assert clear([compare_rates(Part(0, LEAST_SETTLED), Part(500, 500))]) == [HIGHER]
    assert clear([compare_with_all(Part(9, 900), Part(19, LEAST_SETTLED - 1))]) == [FEW]
    assert clear([compare_with_all(Part(9, 900), Part(19, LEAST_SETTLED))]) == [HIGHER]
    fast, slow = [1.0] * LEAST_DEPLOYS, [9.0] * LEAST_DEPLOYS
    assert clear([compare_durations(fast[1:], slow)]) == [FEW]
    assert clear([compare_durations(fast, slow)]) == [HIGHER]
    assert clear([compare_counts([0] * (LEAST_WEEKS - 1), [9] * 30)]) == [FEW]
    assert clear([compare_counts([0] * LEAST_WEEKS, [9] * 30)]) == [HIGHER]


VALUES = st.lists(st.integers(0, 5), max_size=25)
COUNTS = st.lists(st.integers(0, 6), max_size=15)
OPPOSITE: dict[Verdict, Verdict] = {HIGHER: LOWER, LOWER: HIGHER, UNCLEAR: UNCLEAR, FEW: FEW}


@given(VALUES, VALUES, COUNTS, COUNTS)
def test_the_other_way_round_is_the_opposite(
    first: list[int], second: list[int], old: list[int], new: list[int]
) -> None:
    """Exchanged periods give the opposite answer, and equal periods no clear change."""
    for compare, one, other in ((compare_durations, first, second), (compare_counts, old, new)):
        there, back = compare(one, other), compare(other, one)
        assert (back.word, back.p) == (OPPOSITE[there.word], pytest.approx(there.p))
        assert compare(one, one).word in (UNCLEAR, FEW)


@given(st.integers(0, 90), st.integers(1, 90))
def test_an_interval_holds_its_rate(some: int, more: int) -> None:
    """The interval of a rate is within 0 and 1, and the rate is in it."""
    part = Part(some, some + more)
    interval = wilson(*part)
    assert interval is not None
    assert 0 <= interval.low <= part.some / part.whole <= interval.high <= 1
