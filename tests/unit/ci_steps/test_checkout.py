"""Commit, branch, remote and commits, read from real repositories."""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from gitdailies_core.ci.deploys import checkout, git_log
from gitdailies_core.ci.deploys.deploy import USUAL_COMMITS
from gitdailies_core.ci.deploys.git_facts import GitFacts
from gitdailies_core.ci.job.facts import Deploys
from gitdailies_core.ci.job.inputs import Inputs
from gitdailies_core.ci.platforms.github_actions import GITHUB_ACTIONS
from gitdailies_core.ci.reporting.platform import ELSEWHERE, Platform
from gitdailies_core.errors import UsageError

from tests.support.programs import planted

AUTHOR = ("-c", "user.name=Robin", "-c", "user.email=robin@example.com", "-c", "init.defaultBranch=main")


def git(directory: Path, *arguments: str, at: str = "2026-03-04T08:40:00+01:00") -> str:
    """Run git with a committer date; the user's own settings have no part in it."""
    done = subprocess.run(
        ["git", *AUTHOR, *arguments],
        cwd=directory,
        env={"GIT_COMMITTER_DATE": at, "PATH": "/usr/bin:/bin:/usr/local/bin", "HOME": str(directory)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with three commits on main, the last a merge."""
    git(tmp_path, "init", "-q")
    git(tmp_path, "remote", "add", "origin", "https://bot:s3cr3t@github.com/larkspur/checkout-api.git")
    commit(tmp_path, "first", "2026-03-01T08:00:00Z")
    git(tmp_path, "checkout", "-q", "-b", "retry")
    commit(tmp_path, "second", "2026-03-02T08:00:00Z")
    git(tmp_path, "checkout", "-q", "main")
    git(tmp_path, "merge", "-q", "--no-ff", "-m", "merge", "retry", at="2026-03-03T08:00:00Z")
    return tmp_path


def commit(repository: Path, message: str, at: str = "2026-03-04T08:40:00+01:00") -> None:
    git(repository, "commit", "-q", "--allow-empty", "-m", message, at=at)


def deployed(
    folder: Path,
    environ: Mapping[str, str],
    platform: Platform = GITHUB_ACTIONS,
    path: str | None = None,
    event: Any = None,
    **inputs: Any,
) -> Deploys:
    """Return what a job of a platform reports. *inputs* may hold `repos`."""
    found = checkout.deploys_in(
        str(folder),
        platform,
        environ=environ,
        event=event,
        inputs=Inputs.make(inputs, repos=inputs.pop("repos", ())),
        path=path,
    )
    assert isinstance(found, Deploys)
    return found


def of_run(sha: str, **more: str) -> dict[str, str]:
    return {"GITHUB_REPOSITORY": "larkspur/checkout-api", "GITHUB_SHA": sha, **more}


def of_push(sha: str, **more: str) -> dict[str, str]:
    return of_run(sha, GITHUB_EVENT_NAME="push", **more)


def facts(directory: Path, sha: str = "", paths: Sequence[str] = ()) -> GitFacts:
    """Return what is read of a checkout that can be read, with the log from HEAD or from *sha* on."""
    program = git_log.Git()
    head = git_log.read_head(program, str(directory))
    assert head.facts is not None, head.problem
    found = git_log.read_log(program, str(directory), head.facts, sha or head.facts.sha, paths)
    assert (found.problem, found.facts is None) == ("", False)
    assert found.facts
    return found.facts


def test_read(repository: Path) -> None:
    """HEAD, branch and remote are read, and the commits newest first, each with its parents."""
    found = facts(repository)
    head, first = git(repository, "rev-parse", "HEAD"), git(repository, "rev-parse", "HEAD~1")
    second = git(repository, "rev-parse", "retry")
    assert found.history == ((head, (first, second), ()), (second, (first,), ()), (first, (), ()))
    assert found._replace(history=()) == GitFacts(
        sha=git(repository, "rev-parse", "HEAD"),
        branch="main",
        remote="https://bot:s3cr3t@github.com/larkspur/checkout-api.git",
        commits=(
            {"sha": head, "time": "2026-03-03T08:00:00Z", "parents": [first, second]},
            {"sha": second, "time": "2026-03-02T08:00:00Z", "parents": [first]},
            {"sha": first, "time": "2026-03-01T08:00:00Z", "parents": []},
        ),
        at=head,
    )


def test_detached(repository: Path) -> None:
    """A commit that is checked out by itself has no branch."""
    git(repository, "checkout", "-q", "HEAD~1")

    assert facts(repository).branch is None


def test_shallow(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A shallow clone gives the commits that it has, with the parents that git hides, and no commit time."""
    clone = tmp_path_factory.mktemp("clone") / "checkout-api"
    git(repository, "clone", "-q", "--depth=1", f"file://{repository}", str(clone))
    parents = git(repository, "rev-parse", "HEAD^1", "HEAD^2").split()

    found = facts(clone, paths=["src/**"])
    assert found.commits == ({"sha": found.sha, "time": "2026-03-03T08:00:00Z", "parents": parents},)
    assert (found.whole, found.commit_time) == (False, None)


def landed(repository: Path, count: int) -> None:
    """Commit *count* times, each an hour after the one before."""
    lines = ["reset refs/heads/main", f"from {git(repository, 'rev-parse', 'HEAD')}"]
    for number in range(count):
        lines += [
            "commit refs/heads/main",
            f"committer Robin <robin@example.com> {1772600000 + 3600 * number} +0000",
            "data 4",
            "more",
        ]
    subprocess.run(
        ["git", "fast-import", "--quiet"], cwd=repository, input="\n".join(lines).encode(), check=True
    )
    git(repository, "reset", "-q", "--hard", "main")


def test_a_long_history(repository: Path) -> None:
    """Of a long history, what landed last is read: enough for the runs that failed, and not all of it."""
    landed(repository, USUAL_COMMITS + 50)

    assert len(facts(repository).commits) == USUAL_COMMITS
    assert facts(repository).commits[0]["sha"] == facts(repository).sha


def test_old_commits_that_landed_late(repository: Path) -> None:
    """The commits of a branch that was merged just now are among the new ones, however old they are."""
    git(repository, "checkout", "-q", "-b", "old", "HEAD~1")
    commit(repository, "slow", "2026-01-02T08:00:00Z")
    slow = git(repository, "rev-parse", "HEAD")
    git(repository, "checkout", "-q", "main")
    landed(repository, USUAL_COMMITS + 50)
    git(repository, "merge", "-q", "--no-ff", "-m", "merge", "old", at="2026-04-03T08:00:00Z")

    assert [one["sha"] for one in facts(repository).commits[:2]] == [facts(repository).sha, slow]


def test_reverts(repository: Path) -> None:
    """A revert names what it undoes. One that was reverted itself does not count."""
    start = git(repository, "rev-parse", "HEAD")
    commit(repository, f'Revert "second"\n\nThis reverts commit {"a1" * 20}.')
    commit(repository, f"This reverts commit {'b2' * 20}.")
    undone = git(repository, "rev-parse", "HEAD")
    commit(repository, f"Reapply\n\nThis reverts commit {undone}.")

    assert facts(repository).reverts_since(start) == (undone, "a1" * 20)
    # Where nothing tells what was deployed before, only what landed last is new.
    assert facts(repository).reverts_since(None) == (undone,)
    assert facts(repository).reverts_since("c3" * 20) == (undone,)


def test_reverts_that_a_merge_brought(repository: Path) -> None:
    """The commits of a branch that was merged last are new, and what was on the branch before is not."""
    commit(repository, f"This reverts commit {'d4' * 20}.")
    git(repository, "checkout", "-q", "-b", "undo")
    commit(repository, f"This reverts commit {'a1' * 20}.")
    commit(repository, f"This reverts commit {'b2' * 20}.")
    git(repository, "checkout", "-q", "main")
    git(repository, "merge", "-q", "--no-ff", "-m", "merge", "undo")

    assert facts(repository).reverts_since(None) == ("b2" * 20, "a1" * 20)


@pytest.mark.parametrize("hostile", ["\x1e\x1f", "a\n" * 50, "\N{ZERO WIDTH SPACE}x", "%x00%H"])
def test_no_message_is_read_as_a_commit(repository: Path, hostile: str) -> None:
    """Whatever a message holds, the commits are those of the repository."""
    commit(repository, hostile)

    assert [len(one["sha"]) for one in facts(repository).commits] == [40] * 4


def test_no_commit(tmp_path: Path) -> None:
    """A repository without a commit gives nothing, and says so."""
    git(tmp_path, "init", "-q")

    found = git_log.read_head(git_log.Git(), str(tmp_path))
    assert found.facts is None
    assert "git could not read the checkout" in found.problem


def test_no_git(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without git on the PATH a checkout gives nothing, and a note says why."""
    sha = git(repository, "rev-parse", "HEAD")
    monkeypatch.setenv("PATH", str(repository))

    assert deployed(repository, of_run(sha)).notes[-1] == "no commits: git is not installed, or cannot be run"


# What git 2.35.2 to 2.37 say where -c safe.directory is ignored, and what later ones do.
REFUSALS = [
    "fatal: unsafe repository ('/builds/api' is owned by someone else)",
    "fatal: detected dubious ownership in repository at '/builds/api'",
]


@pytest.mark.parametrize("said", REFUSALS)
def test_git_refuses_the_checkout(said: str, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A git that refuses the checkout of another user is named in a note, with the remedy."""
    sha = git(repository, "rev-parse", "HEAD")
    programs = planted(repository / "programs/git", f'#!/bin/sh\necho "{said}" >&2\nexit 128\n').parent
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")

    assert deployed(repository, of_run(sha)).notes[-1] == (
        "no commits: git refused the checkout, because it belongs to another user; "
        "git config --global --add safe.directory '*' allows it"
    )
    with pytest.raises(UsageError, match=r"(?s)repo: expected .*git refused the checkout"):
        deployed(repository, {}, ELSEWHERE)


def commits_of(directory: Path, sha: str, environ: Mapping[str, str] | None = None) -> int:
    """Count the commits that a job in *directory* reports."""
    return len(deployed(directory, of_run(sha, **(environ or {}))).events[0].get("commits") or ())


def test_a_folder_of_the_checkout(repository: Path) -> None:
    """In a folder of the checkout its git is found, and by itself it tells repository and commit."""
    (repository / "services/api").mkdir(parents=True)
    found = deployed(repository / "services/api", {}, ELSEWHERE)

    assert found.events[0].get("repo") == "larkspur/checkout-api"
    assert commits_of(repository / "services/api", git(repository, "rev-parse", "HEAD")) == 3


def test_a_checkout_above_the_job_is_not_its_own(repository: Path) -> None:
    """Above the folder of the job no checkout is used, also where it is at the deployed commit."""
    work = repository / "runner/work"
    (work / "api").mkdir(parents=True)
    sha = git(repository, "rev-parse", "HEAD")

    assert commits_of(work / "api", sha, {"GITHUB_WORKSPACE": str(work)}) == 0
    assert commits_of(work / "api", sha, {"GITHUB_WORKSPACE": str(repository)}) == 3


@pytest.fixture
def workspace(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A job's folder with two checkouts side by side: one of the deployed commit, one of an earlier one."""
    folder = tmp_path_factory.mktemp("workspace")
    for name in ("api", "other"):
        git(repository, "clone", "-q", f"file://{repository}", str(folder / name))
        git(folder / name, "remote", "set-url", "origin", f"git@github.com:larkspur/{name}.git")
    git(folder / "other", "checkout", "-q", "HEAD~1")
    return folder


def test_several_checkouts(workspace: Path) -> None:
    """Of several checkouts the one of the deployed commit is read; without a commit none is guessed."""
    sha = git(workspace / "api", "rev-parse", "HEAD")

    assert commits_of(workspace, sha) == 3
    assert commits_of(workspace, "0" * 39 + "1", {"GITHUB_EVENT_NAME": "push"}) == 0
    for _ in range(2):
        with pytest.raises(UsageError, match="repo: expected"):
            deployed(workspace, {}, ELSEWHERE)
        # Nor is the only one.
        shutil.rmtree(workspace / "other", ignore_errors=True)


def test_a_repository_cannot_make_git_run_its_own_program(repository: Path) -> None:
    """A program that the repository's settings name for signatures is not run."""
    program = planted(repository / "planted", f"#!/bin/sh\ntouch {repository}/ran\n")
    git(repository, "config", "log.showSignature", "true")
    git(repository, "config", "gpg.program", str(program))

    assert facts(repository).sha
    assert not (repository / "ran").exists()


def test_commits_of_runs_that_failed(repository: Path) -> None:
    """A whole checkout has the commits of earlier runs, too, which no payload of a later push lists."""
    sha = git(repository, "rev-parse", "HEAD")
    payload = {"after": sha, "commits": [{"id": sha, "timestamp": "2026-03-03T08:00:00Z"}]}
    found = deployed(repository, of_push(sha, GITHUB_REF="refs/heads/main"), event=payload)

    assert [one["time"] for one in found.events[0]["commits"]] == [
        "2026-03-03T08:00:00Z",
        "2026-03-02T08:00:00Z",
        "2026-03-01T08:00:00Z",
    ]


def test_a_push_in_a_shallow_clone(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """In a shallow clone the commits are those that it has, with parents, and those of the payload."""
    clone = tmp_path_factory.mktemp("clone") / "checkout-api"
    git(repository, "clone", "-q", "--depth=1", f"file://{repository}", str(clone))
    sha = git(repository, "rev-parse", "HEAD")
    first, second = git(repository, "rev-parse", "HEAD^1", "HEAD^2").split()
    pushed = [(second, "2026-03-02T08:00:00Z"), (sha, "2026-03-03T08:00:00Z")]
    payload = {"after": sha, "commits": [{"id": name, "timestamp": time} for name, time in pushed]}
    found = deployed(clone, of_push(sha), event=payload)

    assert found.events[0]["commits"] == [
        {"sha": sha, "time": "2026-03-03T08:00:00Z", "parents": [first, second]},
        {"sha": second, "time": "2026-03-02T08:00:00Z"},
    ]
    assert "commitTime" not in found.events[0]
    assert "the checkout is shallow" in found.notes[-1]
    assert not any("shallow" in note for note in deployed(repository, of_push(sha), event=payload).notes)
