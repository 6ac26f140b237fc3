"""Names in gitdailies.yml and in questions that fit nothing known, each with the nearest one. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from types import MappingProxyType
from typing import NamedTuple

from gitdailies_connection.config.sections.settings import TeamSettings
from gitdailies_core.error_text import got
from gitdailies_core.incidents.routing import Routes
from gitdailies_core.values import patterns
from gitdailies_core.values.nearest_name import did_you_mean
from gitdailies_core.values.renames import folded


class KnownNames(NamedTuple):
    """Names that events have: repositories as they are shown, by their folded names, and services of each.

    `services` is None while they are not known. `deployed` are the services that deploys name.
    """

    repos: Mapping[str, str]
    services: Mapping[str, AbstractSet[str]] | None = None
    deployed: Mapping[str, AbstractSet[str]] = MappingProxyType({})

    def fitting(self, repo: str) -> set[str]:
        """Return the repositories that a name or a pattern fits."""
        wanted = folded(repo)
        if not patterns.is_pattern(wanted):
            return {wanted} & self.repos.keys()
        return {one for one in self.repos if patterns.matches(wanted, one)}


def in_teams(teams: Iterable[TeamSettings], known: KnownNames) -> Iterator[str]:
    """Yield a sentence about each repository and service of a team that has no events."""
    for team in teams:
        listed = dict.fromkeys((*team.repos, *(repo for repo, _ in team.services)))
        missing = {repo for repo in listed if not known.fitting(repo)}
        for repo in listed:
            if repo in missing:
                near = did_you_mean(repo, known.repos.values())
                yield f"{team.key} lists {repo}, which has no events{near}"
        for repo, service in team.services:
            if known.services is None:
                break
            names = {name for one in known.fitting(repo) for name in known.services.get(one, ())}
            wanted = folded(service)
            if repo not in missing and not any(patterns.matches(wanted, name) for name in names):
                near = did_you_mean(wanted, names)
                yield f"{team.key} lists {service} of {repo}, a service without events{near}"


def in_services(routes: Routes, known: KnownNames) -> Iterator[str]:
    """Yield a sentence about each repository without events, and each service without deploys, of a line."""
    for line, targets in routes.table.items():
        for target in (one for one in targets if one.is_fixed):
            repo, service = routes.renames.present(target.repo), folded(target.service or "")
            named = known.deployed.get(folded(repo), ())
            if not known.fitting(repo):
                near = did_you_mean(repo, known.repos.values())
                yield f"services.{line}: {repo} has no events{near}"
            elif service and named and service not in named:
                near = did_you_mean(service, named)
                yield f"services.{line}: no deploy of {repo} names the service {service}{near}"


def repository_of(text: str, known: Mapping[str, str]) -> str | None:
    """Return the one known repository that a text names, in any case, or without its owner; else None.

    *known* are the names as they are shown, by their folded names.
    """
    wanted = folded(text)
    short = [repo for repo in known if repo.partition("/")[2] == wanted]
    return known.get(wanted) or (known[short[0]] if len(short) == 1 else None)


def alone(repo: str, known: Iterable[str], has: str = "") -> str:
    """Return a sentence about a repository that *has* something and no deploys; *known* have deploys."""
    return f"{repo} has {has}no deploys{did_you_mean(repo, known)}"


def of_filter(name: str, value: str, known: Iterable[str]) -> str:
    """Return a sentence about a filter that fits none of the *known* names."""
    return f"{name}: no event has {got(value)}{did_you_mean(value, known)}"
