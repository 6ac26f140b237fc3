"""Tests in two forms: a short one for every run, and under the marker `long` one that searches for longer."""

import os
from collections import Counter
from collections.abc import Callable, Iterable

import pytest
from hypothesis import HealthCheck, settings

# The profiles of Hypothesis that `make quick`, `make test` and `make test-long` ask for.
QUICK, USUAL, THOROUGH = "quick", "usual", "thorough"
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


def thin_matrices(items: Iterable[pytest.Item]) -> None:
    """Leave one case for each value in the short form of a test with the marker `matrix`.

    `matrix(by=("room",))` looks at the values of these parameters alone, else at those of all. With
    `matrix(every=3)` only each third of the cases that are left so stays. The long form has the rest.
    """
    seen: dict[str, set[tuple[str, str]]] = {}
    kept: dict[str, int] = {}
    for item in items:
        marker = item.get_closest_marker("matrix")
        if marker is None or not isinstance(item, pytest.Function) or not hasattr(item, "callspec"):
            continue
        test = item.nodeid.partition("[")[0]
        names = marker.kwargs.get("by") or item.callspec.params
        values = {(name, repr(item.callspec.params[name])) for name in names}
        if values <= seen.setdefault(test, set()):
            item.add_marker(pytest.mark.long)
            continue
        seen[test] |= values
        if kept.setdefault(test, 0) % marker.kwargs.get("every", 1):
            item.add_marker(pytest.mark.long)
        kept[test] += 1


def examples(count: int) -> int:
    """Return how many of *count* examples a search has: all in the long form, else an eighth."""
    return count if settings.get_current_profile_name() == THOROUGH else count // 8


def search(count: int) -> settings:
    """Return the settings of a search with *count* examples, which share what the test is given."""
    return settings(
        max_examples=examples(count),
        deadline=None,
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,
            HealthCheck.too_slow,
            HealthCheck.data_too_large,
            HealthCheck.differing_executors,
        ],
    )


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


def skipped(reports: Iterable[pytest.TestReport]) -> list[tuple[str, int]]:
    """Return each reason for which tests were skipped, and the number of tests, the most first."""
    reasons = (report.longrepr[2] for report in reports if isinstance(report.longrepr, tuple))
    return Counter(reason.removeprefix("Skipped: ") for reason in reasons).most_common()
