"""The new commits of deploys, found from pairs of commits, against a slow way by sets of ancestors."""

from typing import Any

import pytest
from gitdailies_core.values.deploy_target import DeployTarget
from gitdailies_dora.figures.history.ancestry import (
    Between,
    GitFindings,
    KnownCommits,
    Pair,
    deploys_to_ask_about,
    find_commits,
)
from gitdailies_dora.figures.history.events import Commit, Deploy, GitCommits, read_history
from gitdailies_dora.figures.history.lead_time import new_commits
from gitdailies_dora.figures.history.settings import FigureSettings
from hypothesis import given
from hypothesis import strategies as st

HERE = DeployTarget("a/b", "", None)

# Each commit by the numbers of its parents, all of them smaller than its own.
Graph = list[frozenset[int]]


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    parents: Graph = [frozenset()]
    for number in range(1, draw(st.integers(2, 14))):
        near = st.integers(max(0, number - 4), number - 1)
        parents.append(draw(st.frozensets(near, min_size=1, max_size=2)))
    return parents


def sha(number: int) -> str:
    return f"{number:02d}" * 20


def at(number: int) -> int:
    return number * 10


def ancestors(graph: Graph, number: int) -> set[int]:
    return {number}.union(*(ancestors(graph, parent) for parent in graph[number]))


def single(graph: Graph, numbers: set[int]) -> set[str]:
    return {sha(number) for number in numbers if len(graph[number]) < 2}


def between(graph: Graph, earlier: int, later: int) -> Between:
    old, new = ancestors(graph, earlier), ancestors(graph, later)
    ahead = tuple(Commit(name, at(int(name[:2]))) for name in sorted(single(graph, new - old)))
    return Between(ahead, tuple(single(graph, old - new)))


def deploys_of(graph: Graph, numbers: list[int]) -> list[Deploy]:
    """Deploy commits one after another, each after its commit time."""
    found: list[Deploy] = []
    moment = 0
    for index, number in enumerate(numbers):
        moment = max(moment + 1, at(number) + 1)
        found.append(Deploy(f"d{index:02d}", moment, HERE, sha(number), "deploy", None, None))
    return found


def find(graph: Graph, deploys: list[Deploy], missing: set[str]) -> GitFindings:
    """Find the commits of deploys; every pair that is needed comes from the graph."""
    commits = {d.sha: None if d.sha in missing else d.sha for d in deploys}
    pairs: dict[Pair, Between | None] = {}
    while True:
        findings = find_commits(deploys_to_ask_about(deploys), KnownCommits(commits, pairs))
        wanted = findings.pairs.keys() - pairs.keys()
        if not wanted:
            return findings
        pairs |= {pair: between(graph, *(int(end[:2]) for end in pair)) for pair in wanted}


NUMBERS = st.lists(st.integers(0, 13), min_size=2, max_size=10)


@given(graphs(), NUMBERS)
def test_a_deploy_brought_what_no_earlier_one_reaches(graph: Graph, numbers: list[int]) -> None:
    """Its commits, found from pairs of neighbors, are its ancestors without those of all earlier deploys."""
    numbers = [number % len(graph) for number in numbers]
    deploys = deploys_of(graph, numbers)
    found = find(graph, deploys, set()).commits
    there = ancestors(graph, numbers[0])
    for deploy, number in zip(deploys[1:], numbers[1:], strict=True):
        mine = ancestors(graph, number)
        assert found[deploy.id].unknown == ""
        assert {commit.sha for commit in found[deploy.id].commits} == single(graph, mine - there)
        there |= mine


@given(graphs(), NUMBERS, st.sets(st.integers(0, 13), max_size=4))
def test_a_missing_commit_is_never_guessed(graph: Graph, numbers: list[int], missing: set[int]) -> None:
    """Whichever commits of deploys are missing, a deploy that is not unknown has the right commits."""
    numbers = [number % len(graph) for number in numbers]
    deploys = deploys_of(graph, numbers)
    found = find(graph, deploys, {sha(number) for number in missing}).commits
    there = ancestors(graph, numbers[0])
    for deploy, number in zip(deploys[1:], numbers[1:], strict=True):
        mine = ancestors(graph, number)
        if not found[deploy.id].unknown:
            assert {commit.sha for commit in found[deploy.id].commits} == single(graph, mine - there)
        there |= mine


