"""The answers in the address of DORA's Quick Check."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest
from gitdailies_dora.figures.answers.chance import Pools
from gitdailies_dora.figures.answers.tally import Tally, figures_of
from gitdailies_dora.figures.words.quick_check import quick_check

MINUTE, DAY = 60_000_000, 86_400_000_000
NO_INCIDENTS = Pools(np.zeros(0), np.zeros(0), np.zeros(0), np.zeros(0), np.zeros((1, 0)), np.zeros((1, 0)))


def answers(days: float = 90, **sums: Any) -> dict[str, str]:
    address = urlsplit(quick_check(figures_of(Tally(**sums), days, None, NO_INCIDENTS)))
    assert f"{address.scheme}://{address.netloc}{address.path}" == "https://dora.dev/quickcheck/"
    return dict(parse_qsl(address.query))


@pytest.mark.parametrize(
    ("at", "answer"),
    [
        (59 * MINUTE, "6"),  # less than one hour
        (60 * MINUTE, "5"),  # less than one day
        (DAY, "4"),  # one day to one week
        (7 * DAY, "3"),  # one week to one month
        (30 * DAY, "2"),  # one to six months
        (183 * DAY, "1"),  # more than six months
    ],
)
def test_durations_are_answered_by_the_steps_of_the_page(at: int, answer: str) -> None:
    """A lead time and a recovery time have the answer whose words are true of them."""
    found = answers(lead_times=np.array([at]), recoveries=np.array([at]))
    assert (found["leadtime"], found["failurerecovery"]) == (answer, answer)
    assert answers(remedied=np.array([at]), deploys=1)["failurerecovery"] == answer


@pytest.mark.parametrize(
    ("deploys", "days", "answer"),
    [(1, 300, "1"), (1, 90, "2"), (4, 60, "3"), (80, 90, "4"), (90, 90, "5"), (170, 90, "5"), (180, 90, "6")],
)
def test_deploys_are_answered_by_the_steps_of_the_page(deploys: int, days: float, answer: str) -> None:
    """From less than once in half a year to several a day."""
    assert answers(days, deploys=deploys)["deployfreq"] == answer


def test_what_is_not_known_is_left_to_the_page() -> None:
    """Rates are whole percents; without deploys, only the edition is filled in."""
    assert answers(days=0.5) == {"v": "2025"}
    found = answers(deploys=200, evidence=(13, 0, 0, 0), rework=29)
    assert (found["changefailure"], found["rework"]) == ("6", "14")
    assert "leadtime" not in found
