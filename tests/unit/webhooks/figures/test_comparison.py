"""Comparisons of two periods: known intervals, and simulations that count false alarms and true findings."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable, Sequence
from typing import NamedTuple

import pytest
from gitdailies_webhooks.figures.comparison import (
    FEW,
    HIGHER,
    LEAST_DEPLOYS,
    LEAST_SETTLED,
    LEAST_WEEKS,
    LOWER,
    MANY_ROWS,
    ONE_PAGE,
    UNCLEAR,
    Part,
    Verdict,
    compare_counts,
    compare_durations,
    compare_rates,
    rate_difference,
    t_quantile,
    wilson,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.support.forms import short_and_long

# Enough rounds to tell 5 % from 10 %, and 0.2 % from 2 %.
rounds = short_and_long("rounds", short=400, long=8_000, seconds=lambda size: 60 + size / 20)
confidences = pytest.mark.parametrize("confidence", [ONE_PAGE, MANY_ROWS])


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
    """Wilson's interval at 95 % is that of the tables, to three places."""
    assert wilson(Part(some, whole)) == pytest.approx((low, high), abs=6e-4)


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((10, 10), (0, 20), 0.6791, 1.0),
    ],
)
def test_an_interval_of_a_difference_is_the_published_one(
    first: tuple[int, int], second: tuple[int, int], low: float, high: float
) -> None:
    """Newcombe's interval (method 10) is that of the table of his paper, Statistics in Medicine 17, 1998."""
    assert rate_difference(Part(*second), Part(*first)) == pytest.approx((low, high), abs=1e-4)


@pytest.mark.parametrize(
    ("probability", "freedom", "value"),
    [
        (0.975, 5, 2.5706),
        (0.975, 9, 2.2622),
        (0.975, 30, 2.0423),
        (0.999, 5, 5.8934),
        (0.999, 9, 4.2968),
        (0.999, 30, 3.3852),
        (0.999, 1000, 3.0984),
    ],
)
def test_a_quantile_of_student_is_that_of_the_tables(
    probability: float, freedom: float, value: float
) -> None:
    """The expansion is within 1 % of the exact quantile."""
    assert t_quantile(probability, freedom) == pytest.approx(value, rel=0.01)


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


def alarms(rounds: int, compare: Callable[[random.Random], Verdict]) -> int:
    """Count the rounds in which a difference is marked."""
    chance = random.Random(11)
    return sum(compare(chance) in (HIGHER, LOWER) for _ in range(rounds))


def most_alarms(rounds: int, confidence: float) -> float:
    """The stated number of false alarms, and what chance adds to it in one of a thousand simulations."""
    expected = rounds * (1 - confidence)
    return expected + 3.1 * math.sqrt(expected) + 1


@confidences
@rounds
@pytest.mark.parametrize(
    "sides",
    [
        Sides(10, 10, 4),
        Sides(25, 25, 7, heavy=True),
        Sides(40, 12, 1),
        Sides(30, 60, 20, skewed=True),
        Sides(40, 12, 12, commits_after=1),
    ],
)
def test_equal_lead_times_are_marked_as_rarely_as_stated(
    sides: Sides, rounds: int, confidence: float
) -> None:
    """Lead times of the same distribution differ clearly in 5 % or 0.2 % of comparisons at most."""

    def compare(chance: random.Random) -> Verdict:
        return compare_durations(*sides.draw(chance), confidence)

    assert alarms(rounds, compare) <= most_alarms(rounds, confidence)


@rounds
@pytest.mark.parametrize(
    "sides",
    [
        Sides(25, 25, 7),
        Sides(25, 25, 12, skewed=True),
        Sides(25, 25, 7, heavy=True),
        Sides(40, 40, 4),
        Sides(100, 100, 1),
    ],
)
def test_halved_lead_times_are_found(sides: Sides, rounds: int) -> None:
    """With a hundred commits in each period, a true halving is marked as shorter in nine of ten cases."""
    chance = random.Random(13)
    found = sum(compare_durations(*sides.draw(chance, 0.5)) == LOWER for _ in range(rounds))
    assert found >= 0.9 * rounds


