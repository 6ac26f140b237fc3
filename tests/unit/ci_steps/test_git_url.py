"""Addresses of repositories: the slug in any form of them, no user-info in what is shown."""

from pathlib import Path

import pytest
import yaml
from gitdailies_core.ci.job.git_url import slug
from gitdailies_core.ci.job.userinfo import without_user

URLS = yaml.safe_load(Path(__file__).with_name("git_urls.yaml").read_text("utf-8"))


@pytest.mark.parametrize("address", URLS["slugs"])
def test_slug(address: str) -> None:
    """Every form of an address comes to the same slug."""
    assert slug(address) == URLS["slugs"][address]


@pytest.mark.parametrize("address", URLS["without_slug"])
def test_no_slug(address: str) -> None:
    """A text without a repository at a host has no slug."""
    assert slug(address) is None


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://user:token@ci.example/job/7", "https://ci.example/job/7"),
        ("https://to@ken@ci.example/job/7", "https://ci.example/job/7"),
        ("https://ci.example/job/a@b", "https://ci.example/job/a@b"),
        ("https://ci.example/?mail=a@b", "https://ci.example/?mail=a@b"),
        ("https://ci.example:8443/job/a@b/c", "https://ci.example:8443/job/a@b/c"),
        ("https://user:to/ken@ci.example/job/7", "https://ci.example/job/7"),
        ("https://user:to,ken@ci.example/job/7", "https://ci.example/job/7"),
        ("user:token@ci.example/job/7", "ci.example/job/7"),
        ("token@ci.example/job/7", "ci.example/job/7"),
        ("a/b https://user:token@ci.example/c/d", "a/b https://ci.example/c/d"),
        ("a/b,user:token@ci.example/c/d", "a/b,ci.example/c/d"),
        ("git@github.com:larkspur/api.git", "git@github.com:larkspur/api.git"),
        (
            "larkspur/api@4f0c2d6b8e1a9357c0d4e2f6a8b1c3d5e7f90214",
            "larkspur/api@4f0c2d6b8e1a9357c0d4e2f6a8b1c3d5e7f90214",
        ),
    ],
)
def test_without_user(address: str, shown: str) -> None:
    """User and password are taken out of an address, and nothing else."""
    assert without_user(address) == shown
