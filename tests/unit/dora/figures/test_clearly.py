"""Simulated overviews and repositories: how often a page says that something changed or differs."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
import pytest
from gitdailies_core.values.deploy_target import DeployTarget
from gitdailies_dora.figures.answers import series
from gitdailies_dora.figures.answers.columns import DEPLOYS, FAILURE, columns, target_of, text_of_target
from gitdailies_dora.figures.answers.comparison import is_clear
from gitdailies_dora.figures.answers.selection import Period
from gitdailies_dora.figures.answers.series import Clear, SeriesQuestion, clear_of
from gitdailies_dora.figures.answers.sums import Sums
from gitdailies_server.storage.timestamps import to_us
from numpy.typing import NDArray

from tests.support.forms import short_and_long

HOUR = 3_600_000_000
DAYS = 90
NOW = to_us(datetime(2026, 6, 1, 9, tzinfo=UTC))
# Enough rounds to tell 1 % of pages from the 30 % and more of single comparisons.
overviews = short_and_long(
    "rounds", "GITDAILIES_OVERVIEWS", short=12, long=100, seconds=lambda size: 60 + size * 2
)
pages = short_and_long("rounds", short=60, long=1_000, seconds=lambda size: 60 + size)


class Rates(NamedTuple):
    """How many deploys each repository has in a period, and the shares of them that fail."""

    deploys: NDArray[np.float64]
    failed: float | NDArray[np.float64]


def draw(chance: np.random.Generator, before: Rates, now: Rates) -> tuple[SeriesQuestion, Sums, list[str]]:
    """Draw a period and the one before it."""
    parts = [_deploys(chance, *one, start) for one, start in ((before, 2 * DAYS), (now, DAYS))]
    deploys, leads, failed = (np.concatenate(some) for some in zip(*parts, strict=True))
    failures = np.zeros(failed.sum(), FAILURE)
    failures["at"], failures["target"] = deploys["at"][failed], deploys["target"][failed]
    failures["recovery"], failures["remedied"] = chance.lognormal(0, 1, len(failures)) * HOUR, -1
    repos = [f"larkspur/service-{number:03}" for number in range(len(now.deploys))]
    found = columns([], [], [])._replace(
        targets=[text_of_target(DeployTarget(repo, "", None)) for repo in repos],
        deploys=deploys,
        lead_times=leads,
        failures=failures,
        times=deploys["at"],
        lead_counts=deploys["leads"],
    )
    period = Period(NOW - DAYS * 24 * HOUR, None, NOW, UTC)
    question = SeriesQuestion(period, by=("team", "repo"), compare=True, whole=True)
    where = series.cuts(series.plan(question), question, 24 * HOUR)
    return question, Sums(found, [question.keys(target_of(text)) for text in found.targets], where), repos


def _deploys(
    chance: np.random.Generator, expected: NDArray[np.float64], rate: float | NDArray[np.float64], start: int
) -> tuple[NDArray[np.void], NDArray[np.int64], NDArray[np.bool_]]:
    """Draw the deploys of a period, their lead times, and which of them failed."""
    target = np.repeat(np.arange(len(expected)), chance.poisson(expected))
    deploys = np.zeros(len(target), DEPLOYS)
    deploys["target"], deploys["deploys"] = target, 1
    deploys["at"] = NOW - start * 24 * HOUR + chance.random(len(target)) * DAYS * 24 * HOUR
    deploys["leads"] = chance.integers(1, 5, len(target))
    deploys["rework"] = chance.random(len(target)) < 0.05
    waits = np.repeat(chance.lognormal(1, 1, len(target)), deploys["leads"])
    leads = (waits * chance.lognormal(0, 1, len(waits)) * HOUR).astype(np.int64)
    return deploys, leads, chance.random(len(target)) < np.broadcast_to(rate, len(expected))[target]


def overview(chance: np.random.Generator, before: Rates, now: Rates) -> Clear:
    """Return what an overview of drawn repositories says."""
    question, sums, repos = draw(chance, before, now)
    planned, firsts = series.plan(question), dict.fromkeys(repos, NOW - 3 * DAYS * 24 * HOUR)
    return clear_of(question, planned, sums, series.ordered(question, planned, sums), firsts)


def repository(chance: np.random.Generator, before: Rates, now: Rates) -> dict[str, str]:
    """Return the words of the page of one drawn repository."""
    question, sums, repos = draw(chance, before, now)
    planned = series.plan(question)
    first = series.first_of(question, {repos[0]: NOW - 3 * DAYS * 24 * HOUR}, series.ALL)
    (change,), _ = series.changes(series.differences(planned, sums, [(series.ALL,)], [first]))
    assert change is not None
    return dict(change.by_figure)


def says_something(words: Sequence[str]) -> bool:
    return any(map(is_clear, words))


def most(rounds: int) -> float:
    """Return 1.6 % of the rounds, or as many as chance makes of 1 % in one of a thousand short forms."""
    return max(0.016 * rounds, 2)


@overviews
@pytest.mark.parametrize("busy", [DAYS / 7, DAYS], ids=["a deploy a week", "a deploy a day"])
def test_an_overview_of_repositories_that_are_alike_accuses_none(rounds: int, busy: float) -> None:
    """With nothing changed, at most 1.6 % of pages of 300 repositories say that anything did, or differs."""
    chance, alarms = np.random.default_rng(21), 0
    for _ in range(rounds):
        alike = Rates(chance.lognormal(np.log(busy), 1, 300), 0.087)
        found = overview(chance, alike, alike)
        words = [word for one in found.changes.values() if one for word in one.by_figure.values()]
        assert len(words) > 5 * 280
        alarms += bool(found.apart) or says_something(words)
    assert alarms <= most(rounds)


def test_an_overview_names_the_repository_that_differs() -> None:
    """Of forty, those that fail four times as often or never are named, not one that failed 9 of 9 times."""
    deploys, failed = np.full(40, 300.0), np.full(40, 0.08)
    failed[7], failed[11] = 0.32, 0
    deploys[20], failed[20] = 9, 1
    found = overview(np.random.default_rng(22), Rates(deploys, failed), Rates(deploys, failed))
    assert [repo for _, repo in found.apart] == ["larkspur/service-007", "larkspur/service-011"]


@pages
@pytest.mark.parametrize("deploys", [20, 100, 800])
def test_a_page_of_a_repository_without_a_change_says_nothing(rounds: int, deploys: int) -> None:
    """With nothing changed, at most 1.6 % of pages of one repository say that one of five figures changed."""
    chance, same = np.random.default_rng(23), Rates(np.array([deploys]), 0.08)
    alarms = sum(says_something([*repository(chance, same, same).values()]) for _ in range(rounds))
    assert alarms <= most(rounds)


@pages
@pytest.mark.parametrize(("deploys", "rate"), [(400, 0.15), (1500, 0.10)])
def test_a_fail_rate_that_truly_rose_is_said(rounds: int, deploys: int, rate: float) -> None:
    """A rise from 5 to 15 % at 400 deploys a side, or from 5 to 10 % at 1,500, is said in 80 % or more."""
    chance, number = np.random.default_rng(24), np.array([deploys])
    found = sum(
        repository(chance, Rates(number, 0.05), Rates(number, rate))["changeFailRate"] == "higher"
        for _ in range(rounds)
    )
    assert found >= 0.8 * rounds
