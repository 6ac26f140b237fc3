"""Datadog's API: its address, and its two keys. Source: "Authentication" of the API reference."""

from collections.abc import Mapping

from gitdailies_core import Secret


class Api:
    """What all that ask the API have in common."""

    name = "datadog"
    url = "https://api.datadoghq.com"
    token_env = "DD_API_KEY"  # noqa: S105  a name, not a token
    second_env = "DD_APP_KEY"
    second_header = "DD-APPLICATION-KEY"

    def headers(self, token: Secret) -> Mapping[str, str]:
        """Return the headers of every request, without the second key."""
        return {"DD-API-KEY": token.reveal(), "Accept": "application/json"}
