"""Figures of histories with a known truth are near it, for busy teams and slow ones, from the first days on.

The long form draws 400 histories, or as many as GITDAILIES_HISTORIES says. The short one draws a few, looks
at the figures with many events behind them, and allows for chance. Run with `-s` to see the differences as
a table.
"""

import random

import pytest
from gitdailies_dora.figures.answers.numbers import FAIL_RATE, FREQUENCY, LEAD_TIME
from gitdailies_dora.pages.overview import cards
from gitdailies_dora.pages.overview.cards import CardContext

from tests.support.figures.known_truth import (
    BUSY,
    DAY,
    ESTABLISHED,
    VIEWS,
    WEEKLY,
    Team,
    answers,
    draw,
    means,
    table,
)
from tests.support.forms import short_and_long

NEAR = 0.10
# What the short form allows, and the figures that it looks at.
NEARLY, COMMON = 0.40, (FAIL_RATE, FREQUENCY, LEAD_TIME)
FEW = 50


@pytest.mark.parametrize("team", [BUSY, WEEKLY], ids=lambda team: team.name)
@short_and_long(
    "histories", "GITDAILIES_HISTORIES", short=3, long=400, seconds=lambda histories: 60 + 4 * histories
)
def test_every_figure_is_near_the_truth(team: Team, histories: int) -> None:
    """The mean of each figure is within 10 % of the truth in every view and on every day, or it is null.

    The frequency of the first days is off by its nature: the day of the first event counts as a whole, which
    makes it 9 % too low on the fifth day.
    """
    found = means(team, histories)
    print(f"\n{table(team, found)}")
    for (day, view, name), mean in found.items():
        if mean.known < 0.5:
            continue  # null for lack of a settled deploy, a predecessor or a failure
        if histories < FEW and name not in COMMON:
            continue
        allowed = NEARLY if histories < FEW else NEAR
        assert abs(mean.ratio - 1) <= allowed, (team.name, name, f"day {day}", f"{view} days", mean)


def test_one_weekly_repository_has_counts() -> None:
    """A month of one weekly repository is shown as counts: a rate of four deploys would mean nothing."""
    alone = WEEKLY._replace(repositories=1)
    history, _ = draw(alone, random.Random("alone"), ESTABLISHED)
    now = history.deploys[0].at + ESTABLISHED * DAY
    context = CardContext("24 h")
    for view, figures in answers(history, now, VIEWS).items():
        lines = [
            *cards.FAIL_RATE.headlines(figures.change_fail_rate, context),
            *cards.REWORK.headlines(figures.deployment_rework_rate, context),
        ]
        assert any("%" in text for line in lines for text in line) == (view > 30), lines
