"""`dora.trusted_ci`: the CI platforms whose ID tokens the DORA server takes in place of a key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

ORGANIZATION = "{organization}"
# The issuer of each platform. Its documents name it; those of CircleCI and Bitbucket are one an organization.
ISSUERS: Mapping[str, str] = {
    "github": "https://token.actions.githubusercontent.com",
    "gitlab": "https://gitlab.com",
    "circleci": f"https://oidc.circleci.com/org/{ORGANIZATION}",
    "buildkite": "https://agent.buildkite.com",
    "bitbucket": (f"https://api.bitbucket.org/2.0/workspaces/{ORGANIZATION}/pipelines-config/identity/oidc"),
}


@dataclass(frozen=True)
class TrustedCi:
    """An issuer of ID tokens, and the repositories and environments that its jobs may report deploys of.

    Both may hold globs. `projects` is the repository of each id that tokens have in place of a name.
    """

    platform: str
    issuer: str
    repositories: tuple[str, ...]
    environments: tuple[str, ...] = ("*",)
    projects: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def name(self) -> str:
        """What pages and events call its jobs, in place of the name of a key."""
        return f"oidc/{self.platform}"


def project_id(text: str) -> str:
    """Return an id as it is compared: Bitbucket writes its ids in braces."""
    return text.strip("{} ").casefold()
