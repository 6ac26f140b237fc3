"""`dora.trusted_ci`: the CI platforms whose ID tokens the DORA server takes in place of a key."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gitdailies_connection import addresses

if TYPE_CHECKING:
    from gitdailies_connection.config.document.errors import Place
    from gitdailies_connection.config.reader import SettingsReader

ORGANIZATION = "{organization}"
# The issuer of each platform. Its documents name it; those of CircleCI and Bitbucket are one an organization.
ISSUERS: Mapping[str, str] = {
    "github": "https://token.actions.githubusercontent.com",
    "gitlab": "https://gitlab.com",
    "circleci": f"https://oidc.circleci.com/org/{ORGANIZATION}",
    "buildkite": "https://agent.buildkite.com",
    "bitbucket": (f"https://api.bitbucket.org/2.0/workspaces/{ORGANIZATION}/pipelines-config/identity/oidc"),
}
# Their tokens have no name of a repository.
_WITHOUT_NAMES = ("buildkite", "bitbucket")


@dataclass(frozen=True)
class TrustedCi:
    """An issuer of ID tokens, and the repositories and environments that its jobs may report deploys of.

    Both may hold globs. `projects` is the repository of each id that tokens have in place of a name.
    """

    platform: str
    issuer: str
    repositories: tuple[str, ...]
    environments: tuple[str, ...] = ("*",)
    projects: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What pages and events call its jobs, in place of the name of a key."""
        return f"oidc/{self.platform}"


def project_id(text: str) -> str:
    """Return an id as it is compared: Bitbucket writes its ids in braces."""
    return text.strip("{} ").casefold()


def read_trusted_ci(reading: "SettingsReader") -> tuple[TrustedCi, ...]:
    """Read the list."""
    place: Place = ("dora", "trusted_ci")
    return tuple(_entry(reading, (*place, index)) for index, _ in enumerate(reading.get(place) or ()))


def _entry(reading: "SettingsReader", place: "Place") -> TrustedCi:
    named = reading.of((*place, "issuer"), str, "github")
    platform = named if named in ISSUERS else reading.of((*place, "platform"), str, "")
    if not platform:
        reading.fault((*place, "platform"), f"expected one of {', '.join(ISSUERS)} for an address, got none")
        platform = "github"
    issuer = ISSUERS[named] if named in ISSUERS else reading.of((*place, "issuer"), addresses.check_https, "")
    if ORGANIZATION in issuer:
        organization = reading.of((*place, "organization"), str, "")
        if not organization:
            reading.fault((*place, "organization"), f"expected the organization of {platform}, got nothing")
        issuer = issuer.replace(ORGANIZATION, organization)
    projects = {
        project_id(name): reading.of((*place, "projects", name), str, "")
        for name in reading.names((*place, "projects"))
    }
    if platform in _WITHOUT_NAMES and not projects:
        reading.fault(
            (*place, "projects"),
            f"expected the repository of each id, since tokens of {platform} name none, got nothing",
        )
    return reading.settings(
        place, TrustedCi(platform, issuer, ()), platform=platform, issuer=issuer, projects=projects
    )
