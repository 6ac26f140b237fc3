"""Which commit a job deployed: the run's, that of a checkout which was moved, or the one that was set."""

import time
from pathlib import Path
from typing import Any

import pytest
from gitdailies_core.ci.deploys import checkout, git_log
from gitdailies_core.ci.platforms import BY_MODULE
from gitdailies_core.errors import UsageError

from tests.support.ci_cases import CASES, read
from tests.support.programs import planted
from tests.unit.ci_steps.test_checkout import commit, deployed, git, repository  # noqa: F401  a fixture

GITHUB = {
    "GITHUB_REPOSITORY": "larkspur/checkout-api",
    "GITHUB_REF": "refs/heads/main",
    "GITHUB_RUN_ID": "203",
}


@pytest.fixture
def moved(repository: Path) -> tuple[Path, str, str]:  # noqa: F811
    """A checkout that was moved to a tag: the folder, the tag's commit, the tip that the run is of."""
    tip, tagged = git(repository, "rev-parse", "HEAD", "HEAD^2").split()
    git(repository, "tag", "v1.0", tagged)
    git(repository, "checkout", "-q", "v1.0")
    return repository, tagged, tip


def of_github(event: str, sha: str) -> dict[str, str]:
    return {**GITHUB, "GITHUB_EVENT_NAME": event, "GITHUB_SHA": sha}


def within(folder: Path, sha: str) -> dict[str, str]:
    return {**of_github("push", sha), "GITHUB_WORKSPACE": str(folder)}


@pytest.mark.parametrize(
    "event", ["workflow_dispatch", "repository_dispatch", "schedule", "issues", "an event of the future"]
)
def test_a_run_that_names_no_commit(event: str, moved: tuple[Path, str, str]) -> None:
    """The checkout's commit is reported, without the run's branch, and a note names both."""
    folder, tagged, tip = moved
    found = deployed(folder, of_github(event, tip), environment="production")

    [reported] = found.events
    assert (reported["commitSHA"], reported.get("branch")) == (tagged, None)
    assert [one["sha"] for one in reported["commits"]] == [tagged, git(folder, "rev-parse", "HEAD~1")]
    assert found.notes == (
        f"the checkout is at {tagged[:7]}, the run is of {tip[:7]}: that of the checkout is reported",
        "no branch: the checkout is on none",
    )
    assert found.warnings == ()


def test_a_moved_checkout_claims_its_own_branch(moved: tuple[Path, str, str]) -> None:
    """On a branch, the checkout's branch is reported, never the run's."""
    folder, tagged, tip = moved
    git(folder, "checkout", "-q", "retry")
    [reported] = deployed(folder, of_github("workflow_dispatch", tip)).events

    assert (reported["commitSHA"], reported["branch"]) == (tagged, "retry")


@pytest.mark.parametrize("event", ["push", "release", "workflow_run"])
def test_a_run_that_names_its_commit(event: str, moved: tuple[Path, str, str]) -> None:
    """The run's commit stays, with its log, and a warning names the checkout's."""
    folder, tagged, tip = moved
    found = deployed(
        folder,
        of_github(event, "c3" * 20 if event == "workflow_run" else tip),
        event={"workflow_run": {"head_sha": tip, "conclusion": "success"}},
    )

    assert found.events[0]["commitSHA"] == tip
    assert len(found.events[0]["commits"]) == 3
    [warning] = found.warnings
    assert warning == (
        f"the checkout is at {tagged[:7]}, the run is of {tip[:7]}, which is reported; "
        "if the checkout was deployed, set sha to checkout"
    )


def test_a_deploy_that_was_made_elsewhere(moved: tuple[Path, str, str]) -> None:
    """A job that reports a deployment of GitHub deploys nothing, so its checkout says nothing."""
    folder, _, tip = moved
    found = deployed(
        folder,
        of_github("deployment_status", tip),
        event={"deployment": {"sha": tip}, "deployment_status": {"state": "success"}},
    )

    assert (found.events[0]["commitSHA"], found.warnings) == (tip, ())


