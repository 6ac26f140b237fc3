"""Tests in two forms: a short one for every run, and under the marker `long` one that searches for longer."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

import pytest
from hypothesis import settings

# The profiles of Hypothesis that `make quick` and `make test-long` ask for.
QUICK, THOROUGH = "quick", "thorough"
_MEASURED = "measured"


def short_and_long(
    argument: str,
    variable: str = "",
    *,
    short: int,
    long: int,
    seconds: Callable[[int], float] = lambda _: 300,
) -> pytest.MarkDecorator:
    """Give *argument* the size of each form; the environment variable *variable* replaces the long one's.

    *seconds* gives the time limit of a form of a size.
    """
    most = int(os.environ.get(variable, long)) if variable else long
    return pytest.mark.parametrize(
        argument,
        [
            pytest.param(short, id="short", marks=pytest.mark.timeout(seconds(short))),
            pytest.param(most, id="long", marks=[pytest.mark.long, pytest.mark.timeout(seconds(most))]),
        ],
    )


def examples(count: int) -> int:
    """Return how many of *count* examples a search has: all in the long form, else a third or a fifth."""
    return count // {QUICK: 5, THOROUGH: 1}.get(settings.get_current_profile_name(), 3)


@pytest.fixture
def measure(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Store a test's measurement until the end of the run, where long forms print it."""
    return lambda text: request.node.user_properties.append((_MEASURED, text))


def measured(reports: Iterable[pytest.TestReport]) -> list[str]:
    """Return what the long forms among *reports* measured, a line for each."""
    return [
        str(text)
        for report in reports
        if "long" in report.keywords
        for name, text in report.user_properties
        if name == _MEASURED
    ]
