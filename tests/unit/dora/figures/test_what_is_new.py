"""What a deploy brought where teams change how they report: from no lists to lists, from cut to whole."""

import re
from pathlib import Path
from typing import Any

import pytest
from gitdailies_connection.config.document import yaml_document
from gitdailies_connection.config.reader import SettingsReader
from gitdailies_connection.config.sections.repositories import service_paths
from gitdailies_core.values.renames import NO_RENAMES
from gitdailies_dora.figures.words.advice import ADVICE
from gitdailies_dora.figures.words.reasons import Verdict

from tests.support.figures.asking import REPO, compute, deploy

Events = list[dict[str, Any]]


def sha(number: int) -> str:
    return f"{number:040x}"


def moment(hours: float) -> str:
    minutes = round(hours * 60)
    return f"{minutes // 1440 + 1:02d}T{minutes // 60 % 24:02d}:{minutes % 60:02d}:00"


def entry(number: int, *, parents: bool, **more: Any) -> dict[str, Any]:
    above = {"parents": [sha(number - 1)] if number else []} if parents else {}
    return {"sha": sha(number), "time": f"2026-03-{moment(number)}Z", **above, **more}


def whole(number: int, *, parents: bool = True) -> Events:
    """The list of a checkout with the whole history, newest first."""
    return [entry(one, parents=parents) for one in range(number, -1, -1)]


def bare(number: int, **more: Any) -> dict[str, Any]:
    return deploy(f"d{number:03d}", moment(number + 0.5), sha(number), **more)


def leads(*events: dict[str, Any]) -> dict[str, Any]:
    """By the id of each deploy, its lead times in hours, or why they are unknown."""
    found = compute(events, {"now": "2026-04-01T00:00:00Z"}).facts.deploys
    return {f.deploy.id: f.new.unknown or [time / 3.6e9 for time in f.new.lead_times] for f in found}


# Each of the four commits since the deploy before.
FOUR = [0.5, 1.5, 2.5, 3.5]


@pytest.mark.parametrize("parents", [True, False])
def test_a_whole_list_after_deploys_without_lists_brings_what_came_since_the_last_one(parents: bool) -> None:
    """After an import, a webhook or shallow checkouts, 250 old commits of the first list are not new."""
    events = [bare(number) for number in (100, 104, 108)]
    events.append(bare(112, commits=whole(112, parents=parents)))
    assert leads(*events) == {
        "d100": "no-predecessor",
        "d104": "no-commits",
        "d108": "no-commits",
        "d112": FOUR,
    }


@pytest.mark.parametrize("parents", [True, False])
def test_a_list_that_does_not_reach_the_deploy_before_is_unknown(parents: bool) -> None:
    """Where the deploy before listed none, a list without its commit says nothing; the next list does."""
    cut = whole(212, parents=parents)[:50]
    events = [bare(100), bare(212, commits=cut), bare(216, commits=whole(216, parents=parents)[:50])]
    assert leads(*events) == {"d100": "no-predecessor", "d212": "earlier-lists-none", "d216": FOUR}


@pytest.mark.parametrize("number", [110, 116])
def test_a_rollback_brings_nothing(number: int) -> None:
    """Whatever it lists, and although its commit was never here."""
    back = deploy("x", moment(120), sha(number), type="rollback", commits=whole(number))
    assert leads(bare(104, commits=whole(104)), bare(112, commits=whole(112)), back)["x"] == []


@pytest.mark.parametrize("parents", [True, False])
def test_a_list_that_only_leads_to_an_older_deploy_is_unknown(parents: bool) -> None:
    """A later commit that was deployed before, and listed none, may have brought all that a list has."""
    slow = bare(110, commits=whole(110, parents=parents)) | {"time": f"2026-03-{moment(113)}Z"}
    found = leads(bare(104), bare(112), slow, bare(116, commits=whole(116, parents=parents)))
    assert (found["d110"], found["d116"]) == ("earlier-lists-none", FOUR)
    # Where it listed its commits, it is known that they were there.
    assert leads(bare(104), bare(112, commits=whole(112, parents=parents)), slow)["d110"] == []
    # A rollback between them brought nothing, and does not hide it.
    back = bare(104) | {"id": "back", "time": f"2026-03-{moment(112.8)}Z", "type": "rollback"}
    assert leads(bare(104), bare(112), back, slow)["d110"] == "earlier-lists-none"


