"""What deploys brought, decided from pairs of commits: against sets of ancestors, slow and straight."""

from __future__ import annotations

from typing import Any

import pytest
from gitdailies_webhooks.figures.ancestry import Between, Known, Pair, Telling, silent, tell
from gitdailies_webhooks.figures.events import Commit, Deploy, Place, Told, read
from gitdailies_webhooks.figures.lead_time import brought
from gitdailies_webhooks.figures.settings import Settings
from hypothesis import given
from hypothesis import strategies as st

HERE = Place("a/b", "", None)

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
    """Deploy commits one after another, each when it is there."""
    found: list[Deploy] = []
    moment = 0
    for index, number in enumerate(numbers):
        moment = max(moment + 1, at(number) + 1)
        found.append(Deploy(f"d{index:02d}", moment, HERE, sha(number), "deploy", None, None))
    return found


def asked(graph: Graph, deploys: list[Deploy], lacking: set[str]) -> Telling:
    """Tell, with every pair that is asked for answered from the graph."""
    commits = {d.sha: None if d.sha in lacking else d.sha for d in deploys}
    pairs: dict[Pair, Between | None] = {}
    while True:
        telling = tell(silent(deploys), Known(commits, pairs))
        wanted = telling.pairs.keys() - pairs.keys()
        if not wanted:
            return telling
        pairs |= {pair: between(graph, *(int(end[:2]) for end in pair)) for pair in wanted}


NUMBERS = st.lists(st.integers(0, 13), min_size=2, max_size=10)


@given(graphs(), NUMBERS)
def test_a_deploy_brought_what_no_earlier_one_reaches(graph: Graph, numbers: list[int]) -> None:
    """Told from pairs of neighbors, it is what its ancestors have over those of all deploys before."""
    numbers = [number % len(graph) for number in numbers]
    deploys = deploys_of(graph, numbers)
    told = asked(graph, deploys, set()).told
    there = ancestors(graph, numbers[0])
    for deploy, number in zip(deploys[1:], numbers[1:], strict=True):
        mine = ancestors(graph, number)
        assert told[deploy.id].unknown == ""
        assert {commit.sha for commit in told[deploy.id].commits} == single(graph, mine - there)
        there |= mine


@given(graphs(), NUMBERS, st.sets(st.integers(0, 13), max_size=4))
def test_what_is_lacking_is_never_guessed(graph: Graph, numbers: list[int], lacking: set[int]) -> None:
    """Whatever commits of deploys are lacking, a deploy that is not called unknown is told right."""
    numbers = [number % len(graph) for number in numbers]
    deploys = deploys_of(graph, numbers)
    told = asked(graph, deploys, {sha(number) for number in lacking}).told
    there = ancestors(graph, numbers[0])
    for deploy, number in zip(deploys[1:], numbers[1:], strict=True):
        mine = ancestors(graph, number)
        if not told[deploy.id].unknown:
            assert {commit.sha for commit in told[deploy.id].commits} == single(graph, mine - there)
        there |= mine


LINE: Graph = [frozenset(), *(frozenset({number}) for number in range(9))]


def words(numbers: list[int], lacking: set[int]) -> list[str]:
    told = asked(LINE, deploys_of(LINE, numbers), {sha(number) for number in lacking}).told
    return [told[id_].unknown for id_ in sorted(told)]


@pytest.mark.parametrize(
    ("lacking", "expected"),
    [
        ({4}, ["not-in-mirror", "earlier-not-in-mirror", "", ""]),
        ({2}, ["earlier-not-in-mirror", "", "", ""]),
        ({8}, ["", "", "", "not-in-mirror"]),
        ({2, 4, 5, 6, 8}, ["not-in-mirror"] * 4),
    ],
)
def test_one_deploy_after_a_lacking_one_is_known_again(lacking: set[int], expected: list[str]) -> None:
    """After a commit that is not there one deploy is unknown, whose commits may have come before; no more."""
    assert words([2, 4, 5, 6, 8], lacking) == expected


