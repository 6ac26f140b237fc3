"""Every file under cases/: a job's environment, payload, inputs and git facts in, its deploys out."""

import json
from pathlib import Path
from typing import Any

import pytest
from gitdailies_core.ci.platforms import BY_MODULE, PLATFORMS

from tests.support.ci_cases import CASES, KEYS, outcome, read, write

FILES = sorted(CASES.glob("*/*.json"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_case(file: Path) -> None:
    """The job of each case made exactly the deploys, the skip or the error that its file says."""
    case = read(file)
    assert case.get("expected"), (
        f"{file.name}: run `python -m tests.support.ci_cases --write {file.parent.name}`"
    )

    assert outcome(case) == case["expected"]


def test_a_case_has_no_other_keys() -> None:
    """The keys of the cases are those that `tests/support/ci_cases` explains."""
    assert {key for file in FILES for key in read(file)} == KEYS


def test_what_a_new_case_expects_is_written(tmp_path: Path) -> None:
    """A case without `expected` gets the outcome, and one that has it is left as it is."""
    case, file = read(CASES / "drone/branch.json"), tmp_path / "branch.json"
    file.write_text(json.dumps({**case, "expected": {}}))

    assert write(file)
    assert read(file) == case
    assert not write(file)


@pytest.mark.parametrize("module", BY_MODULE)
def test_every_platform_has_cases(module: str) -> None:
    """Each platform has cases of its own: a branch or push, a skip, and a tag, unless it knows no tags."""
    cases = [read(file) for file in FILES if file.parent.name == module]

    assert len(cases) >= 5, f"expected five cases or more in tests/support/ci_cases/{module}"
    assert any("events" in case["expected"] for case in cases), "expected a case of a branch or a push"
    assert any("skipped" in case["expected"] for case in cases), "expected a case of a job that failed"
    tagged = any("tag v1.4.0" in note for case in cases for note in case["expected"].get("notes", ()))
    assert tagged or module == "octopus", "expected a case of the tag v1.4.0"


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


def event_of(name: str) -> dict[str, Any]:
    """Return the one event of a case."""
    [event] = read(CASES / f"{name}.json")["expected"]["events"]
    found: dict[str, Any] = event
    return found


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("azure/deployment_job", "azure/stage_again"),
        ("azure/classic_release", "azure/classic_release_again"),
        ("bitbucket/deployment_step", "bitbucket/step_again"),
        ("buildkite/branch", "buildkite/retried_job"),
        ("circleci/branch", "circleci/run_again"),
        ("github_actions/deployment", "github_actions/deployment_again"),
        ("github_actions/push", "github_actions/push_attempt_2"),
        ("github_actions/push_attempt_2", "github_actions/push_run_again"),
        ("github_actions/workflow_run", "github_actions/workflow_run_again"),
        ("github_actions/workflow_run", "github_actions/workflow_run_job_again"),
        ("github_actions/workflow_run_again", "github_actions/workflow_run_both_again"),
        ("gitlab/branch", "gitlab/job_again"),
        ("octopus/build_information", "octopus/packages_alone"),
        ("travis/branch", "travis/restarted"),
    ],
)
def test_run_again(first: str, second: str) -> None:
    """A job that is run again has another id and attempt in the same run: its deploy may be a rollback."""
    events = [event_of(name) for name in (first, second)]

    assert events[0]["run"] == events[1]["run"]
    assert events[0]["id"] != events[1]["id"]
    assert events[0].get("attempt", "1") != events[1]["attempt"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("azure/deployment_job", "azure/first_stage"),
        ("bitbucket/deployment_step", "bitbucket/first_step"),
        ("buildkite/branch", "buildkite/first_job"),
        ("circleci/branch", "circleci/pipeline"),
        ("github_actions/deployment_status", "github_actions/deployment_status_of_a_run"),
        ("github_actions/deployment_status", "github_actions/deployment_status_reported_again"),
    ],
)
def test_the_same_deploy(first: str, second: str) -> None:
    """A first attempt has the id that it has where no attempt is known; a report that runs again, too."""
    assert event_of(first)["id"] == event_of(second)["id"]


