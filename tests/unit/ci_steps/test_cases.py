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


# The ids of deploys that were counted before ids knew attempts. They must never change.
KEPT = {
    "azure/branch": "deploy-be2780e9021961b8a7f2d4b69b418418",
    "bitbucket/branch": "deploy-b13975113c4d9efd9c3c519fd9d1ffee",
    "buildkite/branch": "deploy-1c2e7350774fba8b2dbe980c193cbcc8",
    "circleci/branch": "deploy-c8eba8cc253892fd8e8e68917ace155a",
    "github_actions/deployment_status": "deploy-1d643679cc72dc390eb9a99547a657c5",
    "github_actions/push": "deploy-61467b57d9e5eeba6d5e27677c905ca6",
    "github_actions/workflow_run": "deploy-516f57110cb876187074d877179c9370",
    "jenkins/git_branch": "deploy-18a369f5f7d2afe3788dd872f7f80d26",
    "octopus/build_information": "deploy-75c64789b343142892e345c7d77e400e",
    "travis/branch": "deploy-dcb9c3cd36f615fd0ea1fce9abba33ac",
}


@pytest.mark.parametrize("name", KEPT)
def test_ids_of_first_attempts(name: str) -> None:
    """The first attempt of a run keeps its id for ever."""
    assert event_of(name)["id"] == KEPT[name]


# A run and an attempt for each platform: as every other reporter of the same run must name it.
RUNS = {
    "azure/branch": ("azure:4471", None),
    "azure/classic_release": ("azure:118", "254"),
    "bitbucket/branch": ("bitbucket:902", None),
    "buildkite/retried_job": ("buildkite:018f6a3e-1e7c-4b8e-9a51-3d1f7a0e5c77", "2"),
    "circleci/pipeline": ("circleci:5034460f-c7c4-4c43-9457-de07e2029e7b", None),
    "github_actions/deployment_status": ("github-actions:8801", None),
    "github_actions/deployment_status_of_a_run": ("github-actions:555001", "2"),
    "github_actions/push": ("github-actions:9731", None),
    "github_actions/workflow_run": ("github-actions:555001", None),
    "gitlab/branch": ("gitlab:88123", "664001"),
    "jenkins/git_branch": ("jenkins:jenkins-larkspur-checkout-api-main-41", None),
    "octopus/build_information": ("octopus:Releases-301", "Deployments-1202"),
    "travis/branch": ("travis:26091", None),
    "none/git": (None, None),
}


@pytest.mark.parametrize("name", RUNS)
def test_runs(name: str) -> None:
    """Each platform names its run and attempt, and says that its step reported; no platform has no run."""
    event, word = event_of(name), (RUNS[name][0] or "other").partition(":")[0]

    assert (event.get("run"), event.get("attempt")) == RUNS[name]
    assert event["reporter"] == f"step/{word}"


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
