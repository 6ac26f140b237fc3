"""A history worked by hand: `worked/derivation.md` says how each number comes about."""

from datetime import timedelta

import pytest
from gitdailies_dora.figures.history.settings import FigureSettings

from tests.support.figures.asking import alike, compute, worked
from tests.support.figures.worked.expected import QUESTIONS, WHY, expected

BERLIN = FigureSettings(timezone="Europe/Berlin", window=timedelta(hours=72))


@pytest.mark.parametrize("name", QUESTIONS)
def test_figures_are_those_worked_by_hand(name: str) -> None:
    """Every number of every figure is the one of the derivation."""
    figures = compute(worked(), QUESTIONS[name], BERLIN).figures()
    alike(figures, expected(name))


@pytest.mark.parametrize("id_", WHY)
def test_each_event_says_why_it_counts(id_: str) -> None:
    """The words of an event's verdicts are those of the table, for the question "shop"."""
    assert compute(worked(), QUESTIONS["shop"], BERLIN).why(id_) == WHY[id_]


def test_the_table_holds_every_event() -> None:
    """No event of the history is without an expected verdict, and there are at least 60."""
    assert [event["id"] for event in worked()] == list(WHY)
    assert len(WHY) >= 60