@pytest.mark.parametrize("module", sorted({*BY_MODULE} - {"octopus"}))
def test_a_pull_request_without_environment_is_a_preview(module: str) -> None:
    """On each platform with pull requests there is a case of one that names no environment."""
    cases = [read(file) for file in FILES if file.parent.name == module]
    found = [case for case in cases if any(" because the job is of " in note for note in noted(case))]

    assert found, "expected a case of a pull request that names no environment"
    for case in found:
        assert {event["environment"] for event in case["expected"]["events"]} == {"preview"}


@pytest.mark.parametrize("module", sorted({*BY_MODULE} - {"octopus", "bitbucket"}))
def test_a_fork_has_no_branch_of_ours(module: str) -> None:
    """On each platform that runs pull requests of forks there is a case of one, and it has no branch."""
    cases = [read(file) for file in FILES if file.parent.name == module]
    words = ("comes from a fork", ", of a fork", "another repository")
    found = [case for case in cases if any(word in note for note in noted(case) for word in words)]

    assert found, "expected a case of a pull request from a fork, with a note that says so"
    for case in found:
        assert not any("branch" in event for event in case["expected"]["events"])


def test_an_event_without_an_environment_counts_as_production() -> None:
    """Whatever the case, an event without an environment has a note that says how it counts."""
    for file in FILES:
        case = read(file)
        bare = any("environment" not in event for event in case["expected"].get("events", ()))
        assert bare == any("counts as production" in note for note in noted(case)), file


def noted(case: dict[str, Any]) -> list[str]:
    notes: list[str] = case["expected"].get("notes", [])
    return notes


def test_more_commits_than_an_event_holds() -> None:
    """Of a push with too many commits the newest are sent, and the note says how many there were."""
    case = read(CASES / "github_actions/push.json")
    case["event"]["commits"] = [{"id": f"{number:040x}", "message": "x"} for number in range(1, 1003)]
    found = outcome(case)

    assert len(found["events"][0]["commits"]) == 1000
    assert found["events"][0]["commits"][0]["sha"] == f"{1002:040x}"
    assert "commits: the newest 1000 of 1002" in found["notes"]


def test_a_long_name_of_a_run() -> None:
    """A job in many folders has a long name; its end tells the run apart, and the deploy is reported."""
    case = read(CASES / "jenkins/git_branch.json")
    case["environ"]["BUILD_TAG"] = "jenkins-" + "folder-" * 60 + "41"

    [event] = outcome(case)["events"]
    assert event["run"].startswith("jenkins:")
    assert event["run"].endswith("folder-41")
    assert len(event["run"]) <= 255


@pytest.mark.parametrize(
    "address",
    ["https://", "https://robin@", "ftp://ci.example/41", "ci.example/41", f"https://ci/{'4' * 2000}"],
    ids=["no host", "only a user", "another scheme", "no scheme", "too long"],
)
def test_a_wrong_address_of_a_platform(address: str) -> None:
    """What a page cannot link to is left out of the event, and the deploy is reported."""
    case = read(CASES / "woodpecker/branch.json")
    case["environ"]["CI_PIPELINE_URL"] = address

    [event] = outcome(case)["events"]
    assert "url" not in event


def test_the_order_of_platforms() -> None:
    """Where two platforms' markers are set, the lower turn is taken; Jenkins, on shared agents, is last."""
    assert [platform.turn for platform in PLATFORMS] == sorted(platform.turn for platform in PLATFORMS)
    assert (PLATFORMS[0].word, PLATFORMS[-1].word) == ("github", "jenkins")
    assert len({platform.word for platform in PLATFORMS}) == len(PLATFORMS) == len(BY_MODULE)
