"""GitLab's REST API: its address, and the headers of each request."""

from collections.abc import Mapping

from gitdailies_core.values.secret import Secret

URL = "https://gitlab.com/api/v4"
TOKEN_ENV = "GITLAB_TOKEN"  # noqa: S105  a name, not a token
PAGE = 100


def headers(token: Secret) -> Mapping[str, str]:
    """Return the headers of every request."""
    return {"PRIVATE-TOKEN": token.reveal(), "Accept": "application/json"}