LINE: Graph = [frozenset(), *(frozenset({number}) for number in range(9))]


def reasons(numbers: list[int], missing: set[int]) -> list[str]:
    found = find(LINE, deploys_of(LINE, numbers), {sha(number) for number in missing}).commits
    return [found[id_].unknown for id_ in sorted(found)]


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        ({4}, ["not-in-mirror", "earlier-not-in-mirror", "", ""]),
        ({2}, ["earlier-not-in-mirror", "", "", ""]),
        ({8}, ["", "", "", "not-in-mirror"]),
        ({2, 4, 5, 6, 8}, ["not-in-mirror"] * 4),
    ],
)
def test_only_one_deploy_after_a_missing_one_is_unknown(missing: set[int], expected: list[str]) -> None:
    """After a missing commit, one deploy is unknown: its commits may have come before. The next is known."""
    assert reasons([2, 4, 5, 6, 8], missing) == expected


def test_too_many_commits_are_unknown_and_the_next_deploy_is_known() -> None:
    """A pair that was cut makes its deploy unknown, and no other."""
    deploys = deploys_of(LINE, [1, 5, 7])
    pairs: dict[Pair, Between | None] = {
        (sha(1), sha(5)): Between((), (), cut=True),
        (sha(5), sha(7)): between(LINE, 5, 7),
    }
    found = find_commits(
        deploys_to_ask_about(deploys), KnownCommits({d.sha: d.sha for d in deploys}, pairs)
    ).commits
    assert [found[id_].unknown for id_ in ("d01", "d02")] == ["too-many-commits", ""]


@pytest.mark.parametrize("globs", [(), ("a", "b")])
def test_nothing_is_decided_before_git_was_asked(globs: tuple[str, ...]) -> None:
    """All pairs are listed, with the paths of their service. A deploy that is alone has none."""
    deploys = [one._replace(target=HERE._replace(service="api")) for one in deploys_of(LINE, [1, 3, 5, 5])]
    known = KnownCommits({one.sha: one.sha for one in deploys}, {}, paths={"api": globs, "web": ("c",)})
    found = find_commits(deploys_to_ask_about(deploys), known)
    pairs = [(sha(1), sha(3), *globs), (sha(3), sha(5), *globs)]
    assert (found.commits, list(found.pairs)) == ({}, pairs)
    assert deploys_to_ask_about(deploys[:1]) == []


def deploy(number: int, id_: str, **fields: Any) -> dict[str, Any]:
    time = f"2026-03-0{id_}T08:00:00Z"
    return {"kind": "deployed", "id": id_, "repo": "a/b", "commitSHA": sha(number), "time": time, **fields}


def test_what_git_found_replaces_a_list_and_keeps_what_is_outside() -> None:
    """Where git knows all commits, its list is the deploy's. Where it does not, the deploy's own stays."""
    time = "2026-03-01T08:00:00Z"
    listed = [{"sha": sha(4), "time": time}, {"sha": sha(3), "time": time, "outside": True}]
    events = [deploy(1, "1"), deploy(4, "2", commits=listed), deploy(6, "3", commits=[{"sha": sha(6)}])]
    of_git = {
        # What the paths of a service say of a commit counts where the list says nothing.
        "2": GitCommits("", tuple(Commit(sha(number), 0, outside=number == 5) for number in (2, 3, 4, 5))),
        "3": GitCommits("not-in-mirror"),
    }
    history = read_history(events, FigureSettings(), now=2**60, git_commits=of_git)
    found = new_commits(history.deploys)
    assert [commit.sha for commit in found["2"].commits] == [sha(2), sha(4)]
    assert [commit.sha for commit in found["3"].commits] == [sha(6)]


def test_an_unknown_deploy_has_its_commits_all_the_same() -> None:
    """Commits of an unknown deploy have no lead time, and are not new in a later deploy that lists them."""
    events = [deploy(1, "1"), deploy(3, "2"), deploy(4, "3", commits=[{"sha": sha(4)}, {"sha": sha(3)}])]
    from_git = {"2": GitCommits("earlier-not-in-mirror", (Commit(sha(3), 0),))}
    found = new_commits(read_history(events, FigureSettings(), now=2**60, git_commits=from_git).deploys)
    assert (found["2"].unknown, found["2"].lead_times) == ("earlier-not-in-mirror", ())
    assert [commit.sha for commit in found["3"].commits] == [sha(4)]
