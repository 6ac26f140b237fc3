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


@pytest.mark.parametrize(("address", "shown"), URLS["shown"].items())
def test_without_user(address: str, shown: str) -> None:
    """User and password are taken out of an address, and nothing else."""
    assert without_user(address) == shown