def test_old_commits_after_a_lacking_deploy_stay_unknown() -> None:
    """A branch older than the deploy that is lacking may have been in it, so that its merge is unknown."""
    graph: Graph = [frozenset(), *(frozenset({p}) for p in (0, 1, 1, 3)), frozenset({4, 2})]
    deploys = deploys_of(graph, [1, 3, 4, 5])
    told = asked(graph, deploys, {sha(3)}).told
    assert [told[id_].unknown for id_ in sorted(told)] == [
        "not-in-mirror",
        "earlier-not-in-mirror",
        "earlier-not-in-mirror",
    ]


def test_a_rollback_that_goes_before_the_first_deploy() -> None:
    """What was there with the first deploy is not new after a rollback to something older than it."""
    told = asked(LINE, deploys_of(LINE, [4, 2, 5]), set()).told
    assert told["d01"] == Told("")
    assert [commit.sha for commit in told["d02"].commits] == [sha(5)]


def test_too_many_commits_are_unknown_and_the_next_is_told() -> None:
    """A pair that was cut makes its deploy unknown, and only that one."""
    deploys = deploys_of(LINE, [1, 5, 7])
    pairs: dict[Pair, Between | None] = {
        (sha(1), sha(5)): Between((), (), cut=True),
        (sha(5), sha(7)): between(LINE, 5, 7),
    }
    told = tell(silent(deploys), Known({d.sha: d.sha for d in deploys}, pairs)).told
    assert [told[id_].unknown for id_ in ("d01", "d02")] == ["too-many-commits", ""]


def test_nothing_is_told_before_it_is_asked() -> None:
    """Until a pair is answered neither its deploy nor a later one is told, though all pairs are named."""
    deploys = deploys_of(LINE, [1, 3, 5, 5])
    telling = tell(silent(deploys), Known({d.sha: d.sha for d in deploys}, {}))
    assert (telling.told, list(telling.pairs)) == ({}, [(sha(1), sha(3)), (sha(3), sha(5))])


def test_only_places_where_a_deploy_is_silent_are_asked_about() -> None:
    """Git is not asked about the deploys after the last silent one, nor about a first deploy alone."""
    one, two, three = deploys_of(LINE, [1, 2, 3])
    listed = Commit(sha(3), at(3))
    assert silent([one, two, three._replace(commits=(listed,))]) == [[one, two]]
    assert silent([one._replace(commits=()), two._replace(commits=()), three]) == [
        [one._replace(commits=()), two._replace(commits=()), three]
    ]
    assert silent([one, two._replace(commits=(listed,))]) == []
    assert silent([one]) == []


def deploy(number: int, id_: str, **said: Any) -> dict[str, Any]:
    time = f"2026-03-0{id_}T08:00:00Z"
    return {"kind": "deployed", "id": id_, "repo": "a/b", "commitSHA": sha(number), "time": time, **said}


def test_what_a_deploy_says_wins_and_counts_for_the_others() -> None:
    """What a deploy lists wins over what git tells; what it listed or was of is not new later."""
    time = "2026-03-01T08:00:00Z"
    listed = [{"sha": sha(3), "time": time}, {"sha": sha(7), "time": time}]
    events = [deploy(1, "1"), deploy(4, "2", commits=listed), deploy(5, "3"), deploy(2, "4", commitTime=time)]
    of_git = tuple(Commit(sha(number), 0) for number in (3, 4, 5, 7))
    told = {id_: Told("", of_git) for id_ in ("2", "3", "4")}
    history = read(events, Settings(), now=2**60, told=told)
    found = brought(history.deploys)
    assert [commit.sha for commit in found["2"].commits] == [sha(3), sha(7)]
    assert [commit.sha for commit in found["3"].commits] == [sha(5)]
    assert [commit.sha for commit in found["4"].commits] == [sha(2)]


def test_an_unknown_deploy_has_its_commits_all_the_same() -> None:
    """What git tells of an unknown deploy has no lead time, and is not new in a later one that lists it."""
    events = [deploy(1, "1"), deploy(3, "2"), deploy(4, "3", commits=[{"sha": sha(3)}, {"sha": sha(4)}])]
    told = {"2": Told("earlier-not-in-mirror", (Commit(sha(3), 0),))}
    found = brought(read(events, Settings(), now=2**60, told=told).deploys)
    assert (found["2"].unknown, found["2"].leads) == ("earlier-not-in-mirror", ())
    assert [commit.sha for commit in found["3"].commits] == [sha(4)]
