"""Commit, branch, remote and commits, read from real repositories."""

import subprocess
from pathlib import Path

import pytest
from gitdailies_core.ci import Deploys, GitFacts, Inputs, checkout
from gitdailies_core.ci.deploy import MOST_COMMITS
from gitdailies_core.ci.platforms.github_actions import GITHUB_ACTIONS

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
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "first", at="2026-03-01T08:00:00Z")
    git(tmp_path, "checkout", "-q", "-b", "retry")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "second", at="2026-03-02T08:00:00Z")
    git(tmp_path, "checkout", "-q", "main")
    git(tmp_path, "merge", "-q", "--no-ff", "-m", "merge", "retry", at="2026-03-03T08:00:00Z")
    return tmp_path


def test_read(repository: Path) -> None:
    """HEAD, branch and remote are read, and the commits newest first without the merge."""
    first, second = git(repository, "rev-parse", "HEAD~1"), git(repository, "rev-parse", "retry")

    assert checkout.read(str(repository)) == GitFacts(
        sha=git(repository, "rev-parse", "HEAD"),
        branch="main",
        remote="https://bot:s3cr3t@github.com/larkspur/checkout-api.git",
        commit_time="2026-03-03T08:00:00Z",
        commits=(
            {"sha": second, "time": "2026-03-02T08:00:00Z"},
            {"sha": first, "time": "2026-03-01T08:00:00Z"},
        ),
    )


def test_detached(repository: Path) -> None:
    """A commit that is checked out by itself has no branch."""
    git(repository, "checkout", "-q", "HEAD~1")
    found = checkout.read(str(repository))

    assert found is not None
    assert found.branch is None


def test_shallow(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A shallow clone gives the time of its HEAD, and no commits, since earlier ones are missing."""
    clone = tmp_path_factory.mktemp("clone") / "checkout-api"
    git(repository, "clone", "-q", "--depth=1", f"file://{repository}", str(clone))
    found = checkout.read(str(clone))

    assert found is not None
    assert found.commits == ()
    assert found.commit_time == "2026-03-03T08:00:00Z"


def test_many_commits(repository: Path) -> None:
    """If there are more commits than are sent, the newest are read and marked as incomplete."""
    for _ in range(MOST_COMMITS + 1):
        tree, parent = git(repository, "rev-parse", "HEAD^{tree}"), git(repository, "rev-parse", "HEAD")
        git(
            repository,
            "reset",
            "-q",
            "--soft",
            git(repository, "commit-tree", "-p", parent, "-m", "more", tree),
        )
    found = checkout.read(str(repository))

    assert found is not None
    assert (len(found.commits), found.cut) == (MOST_COMMITS, True)
    assert found.commits[0]["sha"] == found.sha


def test_no_repository(tmp_path: Path) -> None:
    """A folder without .git gives nothing, even inside a repository."""
    git(tmp_path, "init", "-q")
    (tmp_path / "below").mkdir()

    assert checkout.read(str(tmp_path / "below")) is None


def test_no_commit(tmp_path: Path) -> None:
    """A repository without a commit gives nothing."""
    git(tmp_path, "init", "-q")

    assert checkout.read(str(tmp_path)) is None


def test_no_git(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without git on the PATH a checkout gives nothing."""
    monkeypatch.setenv("PATH", str(repository))

    assert checkout.read(str(repository)) is None


def test_a_repository_cannot_make_git_run_its_own_program(repository: Path) -> None:
    """A program that the repository's settings name for signatures is not run."""
    program = repository / "planted"
    program.write_text(f"#!/bin/sh\ntouch {repository}/ran\n")
    program.chmod(0o755)
    git(repository, "config", "log.showSignature", "true")
    git(repository, "config", "gpg.program", str(program))

    assert checkout.read(str(repository)) is not None
    assert not (repository / "ran").exists()


def test_git_is_asked_where_something_is_open(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Git adds values that the platform leaves open, and is not run if the payload has all of them."""
    sha = git(repository, "rev-parse", "HEAD")
    environ = {
        "GITHUB_REPOSITORY": "larkspur/checkout-api",
        "GITHUB_EVENT_NAME": "push",
        "GITHUB_SHA": sha,
        "GITHUB_REF": "refs/heads/main",
    }
    found = checkout.deploys_in(str(repository), GITHUB_ACTIONS, environ=environ, inputs=Inputs())

    assert isinstance(found, Deploys)
    assert [commit["time"] for commit in found.events[0].get("commits")] == [
        "2026-03-02T08:00:00Z",
        "2026-03-01T08:00:00Z",
    ]

    payload = {"after": sha, "commits": [{"id": sha, "timestamp": "2026-03-03T08:00:00Z"}]}
    monkeypatch.setattr(checkout, "read", lambda directory: pytest.fail(f"git was run in {directory}"))
    deploys = checkout.deploys_in(
        str(repository), GITHUB_ACTIONS, environ=environ, event=payload, inputs=Inputs()
    )
    assert isinstance(deploys, Deploys)
    assert deploys.events[0].get("commits") == [{"sha": sha, "time": "2026-03-03T08:00:00Z"}]
