"""Squadcast's API: its address, the exchange of its token, and the headers of each request.

Source: "Authentication" of Squadcast's API reference. A refresh token is exchanged for a temporary access
token.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from gitdailies_core import Fields, Secret


class Api:
    """What all that ask the API have in common."""

    name = "squadcast"
    url = "https://api.squadcast.com/v3"
    token_env = "SQUADCAST_REFRESH_TOKEN"  # noqa: S105  a name, not a token

    def sign_in(self, url: str, token: Secret) -> tuple[str, Mapping[str, str]]:
        """Each region has a host that issues access tokens: auth.eu.… for api.eu.squadcast.com."""
        parts = urlsplit(url)
        host = f"auth.{parts.netloc[4:]}" if parts.netloc.startswith("api.") else parts.netloc
        return f"{parts.scheme}://{host}/oauth/access-token", {"X-Refresh-Token": token.reveal()}

    def access_token(self, answer: Any) -> str:
        """Return the access token in an answer."""
        return Fields(answer, "access token").object("data").text("access_token")

    def headers(self, token: Secret) -> Mapping[str, str]:
        """Return the headers of every request, with an access token."""
        return {"Authorization": f"Bearer {token.reveal()}", "Accept": "application/json"}
