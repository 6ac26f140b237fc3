"""The story of a deploy: nodes in order, and gaps that add up."""

from gitdailies_dora.figures.words.timeline import (
    BETWEEN,
    CLOSED,
    COMMIT,
    DEPLOY,
    LEAD_TIME,
    NOW,
    REMEDY,
    RESOLVED,
    STARTED,
    STILL_OPEN,
    UNTIL_NOTICED,
    DeployedCommit,
    Happening,
    Trouble,
    newest_change,
    timeline_of,
)
from hypothesis import given
from hypothesis import strategies as st

MINUTE = 60_000_000
DEPLOYED = Happening("d", 100 * MINUTE)


def at(minutes: int) -> int:
    return minutes * MINUTE


def test_a_failed_deploy_is_told_from_its_commit_to_its_end() -> None:
    """Commit, deploy, incident, rollback and end follow each other, and each gap says what it is."""
    nodes = timeline_of(
        DEPLOYED,
        [
            DeployedCommit("old", at(10), True),
            DeployedCommit("new", at(82), True),
            DeployedCommit("known", at(99), False),
        ],
        [Trouble(Happening("s", at(142)), Happening("e", at(162)))],
        [Happening("r", at(155))],
        at(999),
    )
    assert [(node.what, node.id or node.sha, node.gap, node.after) for node in nodes] == [
        (COMMIT, "new", "", None),
        (DEPLOY, "d", LEAD_TIME, at(18)),
        (STARTED, "s", UNTIL_NOTICED, at(42)),
        (REMEDY, "r", BETWEEN, at(13)),
        (RESOLVED, "e", BETWEEN, at(7)),
    ]


def test_an_open_incident_ends_the_story_now() -> None:
    """While an incident is open, the last node is now; an end without a recovery says so."""
    trouble = Trouble(Happening("s", at(110)), Happening("e", at(130)), merged=True)
    early, late = (timeline_of(DEPLOYED, [], [trouble], [], at(now)) for now in (120, 140))
    assert [(node.what, node.gap, node.after) for node in early][-1] == (NOW, STILL_OPEN, at(10))
    assert [node.what for node in late] == [DEPLOY, STARTED, CLOSED]


def test_a_commit_without_a_lead_time_is_no_node() -> None:
    """A commit that is not new, has no time, or is later than the deploy is not where the story begins."""
    left_out = [
        DeployedCommit("a", at(50), False),
        DeployedCommit("b", None, True),
        DeployedCommit("c", at(101), True),
    ]
    assert newest_change(left_out, DEPLOYED.at) is None
    assert [node.what for node in timeline_of(DEPLOYED, left_out, [], [], at(200))] == [DEPLOY]


MOMENTS = st.integers(0, 20).map(at)
HAPPENINGS = st.lists(st.builds(Happening, st.sampled_from("abc"), MOMENTS), max_size=3)
TROUBLES = st.lists(
    st.builds(
        lambda start, length, merged: Trouble(
            Happening("s", start), None if length is None else Happening("e", start + length), merged
        ),
        MOMENTS,
        st.none() | MOMENTS,
        st.booleans(),
    ),
    max_size=3,
)


@given(st.none() | st.just(Happening("d", at(9))), TROUBLES, HAPPENINGS, MOMENTS)
def test_gaps_add_up(
    deploy: Happening | None, troubles: list[Trouble], remedies: list[Happening], now: int
) -> None:
    """The nodes are in order, none is later than now, and the gaps add up to the whole time."""
    nodes = timeline_of(deploy, [DeployedCommit("a", at(2), True)], troubles, remedies, now)
    assert [node.at for node in nodes] == sorted(node.at for node in nodes)
    assert all(node.at <= now for node in nodes)
    if nodes:
        assert sum(node.after or 0 for node in nodes) == nodes[-1].at - nodes[0].at
        assert [node.after is None for node in nodes] == [True, *[False] * (len(nodes) - 1)]
