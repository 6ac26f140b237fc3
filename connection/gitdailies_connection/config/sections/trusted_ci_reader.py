"""Read `dora.trusted_ci` into its settings, with a fault for an entry that fits no job."""

from __future__ import annotations

from types import MappingProxyType

from gitdailies_connection import addresses
from gitdailies_connection.config.document.errors import Place
from gitdailies_connection.config.reader import SettingsReader
from gitdailies_connection.config.sections.trusted_ci import ISSUERS, ORGANIZATION, TrustedCi, project_id

# Their tokens have no name of a repository.
_WITHOUT_NAMES = ("buildkite", "bitbucket")


def read_trusted_ci(reading: SettingsReader) -> tuple[TrustedCi, ...]:
    """Read the list."""
    place: Place = ("dora", "trusted_ci")
    return tuple(_entry(reading, (*place, index)) for index, _ in enumerate(reading.get(place) or ()))


def _entry(reading: SettingsReader, place: Place) -> TrustedCi:
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
    return TrustedCi(
        platform=platform,
        issuer=issuer,
        repositories=reading.of((*place, "repositories"), tuple, ()),
        environments=reading.of((*place, "environments"), tuple, ("*",)),
        projects=MappingProxyType(projects),
    )
