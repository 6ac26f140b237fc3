"""Sums in columns are those of the single rows, in any parts, and very many deploys are drawn from."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC

import numpy as np
from gitdailies_webhooks.figures.columns import (
    Columns,
    DeployValues,
    Each,
    FailureValues,
    UnlinkedValues,
    columns,
    joined,
    place_of,
    text_of_place,
)
from gitdailies_webhooks.figures.comparison import ONE_PAGE
from gitdailies_webhooks.figures.events import Place
from gitdailies_webhooks.figures.metrics import (
    DeployRow,
    IncidentRow,
    count_unlinked,
    figures,
    percentile,
    seconds,
)
from gitdailies_webhooks.figures.same_groups import SameGroups
from gitdailies_webhooks.figures.selection import Period
from gitdailies_webhooks.figures.sums import Cuts, Sums
from gitdailies_webhooks.figures.tally import (
    MOST_COMPARED,
    OF_LEADS,
    OF_OTHERS,
    Side,
    Tally,
    changes,
    drawn_lead_times,
    headline,
    in_seconds,
    in_seconds_of_runs,
    merged,
    numbers,
)
from gitdailies_webhooks.figures.weeks import by_deploy, by_place, in_one_place
from hypothesis import given
from hypothesis import strategies as st

from tests.support.figures.asking import alike

SETTLED_UNTIL = 50
WINDOW = 49
LAST = 99
PLACES = (
    Place("a/b", "", None),
    Place("a/c", "", "api"),
    Place("a/c", "", None),
    Place("a/b", "", "web"),
)
# Of each place: the second one is in two groups, the third in none, and the fourth where the first is.
GROUPS = ((("first",),), (("first",), ("second",)), (), (("first",),))


def values(
    deploys: Sequence[tuple[Place, DeployRow]], incidents: Sequence[tuple[Place, IncidentRow]]
) -> Columns:
    """Put rows into columns."""
    return columns(
        [
            DeployValues(place, row.at, row.rework, row.unknown, row.unknown_commits, row.lead_times)
            for place, row in deploys
        ],
        [
            FailureValues(place, row.at, row.recovery, row.open, row.remedied_after)
            for place, row in deploys
            if row.failed
        ],
        [UnlinkedValues(place, row.at, row.linked_wide) for place, row in incidents if not row.linked],
    )


def failing(row: DeployRow, recovery: int | None, remedied: int | None) -> DeployRow:
    """A failed deploy has a recovery, or is open, or has a remedy, or none of them; another one has none."""
    if not row.failed:
        return row._replace(open=False)
    if recovery is not None or row.open:
        return row._replace(recovery=None if row.open else recovery)
    return row._replace(remedied_after=remedied)


ROW = st.builds(
    DeployRow,
    id=st.just("d"),
    at=st.integers(0, LAST),
    rework=st.booleans(),
    failed=st.booleans(),
    unknown=st.booleans(),
    unknown_commits=st.integers(0, 3),
    lead_times=st.lists(st.integers(0, 10**9), max_size=3).map(lambda found: ",".join(map(str, found))),
    recovery=st.none(),
    open=st.booleans(),
    remedied_after=st.none(),
)
DURATION = st.none() | st.integers(0, 99)
DEPLOYS = st.lists(st.tuples(st.sampled_from(PLACES), st.builds(failing, ROW, DURATION, DURATION)))
INCIDENTS = st.lists(
    st.tuples(
        st.sampled_from(PLACES),
        st.builds(
            IncidentRow,
            st.just("i"),
            st.integers(0, LAST),
            st.none(),
            st.booleans(),
            linked_wide=st.booleans(),
        ),
    )
)


def groups_of(place: Place) -> tuple[tuple[str, ...], ...]:
    return GROUPS[PLACES.index(place)]


def sums(found: Columns, edges: Sequence[int]) -> Sums:
    keys = [groups_of(place_of(text)) for text in found.places]
    return Sums(found, keys, Cuts.of(edges, SETTLED_UNTIL))


@given(DEPLOYS, INCIDENTS, st.lists(st.integers(0, LAST), min_size=2, unique=True).map(sorted), st.data())
def test_the_sum_of_segments_is_that_of_their_rows(
    deploys: list[tuple[Place, DeployRow]],
    incidents: list[tuple[Place, IncidentRow]],
    edges: list[int],
    data: st.DataObject,
) -> None:
    """The figures of a group over some segments are those that the pure function makes row by row."""
    found = sums(values(deploys, incidents), edges)
    first = data.draw(st.integers(0, len(edges) - 2))
    behind = data.draw(st.integers(first + 1, len(edges) - 1))
    segments, period = range(first, behind), Period(edges[first], edges[behind], LAST, UTC)
    for key in (("first",), ("second",)):

        def mine(place: Place, at: int, key: tuple[str, ...] = key) -> bool:
            return key in GROUPS[PLACES.index(place)] and at in period

        rows = [row for place, row in deploys if mine(place, row.at)]
        others = [row for place, row in incidents if mine(place, row.at)]
        expected = figures(
            rows, unlinked=count_unlinked(others), period=period, observed_from=edges[first], window=WINDOW
        )
        days = period.days_since(edges[first])
        alike(headline(found.over(key, segments), found.times(key, segments), days), expected)
        assert found.deploys([key], [segments]) == [len(rows)]
        assert (key in found.keys(segments)) == bool(rows or any(not row.linked for row in others))


@given(DEPLOYS, DEPLOYS, INCIDENTS, INCIDENTS)
def test_columns_of_parts_are_those_of_all(
    first: list[tuple[Place, DeployRow]],
    second: list[tuple[Place, DeployRow]],
    some: list[tuple[Place, IncidentRow]],
    others: list[tuple[Place, IncidentRow]],
) -> None:
    """The figures of two parts that are joined are those of both together, and sums of groups add up."""
    edges, everything = [0, LAST + 1], range(1)
    together = sums(values([*first, *second], [*some, *others]), edges)
    parts = sums(joined([values(first, some), values([], []), values(second, others)], Each()), edges)
    for key in (("first",), ("second",)):
        same(parts, together, key, everything)
    both = together.together([("first",), ("second",)], everything)
    added = merged([together.over(key, everything) for key in (("first",), ("second",))])
    assert shown(both) == shown(added)
    assert both.deploys == sum(together.over(key, everything).deploys for key in (("first",), ("second",)))


@given(DEPLOYS, INCIDENTS, st.lists(st.integers(0, LAST), min_size=2, unique=True).map(sorted), st.data())
def test_a_week_by_place_has_the_sums_of_its_deploys(
    deploys: list[tuple[Place, DeployRow]],
    incidents: list[tuple[Place, IncidentRow]],
    edges: list[int],
    data: st.DataObject,
) -> None:
    """Weeks with one row for each place add up to what their deploys do, wherever they are not cut.

    A week with a cut inside has a row for each deploy. Places of the same groups can be put together.
    """
    began = data.draw(st.integers(0, LAST))
    cuts = Cuts.of(edges, SETTLED_UNTIL)
    parts = []
    same_groups = SameGroups(groups_of)
    for first, last in ((0, began - 1), (began, LAST)):
        week = by_place(
            values(
                [(place, row) for place, row in deploys if first <= row.at <= last],
                [(place, row) for place, row in incidents if first <= row.at <= last],
            ),
            first,
        )
        part = week.columns if cuts.is_whole(first, last) else by_deploy(week, Each())
        assert len(week.columns.deploys) <= len(PLACES)
        if data.draw(st.booleans()):
            within = cuts.within(first, last)
            part = same_groups.together(part, within)
            assert len(part.deploys) <= 2 * (len(within) + 1)
        parts.append(part)
    found, expected = sums(joined(parts, Each()), edges), sums(values(deploys, incidents), edges)
    for segment in range(len(edges) - 1):
        for key in (("first",), ("second",)):
            same(found, expected, key, range(segment, segment + 1))


@given(DEPLOYS, INCIDENTS, st.lists(st.integers(0, LAST), min_size=2, unique=True).map(sorted))
def test_a_week_in_one_place_has_the_sums_of_all_places(
    deploys: list[tuple[Place, DeployRow]], incidents: list[tuple[Place, IncidentRow]], edges: list[int]
) -> None:
    """Where places do not matter, a week adds up to what its deploys do if all are in the same place."""
    one = PLACES[0]
    week = in_one_place(by_place(values(deploys, incidents), 0), text_of_place(one))
    assert len(week.columns.deploys) == bool(deploys)
    expected = values([(one, row) for _, row in deploys], [(one, row) for _, row in incidents])
    for columns_, cut in ((by_deploy(week, Each()), edges), (week.columns, [0, LAST + 1])):
        found, alone = (
            Sums(part, [(("first",),)] * len(part.places), Cuts.of(cut, LAST))
            for part in (columns_, expected)
        )
        for segment in range(len(cut) - 1):
            same(found, alone, ("first",), range(segment, segment + 1))


def test_a_week_is_whole_where_no_cut_is_in_it() -> None:
    """A segment may begin with a week and end with it; young deploys may begin with it."""
    cuts = Cuts.of([10, 20, 40], 29)
    whole = {
        (first, last) for first in range(5, 45) for last in range(first, 45) if cuts.is_whole(first, last)
    }
    parts = (range(10, 20), range(20, 30), range(30, 40))
    assert whole == {(first, last) for part in parts for first in part for last in part if first <= last}


def same(found: Sums, expected: Sums, key: tuple[str, ...], segments: range) -> None:
    """Compare all that is asked of a group."""
    assert shown(found.over(key, segments)) == shown(expected.over(key, segments))
    assert list(found.times(key, segments)) == list(expected.times(key, segments))
    assert sorted(found.drawn([key], segments)) == sorted(expected.drawn([key], segments))
    assert set(found.keys(segments)) == set(expected.keys(segments))


def shown(found: Tally) -> dict[str, object]:
    return numbers(found, 9.0, None)


def drawn(deploys: Sequence[Sequence[int]]) -> list[float]:
    times = [time for deploy in deploys for time in deploy]
    counts = np.array([len(deploy) for deploy in deploys], np.uint32)
    return drawn_lead_times(np.array(times, np.int64), counts).tolist()


@given(st.lists(st.lists(st.integers(0, 2**46)), min_size=1), st.integers(0, 3))
def test_percentiles_of_runs_are_those_of_each(runs: list[list[int]], before: int) -> None:
    """The percentiles of many runs at once are those of one after another, whatever is before them."""
    durations = np.array([*range(before), *(one for run in runs for one in run), 7], np.int64)
    at = [before]
    for run in runs:
        at.append(at[-1] + len(run))
    found = in_seconds_of_runs(durations, at, *OF_LEADS)
    assert list(map(list, found)) == [in_seconds(np.array(run, np.int64), *OF_LEADS) for run in runs]


def many(some: Sequence[int], number: int, most: int) -> list[int]:
    """As many numbers below *most*, half of them from a few."""
    chance = random.Random(number)
    return chance.choices([*some, *(chance.randrange(most) for _ in some)], k=number)


@given(st.lists(st.integers(0, 2**52 - 1), min_size=1), st.integers(1100, 5000))
def test_percentiles_of_many_are_those_of_the_sorted_ones(some: list[int], number: int) -> None:
    """Percentiles of many durations, which are not sorted, are those of sorted ones."""
    durations = many(some, number, 2**52)
    found = np.array(durations)
    for hundredths in (OF_LEADS, OF_OTHERS, OF_OTHERS[:1]):
        expected = [seconds(percentile(sorted(durations), cut)) for cut in hundredths]
        assert in_seconds(found, *hundredths) == expected
    assert list(found) == durations


@given(st.lists(st.integers(0, 2**46 - 1), min_size=1), st.integers(1100, 5000))
def test_percentiles_of_long_runs_are_those_of_each(some: list[int], number: int) -> None:
    """The percentiles of runs of many durations at once are those of one after another."""
    durations = np.array(many(some, number, 2**46))
    at = [0, number, 2 * number]
    found = in_seconds_of_runs(np.concatenate([durations, durations[::-1]]), at, *OF_LEADS)
    assert list(map(list, found)) == [in_seconds(durations, *OF_LEADS)] * 2


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
    found = changes(side(Tally(), before), side(Tally(), after), ONE_PAGE)
    assert found["changeLeadTime"] == "unclear"


def side(tally: Tally, leads: Sequence[Sequence[int]], weeks: Sequence[int] = ()) -> Side:
    return Side(tally, np.array(drawn(leads)), weeks)


def test_what_became_of_a_figure_is_in_its_own_words() -> None:
    """Durations become longer or shorter, rates and counts higher or lower; little is said to be few."""
    before = side(Tally(deploys=40, failed=1, recoveries=np.full(12, 9)), [[9]] * 40, [9] * 12)
    now = side(Tally(deploys=40, failed=30, recoveries=np.full(12, 20), rework=0), [[5]] * 40, [1] * 12)
    assert changes(before, now, 0.95) == {
        "deploymentFrequency": "lower",
        "changeLeadTime": "shorter",
        "changeFailRate": "higher",
        "failedDeploymentRecoveryTime": "longer",
        "deploymentReworkRate": "unclear",
    }
    assert set(changes(side(Tally(), []), now._replace(weeks=()), 0.95).values()) == {"few"}