def test_a_platform_that_does_not_say_what_started_the_run(moved: tuple[Path, str, str]) -> None:
    """The checkout's commit is reported with a warning that names both."""
    folder, tagged, tip = moved
    environ = {
        "GIT_COMMIT": tip,
        "GIT_URL": "https://github.com/larkspur/checkout-api.git",
        "GIT_BRANCH": "origin/main",
        "BUILD_TAG": "jenkins-41",
    }
    found = deployed(folder, environ, BY_MODULE["jenkins"])

    assert found.events[0]["commitSHA"] == tagged
    [warning] = found.warnings
    assert warning == (
        f"the checkout is at {tagged[:7]}, the run is of {tip[:7]}: that of the checkout is reported; "
        f"if the run's was deployed, set sha to {tip}"
    )


def test_the_merge_of_a_pull_request(moved: tuple[Path, str, str]) -> None:
    """For a pull request a platform checks out a merge of its own: no warning, and the head is reported."""
    folder, tagged, tip = moved
    git(folder, "checkout", "-q", "main")
    payload = {"pull_request": {"number": 7, "state": "open", "head": {"sha": tagged, "ref": "retry"}}}
    found = deployed(folder, of_github("pull_request", tip), event=payload)

    assert (found.events[0]["commitSHA"], found.warnings) == (tagged, ())


def test_a_checkout_of_another_repository(moved: tuple[Path, str, str]) -> None:
    """A checkout of another repository says nothing about the commit of this one."""
    folder, _, tip = moved
    git(folder, "remote", "set-url", "origin", "git@github.com:larkspur/ops.git")
    found = deployed(folder, of_github("workflow_dispatch", tip))

    assert (found.events[0]["commitSHA"], found.warnings) == (tip, ())


STARTED = [
    (module, word, start)
    for module, platform in BY_MODULE.items()
    for word, start in platform.starts.items()
    if module != "github_actions" and word not in ("merge_request_event", "PullRequest")
]


@pytest.mark.parametrize(("module", "word", "start"), STARTED, ids=lambda value: str(value)[:20])
def test_every_word_of_every_platform(
    module: str, word: str, start: Any, moved: tuple[Path, str, str]
) -> None:
    """A word that names no commit lets the checkout decide; any other keeps the run's commit."""
    folder, tagged, tip = moved
    case = read(CASES / module / "branch.json")
    [variable] = BY_MODULE[module].started
    environ = {name: tip if name in BY_MODULE[module].sha else text for name, text in case["environ"].items()}
    repo = case["expected"]["events"][0]["repo"]
    git(folder, "remote", "set-url", "origin", f"git@git.example.com:{repo}.git")
    found = deployed(folder, {**environ, variable: word}, BY_MODULE[module], environment="production")

    assert found.events[0]["commitSHA"] == (tip if start.names_commit else tagged)
    assert bool(found.warnings) == start.names_commit


def test_the_checkout_is_said_outright(moved: tuple[Path, str, str]) -> None:
    """`sha: checkout` takes the commit of the checkout on every event, and says why it cannot."""
    folder, tagged, tip = moved
    found = deployed(folder, of_github("push", tip), sha="checkout")
    assert (found.events[0]["commitSHA"], found.warnings) == (tagged, ())

    with pytest.raises(UsageError, match="sha: expected a checkout that has the deployed commit, got none"):
        deployed(folder / ".git", within(folder / ".git", tip), sha="checkout")
    git(folder, "remote", "set-url", "origin", "git@github.com:larkspur/ops.git")
    with pytest.raises(
        UsageError, match=r"sha: expected a checkout of larkspur/checkout-api, got one of larkspur/ops"
    ):
        deployed(folder, of_github("push", tip), sha="checkout")


def test_another_repository_than_the_platforms(moved: tuple[Path, str, str]) -> None:
    """Without a commit of its own it is an error, except where the checkout is of it."""
    folder, tagged, tip = moved
    with pytest.raises(
        UsageError, match=r"repo: expected larkspur/app@SHA, got no commit: GitHub Actions has"
    ):
        deployed(folder, of_github("push", tip), repos=["larkspur/app"])

    git(folder, "remote", "set-url", "origin", "git@github.com:Larkspur/app.git")
    [reported] = deployed(folder, of_github("push", tip), repos=["larkspur/app"]).events
    assert (reported["repo"], reported["commitSHA"]) == ("larkspur/app", tagged)
    # A mirror sets the commit, and gets the log of it.
    [mirrored] = deployed(folder, of_github("push", tip), repos=["larkspur/mirror"], sha=tip).events
    assert (mirrored["commitSHA"], mirrored["branch"]) == (tip, "main")


