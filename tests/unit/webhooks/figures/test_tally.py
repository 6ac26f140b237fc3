"""Sums of deploys and incidents: they can be added in any parts, and very many deploys are drawn from."""

from __future__ import annotations

import random
from collections.abc import Sequence

from gitdailies_webhooks.figures.comparison import ONE_PAGE
from gitdailies_webhooks.figures.metrics import DeployRow, IncidentRow
from gitdailies_webhooks.figures.tally import (
    BETWEEN,
    MOST_COMPARED,
    Tally,
    Weeks,
    changes,
    drawn_lead_times,
    merged,
    numbers,
    tally,
)
from hypothesis import given
from hypothesis import strategies as st

SETTLED_UNTIL = 50

DEPLOYS = st.lists(
    st.builds(
        DeployRow,
        id=st.just("d"),
        at=st.integers(0, 99),
        rework=st.booleans(),
        failed=st.booleans(),
        unknown=st.booleans(),
        unknown_commits=st.integers(0, 3),
        lead_times=st.lists(st.integers(0, 10**9), max_size=3).map(lambda found: ",".join(map(str, found))),
        recovery=st.none() | st.integers(0, 99),
        open=st.booleans(),
        remedied_after=st.none(),
    )
)
INCIDENTS = st.lists(
    st.builds(
        IncidentRow, st.just("i"), st.integers(0, 99), st.none(), st.booleans(), linked_wide=st.booleans()
    )
)


def text(deploys: Sequence[Sequence[int]]) -> str:
    return BETWEEN.join(",".join(map(str, deploy)) for deploy in deploys)


@given(DEPLOYS, DEPLOYS, INCIDENTS, INCIDENTS)
def test_sums_of_parts_are_the_sum_of_all(
    first: list[DeployRow], second: list[DeployRow], some: list[IncidentRow], others: list[IncidentRow]
) -> None:
    """The figures of two parts that are added are those of both together."""
    together = tally([*first, *second], [*some, *others], SETTLED_UNTIL)
    parts = merged((tally(first, some, SETTLED_UNTIL), Tally(), tally(second, others, SETTLED_UNTIL)))
    assert numbers(parts, 9.0, None) == numbers(together, 9.0, None)


def test_very_many_deploys_are_drawn_alike_in_any_order() -> None:
    """Of very many deploys, about as many as are compared are drawn, the same ones in any order."""
    chance = random.Random(3)
    deploys = [[chance.randrange(10**10), chance.randrange(10**10)] for _ in range(20 * MOST_COMPARED)]
    drawn = drawn_lead_times(text(deploys))
    chance.shuffle(deploys)
    assert sorted(drawn_lead_times(text(deploys))) == sorted(drawn)
    assert 0.8 < len(drawn) / MOST_COMPARED < 1.2
    few = deploys[:MOST_COMPARED]
    assert drawn_lead_times(text(few)) == [sum(deploy) / 2 for deploy in few]


def test_many_commits_of_one_deploy_count_as_one_wait() -> None:
    """Two slow deploys of a hundred commits among fast ones do not make a period slower."""
    before = [[hour] for hour in range(1, 21)]
    after = [*before[2:], [30] * 100, [40] * 100]
    found = changes(Tally(leads=text(before)), Tally(leads=text(after)), Weeks((), ()), ONE_PAGE)
    assert found["changeLeadTime"] == "unclear"


def test_what_became_of_a_figure_is_in_its_own_words() -> None:
    """Durations become longer or shorter, rates and counts higher or lower; little is said to be few."""
    before = Tally(deploys=40, leads=text([[9]] * 40), failed=1, recoveries=(9,) * 12)
    now = Tally(deploys=40, leads=text([[5]] * 40), failed=30, recoveries=(20,) * 12, rework=0)
    assert changes(before, now, Weeks([9] * 12, [1] * 12), 0.95) == {
        "deploymentFrequency": "lower",
        "changeLeadTime": "shorter",
        "changeFailRate": "higher",
        "failedDeploymentRecoveryTime": "longer",
        "deploymentReworkRate": "unclear",
    }
    assert set(changes(Tally(), now, Weeks([], []), 0.95).values()) == {"few"}
