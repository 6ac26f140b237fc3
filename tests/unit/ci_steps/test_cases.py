"""Every file under cases/: a job's environment, payload, inputs and git facts in, its deploys out."""

import json
from pathlib import Path
from typing import Any

import pytest
from gitdailies_core.ci import PLATFORMS, Deploys, GitFacts, Inputs, deploys_of
from gitdailies_core.ci.platforms import BY_MODULE
from gitdailies_core.errors import GitDailiesError

from tests.support.steps import CASES

FILES = sorted(CASES.glob("*/*.json"))


def read(file: Path) -> dict[str, Any]:
    case: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return case


def outcome(case: dict[str, Any]) -> dict[str, Any]:
    """Resolve a case and write the outcome in the form of `expected`."""
    given = dict(case.get("inputs", {}))
    git = GitFacts(**{**case["git"], "commits": tuple(case["git"]["commits"])}) if "git" in case else None
    try:
        found = deploys_of(
            environ=case["environ"],
            event=case.get("event"),
            inputs=Inputs.make(repos=given.pop("repos", ()), **given),
            git=git,
        )
    except GitDailiesError as error:
        return {"error": str(error)}
    if not isinstance(found, Deploys):
        return {"skipped": found.reason}
    notes = {"notes": list(found.notes)} if found.notes else {}
    return {"events": [event.to_wire() for event in found.events], **notes}


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_case(file: Path) -> None:
    """The job of each case made exactly the deploys, the skip or the error that its file says."""
    case = read(file)

    assert outcome(case) == case["expected"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_the_same_again(file: Path) -> None:
    """No case's outcome changes when it is resolved again: no clock and no chance has a part in it."""
    case = read(file)

    assert outcome(case) == outcome(case)


@pytest.mark.parametrize("module", BY_MODULE)
def test_every_platform_has_cases(module: str) -> None:
    """Each platform has cases of its own: a branch or push, a skip, and a tag, unless it knows no tags."""
    cases = [read(file) for file in FILES if file.parent.name == module]

    assert len(cases) >= 5, f"expected five cases or more in tests/support/ci_cases/{module}"
    assert any("events" in case["expected"] for case in cases)
    assert any("skipped" in case["expected"] for case in cases)
    tagged = any("tag v1.4.0" in note for case in cases for note in case["expected"].get("notes", ()))
    assert tagged or module == "octopus"


def test_no_case_is_of_an_unknown_platform() -> None:
    """Every folder of cases is a platform's, or that of no platform."""
    assert {file.parent.name for file in FILES} == {*BY_MODULE, "none"}


def test_no_user_leaves() -> None:
    """Nothing of the user-info that some cases have in their addresses is in any outcome."""
    planted = [
        file for file in FILES if "s3cr3t" in file.read_text("utf-8") or "tok-5e" in file.read_text("utf-8")
    ]

    assert len(planted) >= 5
    for file in planted:
        text = json.dumps(outcome(read(file)))
        assert "s3cr3t" not in text
        assert "tok-5e" not in text


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("github_actions/push", "github_actions/push_run_again"),
        ("github_actions/workflow_run", "github_actions/workflow_run_again"),
        ("circleci/branch", "circleci/run_again"),
    ],
)
def test_run_again(first: str, second: str) -> None:
    """A job that is run again sends the very same event."""
    events = [read(CASES / f"{name}.json")["expected"]["events"] for name in (first, second)]

    assert events[0] == events[1]


def test_two_services_of_one_run() -> None:
    """Two services that one run deploys have different ids."""
    names = ("push_two_services_first", "push_two_services_second")
    ids = {read(CASES / "github_actions" / f"{name}.json")["expected"]["events"][0]["id"] for name in names}

    assert len(ids) == 2


def test_the_order_of_platforms() -> None:
    """Where two platforms' markers are set, the lower turn is taken; Jenkins, on shared agents, is last."""
    assert [platform.turn for platform in PLATFORMS] == sorted(platform.turn for platform in PLATFORMS)
    assert (PLATFORMS[0].word, PLATFORMS[-1].word) == ("github", "jenkins")
    assert len({platform.word for platform in PLATFORMS}) == len(PLATFORMS) == len(BY_MODULE)
