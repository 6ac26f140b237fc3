"""GitHub's REST API: its address, and the headers of each request."""

from collections.abc import Mapping

from gitdailies_core.values.secret import Secret

URL = "https://api.github.com"
TOKEN_ENV = "GITHUB_TOKEN"  # noqa: S105  a name, not a token
PAGE = 100


def headers(token: Secret) -> Mapping[str, str]:
    """Return the headers of every request."""
    return {
        "Authorization": f"Bearer {token.reveal()}",
        "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": "2022-11-28",
    }
