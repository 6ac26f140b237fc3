"""Repositories, commits and branches as senders write them."""

import pytest
from gitdailies_core.sources.images import commit_in
from gitdailies_sources.language import git

SHA = "5c634cc3313afcc0490256db8ddd0358238a0d9e"
DIGEST = "8e35c2cd3bf6641bdb0e2050b76932cbb2e6034a0ddacc1d9bea82a6ba57f7cf"


@pytest.mark.parametrize(
    ("text", "repo"),
    [
        ("larkspur/checkout-api", "larkspur/checkout-api"),
        ("larkspur/freight/ledger-worker.git", "larkspur/freight/ledger-worker"),
        ("git@github.com:larkspur/checkout-api.git", "larkspur/checkout-api"),
        (f"https://gitlab.example/a/b/c/-/commit/{SHA}", "a/b/c"),
        (f"https://github.com/larkspur/docs-site/commit/{SHA}", "larkspur/docs-site"),
        (f"pkg:github/larkspur/quotes@{SHA}", "larkspur/quotes"),
        (f"pkg:gitlab/larkspur%2Ffreight/quotes@{SHA}?a=b#c", "larkspur/freight/quotes"),
        (f"pkg:generic/app@1.0?vcs_url=git%2Bhttps://git.example/larkspur/app.git@{SHA}", "larkspur/app"),
        (f"pkg:oci/quotes@sha256%3A{DIGEST}?repository_url=registry.example/quotes", None),
        ("pkg:github", None),
        ("checkout-api", None),
    ],
)
def test_repository(text: str, repo: str | None) -> None:
    assert git.repo(text) == repo


@pytest.mark.parametrize(
    ("text", "sha"),
    [
        (SHA, SHA),
        (SHA.upper(), SHA),
        (f"main@sha1:{SHA}", SHA),
        (f"https://gitlab.example/a/b/-/commit/{SHA}", SHA),
        (f"https://api.bitbucket.org/2.0/repositories/a/b/commit/{SHA}", SHA),
        (f"registry.example/app@sha256:{DIGEST}", None),
        (f"latest@sha256:{DIGEST}", None),
        (SHA[:12], None),
        ("HEAD", None),
        ("0" * 40, None),
    ],
)
def test_commit(text: str, sha: str | None) -> None:
    assert git.sha(text) == sha


@pytest.mark.parametrize(
    ("text", "sha"),
    [
        (f"registry.example/app:{SHA}", SHA),
        (f"registry.example/app:sha-{SHA}", SHA),
        (f"Deploy of release 3.17.2+{SHA} to Production", SHA),
        (f"registry.example/app@sha256:{DIGEST}", None),
        (f"pkg:oci/quotes@sha256%3A{DIGEST}", None),
        (f"x{SHA}", None),
        (f"{SHA}0", None),
    ],
)
def test_commit_inside_a_text(text: str, sha: str | None) -> None:
    assert commit_in(text) == sha


@pytest.mark.parametrize(
    ("ref", "branch"),
    [
        ("main", "main"),
        ("refs/heads/feature/x", "feature/x"),
        ("origin/main", "main"),
        (f"main@sha1:{SHA}", "main"),
        (f"refs/heads/main@sha1:{SHA}", "main"),
        (f"main/{SHA}", "main"),
        (f"sha1:{SHA}", None),
        (f"v1.2.0@sha1:{SHA}", None),
        ("refs/tags/v1", None),
        ("v1.2.3", None),
        ("1.2.3", None),
        (SHA, None),
        ("", None),
    ],
)
def test_branch(ref: str, branch: str | None) -> None:
    assert git.branch(ref) == branch


def test_a_tag_claims_no_branch() -> None:
    assert git.branch("main", tag=True) is None


@pytest.mark.parametrize("part", ["a", "/commits/", "sha256:", "@sha1:", ".", "%2F"])
@pytest.mark.parametrize("read", [git.repo, git.sha, git.branch])
def test_a_long_text_names_nothing(read, part: str) -> None:
    """A mebibyte in the place of a name is no name, and costs no time."""
    for begin in ("", "https://git.example/", "pkg:github/", "x"):
        assert read(begin + part * ((1 << 20) // len(part)) + "\n\nx") is None
