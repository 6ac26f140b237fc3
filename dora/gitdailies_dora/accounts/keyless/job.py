"""What an ID token proves about a CI job, or that it is refused.

`job_token` verifies tokens. It loads a library that a server whose jobs have keys never needs.
"""

from __future__ import annotations

from typing import NamedTuple

from gitdailies_core.errors import GitDailiesError


class TokenRefused(GitDailiesError):
    """An ID token that is not accepted. The message names the claim, and repeats no part of the signature."""

    status_hint = 401


class Job(NamedTuple):
    """What a token proves: its repository, its environment or "", and the environments that are trusted.

    *sender* is what pages and events call it.
    """

    sender: str
    repository: str
    environment: str
    environments: tuple[str, ...]


def is_token(text: str) -> bool:
    """Whether a bearer is a token and no key: three parts with dots."""
    return text.count(".") == 2
