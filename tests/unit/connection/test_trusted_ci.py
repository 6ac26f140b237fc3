"""`dora.trusted_ci`: whom an entry trusts. What would trust anybody is in data/bad-trusted-ci*.yml."""

from pathlib import Path

from gitdailies_connection.config.load import load_dora


def test_the_issuer() -> None:
    """The word of a platform stands for its issuer, and an address for itself; any environment is trusted."""
    found = load_dora(Path(__file__).parent / "data/good-trusted-ci.yml").trusted_ci
    assert [one.issuer for one in found] == [
        "https://token.actions.githubusercontent.com",
        "https://gitlab.com",
        "https://oidc.circleci.com/org/b9e2",
        "https://agent.buildkite.com",
        "https://api.bitbucket.org/2.0/workspaces/larkspur/pipelines-config/identity/oidc",
        "https://git.larkspur.example",
    ]
    assert {one.environments for one in found} == {("*",)}