def test_lists_of_pushes_and_then_of_a_checkout() -> None:
    """From lists of the new commits alone to whole ones, no commit counts twice, and no old one counts."""
    pushed = [entry(number, parents=False) for number in (108, 107, 106, 105)]
    events = [bare(104), bare(108, commits=pushed), bare(112, commits=whole(112))]
    assert leads(*events)["d112"] == FOUR


def test_a_list_of_new_commits_after_one_is_new() -> None:
    """A sender that lists the new commits alone, without parents, leads to nothing that was there."""
    listed = [entry(number, parents=False) for number in (108, 107, 106, 105)]
    later = [entry(number, parents=False) for number in (110, 109)]
    assert leads(bare(104, commits=[]), bare(108, commits=listed))["d108"] == "earlier-lists-none"
    assert leads(bare(104, commits=listed), bare(110, commits=later))["d110"] == [0.5, 1.5]


def test_a_long_branch_that_is_merged_is_new_although_it_is_old() -> None:
    """By parents, old commits of a branch that was never deployed are new. Those that were there are not."""
    merged = [
        entry(112, parents=True) | {"parents": [sha(111), sha(900)]},
        entry(111, parents=True),
        {"sha": sha(900), "time": "2026-03-01T00:00:00Z", "parents": [sha(901)]},
        {"sha": sha(901), "time": "2026-03-01T00:00:00Z", "parents": [sha(50)]},
        *whole(110),
    ]
    found = leads(bare(110, commits=whole(110)), bare(112, commits=merged))
    # The merge has no lead time of its own.
    assert found["d112"] == [1.5, 112.5, 112.5]


def test_what_is_outside_a_service_is_there_and_never_counts() -> None:
    """Commits that touch nothing of the service are in no lead time, of this deploy or of a later one."""
    listed = [entry(112, parents=True, outside=False), *(one | {"outside": True} for one in whole(111))]
    later = [entry(113, parents=True, outside=True), *listed]
    events = [bare(112, commits=listed), bare(113, commits=later)]
    found = leads(bare(111, commits=whole(111)), *events)
    assert (found["d112"], found["d113"]) == ([0.5], [])
    # Such a commit leads to nothing: after a deploy that listed none, the list is unknown.
    assert leads(bare(108), *events)["d112"] == "earlier-lists-none"


def test_a_cut_parent_is_every_commit_that_begins_with_it() -> None:
    """A parent of seven digits fits the listed commit and another one, which the target may have, too."""
    listed = {"sha": "d" * 7 + "2" * 33, "time": "2026-03-01T00:00:00Z", "parents": ["d" * 7]}
    first = deploy("d000", moment(1), sha(1), commits=[listed])
    assert leads(first, deploy("d001", moment(30), "d" * 7 + "1" * 33))["d001"] == []


def test_a_list_with_new_merges_alone_may_be_cut() -> None:
    """A shallow checkout of a merge lacks what it merged: unknown. With it, the merge brings nothing more."""
    merge = entry(112, parents=True) | {"parents": [sha(108), sha(900)]}
    first = bare(108, commits=whole(108))
    assert leads(first, bare(112, commits=[merge]))["d112"] == "list-cut"
    empty = merge | {"parents": [sha(108), sha(90)]}
    assert leads(first, bare(112, commits=[empty, *whole(108)]))["d112"] == []


