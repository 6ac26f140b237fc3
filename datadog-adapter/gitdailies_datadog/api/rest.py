"""Datadog's API: its address, and its two keys. Source: "Authentication" of the API reference."""

from __future__ import annotations

from collections.abc import Mapping

from gitdailies_core import Secret

URL = "https://api.datadoghq.com"
KEY_ENV = "DD_API_KEY"
SECOND_ENV = "DD_APP_KEY"
SECOND_HEADER = "DD-APPLICATION-KEY"


def headers(token: Secret) -> Mapping[str, str]:
    """Return the headers of every request, but for the second key."""
    return {"DD-API-KEY": token.reveal(), "Accept": "application/json"}
