"""`dora.trusted_ci`: whom an entry trusts, and what is refused because it would trust anybody or nobody."""

from pathlib import Path

import pytest
from gitdailies_connection.config.load import load_dora
from gitdailies_connection.config.sections.trusted_ci import TrustedCi
from gitdailies_core.errors import ConfigurationError


def read(folder: Path, entry: str) -> TrustedCi:
    (folder / "gitdailies.yml").write_text(f"dora:\n  trusted_ci:\n    - {entry}\n")
    [found] = load_dora(folder / "gitdailies.yml").trusted_ci
    return found


@pytest.mark.parametrize(
    ("entry", "issuer"),
    [
        ('{issuer: github, repositories: ["larkspur/*"]}', "https://token.actions.githubusercontent.com"),
        ('{issuer: gitlab, repositories: ["larkspur/shop/*"]}', "https://gitlab.com"),
        (
            '{issuer: circleci, organization: b9e2, repositories: ["larkspur/*"]}',
            "https://oidc.circleci.com/org/b9e2",
        ),
        (
            '{issuer: buildkite, repositories: ["larkspur/*"], projects: {a: larkspur/a}}',
            "https://agent.buildkite.com",
        ),
        (
            '{issuer: bitbucket, organization: larkspur, repositories: ["a/*"], projects: {a: a/b}}',
            "https://api.bitbucket.org/2.0/workspaces/larkspur/pipelines-config/identity/oidc",
        ),
        (
            '{issuer: "https://git.larkspur.example", platform: gitlab, repositories: ["a/*"]}',
            "https://git.larkspur.example",
        ),
    ],
)
def test_the_issuer(entry: str, issuer: str, tmp_path: Path) -> None:
    """The word of a platform stands for its issuer, and an address for itself."""
    found = read(tmp_path, entry)
    assert (found.issuer, found.environments) == (issuer, ("*",))


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        (
            '{issuer: github, repositories: ["*/*"]}',
            "expected an owner and a name or *, as in larkspur/*, got '*/*'",
        ),
        ('{issuer: github, repositories: ["*"]}', "got '*'"),
        ('{issuer: gitlab, repositories: ["lark*/x"]}', "got 'lark*/x'"),
        ('{issuer: github, repositories: ["larkspur"]}', "got 'larkspur'"),
        ("{issuer: github}", "repositories"),
        (
            '{issuer: gitlabb, repositories: ["a/*"]}',
            "expected one of github, gitlab, circleci, buildkite, bitbucket",
        ),
        ('{issuer: "http://git.example.com", platform: gitlab, repositories: ["a/*"]}', "expected https"),
        ('{issuer: "https://169.254.169.254", platform: gitlab, repositories: ["a/*"]}', "link-local"),
        ('{issuer: "https://git.example.com", repositories: ["a/*"]}', "for an address, got none"),
        ('{issuer: circleci, repositories: ["a/*"]}', "expected the organization of circleci, got nothing"),
        (
            '{issuer: bitbucket, repositories: ["a/*"], projects: {a: a/b}}',
            "expected the organization of bitbucket, got nothing",
        ),
        (
            '{issuer: bitbucket, organization: a/b, repositories: ["a/*"], projects: {a: a/b}}',
            "letters, digits",
        ),
        ('{issuer: buildkite, repositories: ["a/*"]}', "since tokens of buildkite name none, got nothing"),
        ('{issuer: buildkite, repositories: ["a/*"], projects: {a: b}}', "expected a repository like"),
    ],
)
def test_what_is_refused(entry: str, complaint: str, tmp_path: Path) -> None:
    """Each names the setting and what is expected."""
    with pytest.raises(ConfigurationError) as raised:
        read(tmp_path, entry)
    assert complaint in str(raised.value)
    assert "dora.trusted_ci[0]" in str(raised.value)