def test_pushes_of_a_repository_with_several_services_are_unknown() -> None:
    """Once deploys name two services, a list of pushes does not tell whose commits these are; paths do."""
    pushed = [entry(number, parents=True) for number in (112, 111, 110, 109)]
    first = bare(108, service="b", commits=[entry(108, parents=True)])
    relayed = {"service": "b", "reporter": "relay/github"}
    other = deploy("a", moment(110), sha(110), service="a", reporter="step/ci")
    assert leads(first, bare(112, commits=pushed, **relayed))["d112"] == FOUR
    assert leads(first, other, bare(112, commits=pushed, **relayed))["d112"] == "no-paths"
    known = [*pushed, entry(108, parents=True)]
    told = [{**one, "outside": one["sha"] not in (sha(112), sha(108))} for one in known]
    assert leads(first, other, bare(112, commits=told, **relayed))["d112"] == [0.5]
    # A step that names no paths is its sender's word.
    assert leads(first, other, bare(112, commits=pushed, service="b", reporter="step/ci"))["d112"] == FOUR


def test_a_list_of_a_sender_that_counts_the_commits_of_all_services_says_so() -> None:
    """Once deploys name two services, a reason says that all commits count, until the list tells whose."""
    first, other = bare(108, service="b", commits=whole(108)), bare(110, service="a")
    named = {"service": "b", "reporter": "step/ci"}
    last = bare(112, commits=whole(112), **named)
    assert [word_of(first, last), word_of(first, other, last)] == ["counted", "all-services"]
    told = [one | {"outside": False} for one in whole(112)]
    assert word_of(first, other, bare(112, commits=told, **named)) == "counted"
    # The list may be that of the report that it repeats.
    hook = bare(112, service="b", reporter="relay/github")
    step = last | {"id": "step", "time": f"2026-03-{moment(112.7)}Z"}
    assert word_of(first, other, hook, step) == "all-services"


def test_a_commit_that_may_be_of_another_service_has_no_lead_time() -> None:
    """A step with paths sends no time of a commit that a shallow checkout cannot tell: none of it counts."""
    first, other = bare(108, service="b", commits=whole(108)), bare(110, service="a")
    unsure = [{name: one[name] for name in ("sha", "parents")} for one in whole(112)]
    last = bare(112, commits=unsure[:4], service="b", reporter="step/ci")
    assert (word_of(first, other, last), leads(first, other, last)["d112"]) == ("unknown-commits", [])
    told = [one | {"outside": False} for one in whole(112)[:3]]
    partly = last | {"commits": [*told, unsure[3]]}
    assert (word_of(first, other, partly), leads(first, other, partly)["d112"]) == ("counted", FOUR[:3])


def verdict_of(*events: dict[str, Any]) -> Verdict:
    """The verdict on the lead time of d112."""
    return compute(events, {"now": "2026-04-01T00:00:00Z"}).verdicts("d112", "changeLeadTime")[0]


def word_of(*events: dict[str, Any]) -> str:
    return verdict_of(*events).word


def test_the_first_deploy_without_a_service_is_not_said_to_be_the_first() -> None:
    """In a repository of several services, it is the first that names none; the advice is to name one."""
    first = [bare(108, service="a"), bare(110, service="b"), bare(112)]
    assert "it is the first deploy here that names no service" in verdict_of(*first).reason
    assert "it is the first deploy here, so" in verdict_of(bare(112)).reason
    assert "a runner without Python cannot" in ADVICE["no-predecessor"]


def test_a_deploy_of_the_relay_without_pushes_says_which_command_knows_why() -> None:
    """It names the repository and the environment as the command takes them."""
    hook = bare(112, reporter="relay/github", environment="prod")
    assert f"`gitdailies relay explain '{REPO} prod'`" in verdict_of(bare(110), hook).reason
    assert "relay explain" not in verdict_of(bare(110), hook | {"reporter": "step/ci"}).reason


def test_what_is_missing_to_know_whose_commits_these_are_is_a_line_to_write() -> None:
    """The reason of a deploy whose list tells no service has the line of gitdailies.yml, which is valid."""
    relayed = {"reporter": "relay/github", "commits": whole(112)}
    events = [bare(108, service="api"), bare(110, service="web"), bare(112, service="api", **relayed)]
    verdict = verdict_of(*events)
    assert verdict.word == "no-paths"
    (line,) = re.findall("`([^`]*)`", verdict.reason)
    reading = SettingsReader(yaml_document.parse(line, "gitdailies.yml"), Path())
    assert service_paths(reading, NO_RENAMES) == {REPO: {"api": ("api/**",)}}
    reading.finish()