@pytest.fixture
def workspace(
    moved: tuple[Path, str, str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str, str]:
    """A folder without a checkout of its own, with one of another repository and one at the tag."""
    folder, tagged, tip = moved
    work = tmp_path_factory.mktemp("workspace")
    for name, remote in (("actions", "actions"), ("release", "checkout-api")):
        git(folder, "clone", "-q", f"file://{folder}", str(work / name))
        git(work / name, "remote", "set-url", "origin", f"https://github.com/larkspur/{remote}.git")
        git(work / name, "checkout", "-q", "main" if name == "actions" else "v1.0")
    return work, tagged, tip


def test_the_checkout_of_the_runs_repository_counts(workspace: tuple[Path, str, str]) -> None:
    """Of several checkouts below the workspace the one of the run's repository counts."""
    work, tagged, tip = workspace
    found = deployed(work, of_github("workflow_dispatch", tip))

    assert (found.events[0]["commitSHA"], found.warnings) == (tagged, ())


@pytest.mark.parametrize("at_the_root", [True, False])
def test_two_checkouts_of_it(at_the_root: bool, workspace: tuple[Path, str, str], tmp_path: Path) -> None:
    """Two of it at different commits are a warning, and the run's commit stays with its log."""
    work, tagged, tip = workspace
    other = work / "main"
    git(work / "release", "clone", "-q", f"file://{work}/actions", str(other))
    git(other, "checkout", "-q", tip)
    git(other, "remote", "set-url", "origin", "https://github.com/larkspur/checkout-api.git")
    if at_the_root:
        (work / "release").rename(tmp_path / "release")
        (tmp_path / "release").rename(other / "release")
        work = other
    found = deployed(work, of_github("workflow_dispatch", tip))

    assert found.events[0]["commitSHA"] == tip
    assert len(found.events[0]["commits"]) == 3
    [warning] = found.warnings
    assert warning.startswith("several checkouts of larkspur/checkout-api are at different commits (")
    assert f"{tagged[:7]} in release" in warning
    # On a push the run's commit is certain.
    assert deployed(work, of_github("push", tip)).warnings == ()
    with pytest.raises(UsageError, match=r"sha: expected a checkout .* got none .several checkouts"):
        deployed(work, of_github("push", tip), sha="checkout")
    [named] = deployed(work, of_github("push", tip), path="release", sha="checkout").events
    assert named["commitSHA"] == tagged


@pytest.mark.parametrize("text", ["v1.0", "refs/tags/v1.0", "short", "retry"])
def test_a_name_that_git_knows(text: str, moved: tuple[Path, str, str]) -> None:
    """In a checkout a tag, a branch and the beginning of a commit are read by git."""
    folder, tagged, tip = moved
    git(folder, "checkout", "-q", "main")
    found = deployed(folder, of_github("push", tip), sha=tagged[:9] if text == "short" else text)

    assert (found.events[0]["commitSHA"], len(found.events[0]["commits"])) == (tagged, 2)


@pytest.mark.parametrize("text", ["v9.9", "--exec=touch ran", "sha-25ff281", "HEAD:x", "0" * 40])
def test_a_name_that_git_does_not_know(text: str, moved: tuple[Path, str, str]) -> None:
    """Any other name is refused as ever, and is no option of git."""
    folder, _, tip = moved
    with pytest.raises(UsageError, match="sha: expected a commit of 40 or 64 hexadecimal digits, got"):
        deployed(folder, of_github("push", tip), sha=text)


def test_commits_outside_of_paths(repository: Path) -> None:  # noqa: F811
    """A commit that touches none of the globs is outside; `!` takes files out."""
    for name in ("services/cart/a.py", "services/pay/b.py", "services/cart/readme.md", "shared.toml"):
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        (repository / name).write_text("x")
        git(repository, "add", name)
        commit(repository, name)
    sha = git(repository, "rev-parse", "HEAD")
    paths = "services/cart/**\n!services/**/*.md\n\nshared.toml\n"
    found = deployed(repository, of_github("push", sha), paths=paths, environment="production")

    assert [one["outside"] for one in found.events[0]["commits"][:4]] == [False, True, True, False]
    assert found.notes == ()
    found = deployed(repository, of_github("push", sha), paths="servces/**", environment="production")
    assert found.notes == ("paths: no commit of the deploy touches one of them",)
    elsewhere = within(repository / ".git", sha)
    found = deployed(repository / ".git", elsewhere, paths="x")
    unknown = "paths: no lead time, because it is not known which commits touch them"
    assert f"{unknown}: no checkout has them" in found.notes
    # A shallow checkout cannot tell either. What it may have of other services has no time.
    clone = repository / "clone"
    git(repository, "clone", "-q", "--depth=1", f"file://{repository}", str(clone))
    before = git(repository, "rev-parse", "HEAD~1")
    pushed = [{"id": name, "timestamp": "2026-03-03T08:00:00Z"} for name in (before, sha)]
    event = {"after": sha, "commits": pushed, "head_commit": pushed[-1]}
    for given, times in ((None, [True, True]), (paths, [False, False])):
        found = deployed(clone, of_github("push", sha), event=event, paths=given, environment="production")
        (reported,) = found.events
        assert [one["sha"] for one in reported["commits"]] == [sha, before]
        assert ["time" in one for one in reported["commits"]] == times
        assert "commitTime" not in reported
        assert (f"{unknown}: the checkout is shallow" in found.notes) == (times == [False, False])
    # Of a deeper one, only the commit at which it ends is not known.
    git(clone, "fetch", "-q", "--depth=3", "origin", sha)
    (reported,) = deployed(clone, of_github("push", sha), paths=paths, environment="production").events
    assert ["outside" in one for one in reported["commits"]] == [True, True, False]
    assert ["time" in one for one in reported["commits"]] == [True, True, False]
    # Without a list, the time of the deployed commit alone is left out, too.
    event = {"after": sha, "head_commit": pushed[-1]}
    for given, known in ((None, {"commitTime"}), ("x", set())):
        (reported,) = deployed(repository / ".git", elsewhere, event=event, paths=given).events
        assert {"commits", "commitTime"} & set(reported) == known


def test_git_has_one_deadline(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """A git that hangs takes one deadline for all checkouts together, and the deploy is reported."""
    programs = planted(repository / "programs/git", "#!/bin/sh\nexec sleep 60\n").parent
    for name in "abcde":
        (repository / name / ".git").mkdir(parents=True)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setattr(checkout, "Git", lambda: git_log.Git(0.5))
    started = time.monotonic()
    found = deployed(repository, of_github("workflow_dispatch", "c3" * 20))

    assert time.monotonic() - started < 5
    assert found.notes[-1] == "no commits: git took longer than 15 s"


AZURE = BY_MODULE["azure"]
RESOURCE = {
    "BUILD_REASON": "ResourceTrigger",
    "BUILD_REPOSITORY_URI": "https://github.com/larkspur/checkout-api.git",
    "BUILD_SOURCEBRANCH": "refs/heads/main",
    "RESOURCES_TRIGGERINGALIAS": "app",
    "RESOURCES_PIPELINE_APP_SOURCEBRANCH": "refs/heads/retry",
}


def test_what_another_pipeline_built(moved: tuple[Path, str, str]) -> None:
    """On Azure a pipeline resource of this repository is the deployed one; of another it is a warning."""
    folder, tagged, tip = moved
    git(folder, "checkout", "-q", "main")
    environ = {**RESOURCE, "BUILD_SOURCEVERSION": tip, "RESOURCES_PIPELINE_APP_SOURCECOMMIT": tagged}
    found = deployed(folder, environ, AZURE, environment="production")
    assert (found.events[0]["commitSHA"], found.events[0]["branch"]) == (tagged, "retry")
    both = f"the pipeline resource app is at {tagged[:7]}, the run is of {tip[:7]}"
    assert found.notes == (f"{both}: that of the resource is reported",)

    environ["RESOURCES_PIPELINE_APP_SOURCECOMMIT"] = "c3" * 20
    found = deployed(folder, environ, AZURE, environment="production")
    assert found.events[0]["commitSHA"] == tip
    [warning] = found.warnings
    assert warning == (
        f"the pipeline resource app is at c3c3c3c, the run is of {tip[:7]}, which is reported; if the "
        "resource was deployed, set sha: $(resources.pipeline.app.sourceCommit) and, if its repository is "
        "another, repo"
    )
    [named] = deployed(folder, environ, AZURE, repos=["larkspur/app"]).events
    assert (named["repo"], named["commitSHA"]) == ("larkspur/app", "c3" * 20)
    del environ["RESOURCES_TRIGGERINGALIAS"]
    environ["RESOURCES_PIPELINE_LIBRARY_SOURCECOMMIT"] = tagged
    # Of several, none is meant for certain.
    assert deployed(folder, environ, AZURE).events[0]["commitSHA"] == tip
