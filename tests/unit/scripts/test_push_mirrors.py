"""Steps are published in repositories of their own: one commit a release, and no tag is ever moved."""

import base64
import os
import subprocess
from pathlib import Path

import pytest

from scripts.releasing import push_mirrors
from scripts.releasing.push_mirrors import Fault, with_token


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    path = tmp_path / "mirror.git"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(path)], check=True)
    return path


def tree(folder: Path, **files: str) -> Path:
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def push(path: Path, remote: Path, tag: str) -> str:
    return push_mirrors.push(path, str(remote), tag, author="larkspur", environ=os.environ)


def git(remote: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=remote, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_a_second_release_follows_the_first(tmp_path: Path, remote: Path) -> None:
    """The second commit has the first as its parent, and holds its own files alone."""
    push(tree(tmp_path / "one", action="1", gone="1"), remote, "v1.0.0")
    said = push(tree(tmp_path / "two", action="2", new="2"), remote, "v1.1.0")

    assert said == f"{remote}: v1.1.0 published"
    assert git(remote, "log", "--format=%s %an", "main").splitlines() == [
        "Release v1.1.0 larkspur",
        "Release v1.0.0 larkspur",
    ]
    assert git(remote, "ls-tree", "--name-only", "v1.1.0").splitlines() == ["action", "new"]
    assert git(remote, "ls-tree", "--name-only", "v1.0.0").splitlines() == ["action", "gone"]


def test_a_repeated_release_changes_nothing(tmp_path: Path, remote: Path) -> None:
    """The same tree under the same tag exists already, and makes no commit."""
    path = tree(tmp_path / "one", action="1")
    push(path, remote, "v1.0.0")
    before = git(remote, "rev-parse", "main")

    assert push(path, remote, "v1.0.0") == f"{remote}: v1.0.0 exists already"
    assert git(remote, "rev-parse", "main") == before


def test_a_tag_is_never_moved(tmp_path: Path, remote: Path) -> None:
    """Another tree under a tag that is there is refused, and branch and tag stay."""
    push(tree(tmp_path / "one", action="1"), remote, "v1.0.0")
    before = git(remote, "show-ref")

    with pytest.raises(Fault, match="a tag is never moved"):
        push(tree(tmp_path / "two", action="2"), remote, "v1.0.0")
    assert git(remote, "show-ref") == before


def test_a_hook_that_lost_its_mode_can_be_executed(tmp_path: Path, remote: Path) -> None:
    """A job gets the files of another without their modes: a file with an interpreter is a program."""
    push(tree(tmp_path / "one", hook="#!/bin/sh\n", readme="x"), remote, "v1.0.0")

    assert [line.split()[0] for line in git(remote, "ls-tree", "main").splitlines()] == ["100755", "100644"]


def test_a_missing_tree_and_a_missing_repository_are_named(tmp_path: Path) -> None:
    """Without the tree it says what to run; without the repository it says what git said."""
    with pytest.raises(Fault, match="run `make release` first"):
        push(tmp_path / "none", tmp_path, "v1.0.0")
    with pytest.raises(Fault, match="ls-remote: "):
        push(tree(tmp_path / "one", action="1"), tmp_path / "none.git", "v1.0.0")


def test_git_gets_one_token_by_its_environment() -> None:
    """The token is in a header that git sends, and no other token is passed on."""
    environ = with_token({"PATH": "/bin", "GITLAB_MIRROR_TOKEN": "other"}, "oauth2", "planted-token")

    header = environ["GIT_CONFIG_VALUE_0"].removeprefix("Authorization: Basic ")
    assert base64.b64decode(header) == b"oauth2:planted-token"
    assert "GITLAB_MIRROR_TOKEN" not in environ
    assert "planted-token" not in str(environ)
    assert with_token({"A_TOKEN": "x"}, "u", "") == {}