@confidences
@rounds
@pytest.mark.parametrize("rate", [0.02, 0.08, 0.15])
@pytest.mark.parametrize("whole", [20, 60])
def test_equal_fail_rates_are_marked_as_rarely_as_stated(
    rate: float, whole: int, rounds: int, confidence: float
) -> None:
    """Two periods with the same fail rate differ clearly in 5 % or 0.2 % of comparisons at most."""

    def part(chance: random.Random) -> Part:
        return Part(sum(chance.random() < rate for _ in range(whole)), whole)

    found = alarms(rounds, lambda chance: compare_rates(part(chance), part(chance), confidence))
    assert found <= most_alarms(rounds, confidence)


@confidences
@rounds
@pytest.mark.parametrize(("weeks", "a_week"), [(6, 3.0), (12, 0.5), (12, 8.0)])
@pytest.mark.parametrize("at_once", [(1,), (1, 1, 4)], ids=["single deploys", "deploys in clusters"])
def test_equal_weekly_counts_are_marked_as_rarely_as_stated(
    weeks: int, a_week: float, at_once: Sequence[int], rounds: int, confidence: float
) -> None:
    """Two periods with as many deploys differ clearly in 5 % or 0.2 % of comparisons at most."""

    def week(chance: random.Random) -> int:
        count, at = 0, chance.expovariate(a_week)
        while at < 1:
            count += chance.choice(at_once)
            at += chance.expovariate(a_week)
        return count

    def compare(chance: random.Random) -> Verdict:
        before, after = ([week(chance) for _ in range(weeks)] for _ in range(2))
        return compare_counts(before, after, confidence)

    assert alarms(rounds, compare) <= most_alarms(rounds, confidence)


def test_too_little_is_told_apart_from_no_clear_change() -> None:
    """Below the least numbers, a comparison says that there are too few, however large the difference."""
    assert compare_rates(Part(0, LEAST_SETTLED - 1), Part(500, 500)) == FEW
    assert compare_rates(Part(0, LEAST_SETTLED), Part(500, 500)) == HIGHER
    fast, slow = [1.0] * LEAST_DEPLOYS, [9.0] * LEAST_DEPLOYS
    assert compare_durations(fast[1:], slow) == FEW
    assert compare_durations(fast, slow) == HIGHER
    assert compare_counts([0] * (LEAST_WEEKS - 1), [9] * 30) == FEW
    assert compare_counts([0] * LEAST_WEEKS, [9] * 30) == HIGHER


VALUES = st.lists(st.integers(0, 5), max_size=25)
COUNTS = st.lists(st.integers(0, 6), max_size=15)
OPPOSITE: dict[Verdict, Verdict] = {HIGHER: LOWER, LOWER: HIGHER, UNCLEAR: UNCLEAR, FEW: FEW}


@given(VALUES, VALUES, COUNTS, COUNTS)
def test_the_other_way_round_is_the_opposite(
    first: list[int], second: list[int], old: list[int], new: list[int]
) -> None:
    """Exchanged periods give the opposite answer, and equal periods no clear change."""
    assert compare_durations(second, first) == OPPOSITE[compare_durations(first, second)]
    assert compare_counts(new, old) == OPPOSITE[compare_counts(old, new)]
    assert compare_durations(first, first) in (UNCLEAR, FEW)
    assert compare_counts(old, old) in (UNCLEAR, FEW)


@given(st.integers(0, 90), st.integers(1, 90), st.sampled_from([ONE_PAGE, MANY_ROWS]))
def test_an_interval_holds_its_rate(some: int, more: int, confidence: float) -> None:
    """The interval of a rate is within 0 and 1, and the rate is in it."""
    part = Part(some, some + more)
    interval = wilson(part, confidence)
    assert interval is not None
    assert 0 <= interval.low <= part.some / part.whole <= interval.high <= 1
