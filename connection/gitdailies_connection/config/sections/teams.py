"""Read `teams`: which repositories and which services are whose."""

from gitdailies_core.error_text import got
from gitdailies_core.values.renames import Renames

from gitdailies_connection.config.document.errors import Place
from gitdailies_connection.config.reader import SettingsReader
from gitdailies_connection.config.sections.settings import NO_TEAM, TeamSettings


def teams(reading: SettingsReader, renames: Renames) -> tuple[TeamSettings, ...]:
    """Return the teams in the order of the file, with the present names of repositories."""
    found: dict[str, TeamSettings] = {}
    for key in reading.names(("teams",)):
        place: Place = ("teams", key)
        if key.casefold() == NO_TEAM:
            reading.fault(
                place, f"expected another name, since {NO_TEAM} is for what is in no team, got {got(key)}"
            )
        if key.casefold() in found:
            reading.fault(place, f"expected names that differ in more than case, got {got(key)} twice")
        found[key.casefold()] = _team(reading, place, key, renames)
    return tuple(found.values())


def _team(reading: SettingsReader, place: Place, key: str, renames: Renames) -> TeamSettings:
    services = reading.each((*place, "services"), _service)
    team = TeamSettings(
        key=key,
        name=reading.of((*place, "name"), str, key),
        repos=tuple(map(renames.present, reading.of((*place, "repos"), tuple, ()))),
        services=tuple((renames.present(repo), service) for repo, service in services),
    )
    if not (team.repos or team.services) and reading.get(place) is not None:
        reading.fault(place, "expected repos, services or both, got neither")
    return team


def _service(text: str) -> tuple[str, str]:
    repo, colon, service = (part.strip() for part in text.partition(":"))
    if not (repo and colon and service):
        raise ValueError(
            f'expected a repository and its service like "larkspur/mono: checkout", got {got(text)}'
        )
    return repo, service
