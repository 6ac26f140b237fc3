"""Silence: a habit of deploys that stops, and a source of incidents that is quiet for longer than ever."""

import pytest
from gitdailies_dora.figures.words.silence import (
    REPORTER,
    REPOSITORY,
    SOURCE,
    Sighting,
    Sign,
    silent_deploys,
    silent_sources,
)

from tests.unit.dora.figures.test_review import DAY, sighting

WEEKS = [(number * 7 * DAY, (number + 1) * 7 * DAY) for number in range(4)]


def habit(repo: str, reporter: str = "", weeks: int = 4) -> list[Sighting]:
    return [
        sighting(f"{repo}{reporter}{number}", number * 7 * DAY + 1, repo=repo, reporter=reporter)
        for number in range(weeks)
    ]


def test_what_came_every_week_and_does_not_come_is_silent() -> None:
    """A habit of four weeks that stops is silent. A silent reporter of a silent repository is listed once."""
    before = sorted(
        [
            *habit("a/stopped", "ci"),
            *habit("a/goes", "ci"),
            *habit("a/goes", "relay"),
            *habit("a/rare", weeks=3),
        ],
        key=lambda one: one.at,
    )
    current = [sighting("now", 29 * DAY, repo="a/goes", reporter="ci")]
    found = silent_deploys(before, current, WEEKS)
    assert [(one.what, one.repo, one.name, one.last) for one in found] == [
        (REPORTER, "a/goes", "relay", "a/goesrelay3"),
        (REPOSITORY, "a/stopped", "", "a/stoppedci3"),
    ]


@pytest.mark.parametrize(
    ("days", "silent_on"),
    [
        ([0], 30),  # a single event: no pause to compare with
        ([0, 1, 2], 32),  # three times a day is less than 30 days
        ([0, 20], 80),
        ([0, 20, 21], 81),  # the longest pause counts
    ],
)
def test_a_source_is_silent_after_three_pauses_and_thirty_days(days: list[int], silent_on: int) -> None:
    """A source of incidents is listed in the week when its patience ends, and in no other week."""
    signs = [Sign(f"e{day}", day * DAY, "pagerduty") for day in days]
    for week in range(15):
        began, ended = week * 7 * DAY, (week + 1) * 7 * DAY
        found = silent_sources([sign for sign in signs if sign.at < ended], began, ended)
        expected = [(SOURCE, "pagerduty", signs[-1].id)] if began <= silent_on * DAY < ended else []
        assert [(one.what, one.name, one.last) for one in found] == expected


def test_a_source_that_sends_again_is_not_silent() -> None:
    """An event begins the patience of its source again. Each source is judged by itself."""
    signs = [Sign("old", 0, "datadog"), Sign("old-too", 0, "pagerduty"), Sign("new", 33 * DAY, "pagerduty")]
    assert [one.name for one in silent_sources(signs, 28 * DAY, 35 * DAY)] == ["datadog"]
