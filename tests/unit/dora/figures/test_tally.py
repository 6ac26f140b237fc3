"""Sums in columns are those of the single rows, in any parts, and very many deploys are drawn from."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from gitdailies_core.values.deploy_target import DeployTarget
from gitdailies_dora.figures.answers import tally as tally_module
from gitdailies_dora.figures.answers.columns import (
    NONE,
    Columns,
    DeployValues,
    Durations,
    FailureValues,
    IncidentValues,
    by_target,
    columns,
    joined,
    target_of,
)
from gitdailies_dora.figures.answers.comparison import clear
from gitdailies_dora.figures.answers.sums import Cuts, Sums
from gitdailies_dora.figures.answers.tally import (
    MOST_COMPARED,
    Side,
    Tally,
    changes,
    differences,
    drawn_lead_times,
    in_seconds,
)
from gitdailies_dora.figures.history.facts import EVIDENCE
from hypothesis import given
from hypothesis import strategies as st

SETTLED_UNTIL = 50
LAST = 99
PLACES = (
    DeployTarget("a/b", "", None),
    DeployTarget("a/c", "", "api"),
    DeployTarget("a/c", "", None),
    DeployTarget("a/b", "", "web"),
)
# Of each target: the second one is in two groups, the third in none, and the fourth where the first is.
GROUPS = ((("first",),), (("first",), ("second",)), (), (("first",),))


Deploys = Sequence[DeployValues]
Failures = Sequence[FailureValues]
Incidents = Sequence[IncidentValues]


def failure(
    target: DeployTarget, at: int, evidence: str, recovery: int | None, remedied: int | None, *, is_open: bool
) -> FailureValues:
    """A failed deploy has a recovery, or is open, or has a remedy, or none of them."""
    if is_open or recovery is not None:
        return FailureValues(target, at, evidence, None if is_open else recovery, is_open, None)
    return FailureValues(target, at, evidence, None, False, remedied)


PLACE, TIME = st.sampled_from(PLACES), st.integers(0, LAST)
DURATION = st.none() | st.integers(0, 99)
DEPLOYS = st.lists(
    st.builds(
        DeployValues,
        PLACE,
        TIME,
        st.booleans(),
        st.booleans(),
        st.booleans(),
        st.integers(0, 3),
        st.lists(st.integers(0, 10**9), max_size=3),
    )
)
FAILURES = st.lists(
    st.builds(failure, PLACE, TIME, st.sampled_from(EVIDENCE), DURATION, DURATION, is_open=st.booleans())
)
INCIDENTS = st.lists(st.builds(IncidentValues, PLACE, TIME, st.booleans(), st.booleans(), st.booleans()))
EDGES = st.lists(st.integers(0, LAST), min_size=2, unique=True).map(sorted)
KEYS = (("first",), ("second",))


def groups_of(target: DeployTarget) -> tuple[tuple[str, ...], ...]:
    return GROUPS[PLACES.index(target)]


def sums(
    found: Columns, edges: Sequence[int], settled_until: int = SETTLED_UNTIL, cut: Sequence[int] = ()
) -> Sums:
    keys = [groups_of(target_of(text)) for text in found.targets]
    return Sums(found, keys, Cuts.of(edges, settled_until, 0), cut)


@given(DEPLOYS, FAILURES, INCIDENTS, EDGES, st.integers(0, LAST))
def test_a_week_by_place_has_the_sums_of_its_deploys(
    deploys: Deploys, failures: Failures, incidents: Incidents, edges: list[int], began: int
) -> None:
    """Weeks with a row for each target add up to what their deploys do; those with a cut are split."""
    cuts = Cuts.of(edges, SETTLED_UNTIL, 0)
    weeks, cut = [], []
    for first, last in ((0, began - 1), (began, LAST)):
        within = [[one for one in of if first <= one.at <= last] for of in (deploys, failures, incidents)]
        weeks.append(by_target(columns(*within), first))  # type: ignore[arg-type]
        if not cuts.is_whole(first, last):
            cut.append(first)
    packed = joined(weeks)
    assert len(packed.deploys) <= len(weeks) * len(PLACES)
    found, expected = sums(packed, edges, cut=cut), sums(columns(deploys, failures, incidents), edges)
    for segment in range(len(edges) - 1):
        for key in KEYS:
            same(found, expected, key, range(segment, segment + 1))


def test_a_week_is_whole_where_no_cut_is_in_it() -> None:
    """A segment may begin with a week and end with it; what is not settled may begin with it."""
    cuts = Cuts.of([10, 20, 40], 29, 0)
    whole = {
        (first, last) for first in range(5, 45) for last in range(first, 45) if cuts.is_whole(first, last)
    }
    parts = (range(10, 20), range(20, 30), range(30, 40))
    assert whole == {(first, last) for part in parts for first in part for last in part if first <= last}


def same(found: Sums, expected: Sums, key: tuple[str, ...], segments: range) -> None:
    """Compare all that is asked of a group."""
    assert shown(found.over(key, segments)) == shown(expected.over(key, segments))
    (drawn_,), (of_expected,) = found.drawn([[key]], segments), expected.drawn([[key]], segments)
    assert sorted(drawn_) == sorted(of_expected)
    assert set(found.keys(segments)) == set(expected.keys(segments))


def shown(found: Tally) -> dict[str, Any]:
    """The values of a sum, durations and times in order."""
    values = found._asdict()
    return {name: value if isinstance(value, int) else sorted(value) for name, value in values.items()}


def drawn(deploys: Sequence[Sequence[int]]) -> list[float]:
    times = [time for deploy in deploys for time in deploy]
    counts = np.array([len(deploy) for deploy in deploys], np.uint32)
    (found,) = drawn_lead_times(np.array(times, np.int64), counts, np.array([len(deploys)]))
    medians: list[float] = found.tolist()
    return medians


def percentile(durations: Sequence[int], hundredths: int) -> float | None:
    """A percentile in seconds, as the definition says: linear between neighbors."""
    if not durations:
        return None
    ordered, (below, rest) = sorted(durations), divmod(hundredths * (len(durations) - 1), 100)
    low = ordered[below]
    return (low + (ordered[below + 1] - low) * rest / 100 if rest else low) / 1_000_000


@given(st.lists(st.lists(st.integers(0, 2**52 - 1), max_size=9)), st.integers(1, 5000), st.integers(1, 99))
def test_percentiles_are_those_of_the_sorted_durations(some: list[list[int]], number: int, most: int) -> None:
    """Percentiles of several durations, which are not sorted, are those of sorted ones, however many."""
    chance = random.Random(number)
    several = [*some, [chance.randrange(2**52) for _ in range(number)], []]
    found = [np.array(durations, np.int64) for durations in several]
    expected = [[percentile(durations, cut) for cut in (25, 50, 75, 90)] for durations in several]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tally_module, "_MOST_AT_ONCE", most)
        assert in_seconds(found, 25, 50, 75, 90) == expected
    assert in_seconds(found, 25, 50, 75, 90) == expected
    assert list(map(list, found)) == several


def test_very_many_deploys_are_drawn_alike_in_any_order() -> None:
    """Of very many deploys, about as many as are compared are drawn, the same ones in any order."""
    chance = random.Random(3)
    deploys = [[chance.randrange(10**10), chance.randrange(10**10)] for _ in range(20 * MOST_COMPARED)]
    found = drawn(deploys)
    chance.shuffle(deploys)
    assert sorted(drawn(deploys)) == sorted(found)
    assert 0.8 < len(found) / MOST_COMPARED < 1.2
    few = deploys[:MOST_COMPARED]
    assert drawn(few) == [sum(deploy) / 2 for deploy in few]


def test_many_commits_of_one_deploy_count_as_one_wait() -> None:
    """Two slow deploys of a hundred commits among fast ones do not make a period slower."""
    before = [[hour] for hour in range(1, 21)]
    after = [*before[2:], [30] * 100, [40] * 100]
    assert changed(side(Tally(), before), side(Tally(), after))["changeLeadTime"] == "unclear"


def changed(before: Side, now: Side) -> Mapping[str, str]:
    """What became of each figure, where nothing else is compared."""
    return changes(clear(differences(before, now))).by_figure


def side(tally: Tally, leads: Sequence[Sequence[int]], weeks: Sequence[int] = ()) -> Side:
    return Side(tally, np.array(drawn(leads)), weeks)


def test_what_became_of_a_figure_is_in_its_own_words() -> None:
    """Durations become longer or shorter, rates and counts higher or lower; little is said to be few."""
    slow, fast = np.full(400, 9), np.full(400, 5)
    before = side(tally(failed=1, lead_times=slow, recoveries=np.full(12, 9)), [[9]] * 40, [9] * 12)
    now = side(tally(failed=30, lead_times=fast, recoveries=np.full(12, 20)), [[5]] * 40, [1] * 12)
    assert changed(before, now) == {
        "deploymentFrequency": "lower",
        "changeLeadTime": "shorter",
        "changeFailRate": "higher",
        "failedDeploymentRecoveryTime": "longer",
        "deploymentReworkRate": "unclear",
    }
    assert set(changed(side(Tally(), []), now._replace(weeks=())).values()) == {"few"}


def tally(failed: int = 0, lead_times: Durations = NONE, recoveries: Durations = NONE) -> Tally:
    return Tally(deploys=40, evidence=(failed, 0, 0, 0), lead_times=lead_times, recoveries=recoveries)


@pytest.mark.parametrize(
    ("before", "now", "word"),
    [
        (238, 242, "unclear"),  # minutes, about four hours
        (1000, 1099, "unclear"),
        (1000, 1100, "longer"),
        (1000, 901, "unclear"),
        (1000, 900, "shorter"),
    ],
)
def test_a_duration_is_another_one_from_a_tenth_on(before: int, now: int, word: str) -> None:
    """However clearly durations differ, less than a tenth of the median is no change worth saying."""

    def of(at: int) -> Side:
        return side(tally(lead_times=np.full(40, at), recoveries=np.full(40, at)), [[at]] * 40)

    found = changed(of(before), of(now))
    assert [found["changeLeadTime"], found["failedDeploymentRecoveryTime"]] == [word, word]


def test_a_duration_did_not_change_against_the_number_that_people_read() -> None:
    """If most deploys became slower and the median of all commits did not, nothing is said."""
    before = side(tally(lead_times=np.full(40, 100)), [[100]] * 40)
    now = side(tally(lead_times=np.full(400, 50)), [[200]] * 40)
    assert changed(before, now)["changeLeadTime"] == "unclear"
