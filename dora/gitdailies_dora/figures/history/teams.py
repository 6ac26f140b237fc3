"""Which teams a repository, or a service of it, belongs to.

A team has repositories by name or pattern, and single services of repositories that several teams share.
A service takes precedence over its repository, and a name over a pattern. What two teams name alike counts
for both.
Events do not name a team: they would say who owned a repository then, and a team asks for what it owns now.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import groupby
from typing import Any, NamedTuple

from gitdailies_connection.config.sections.settings import NO_TEAM, TeamSettings
from gitdailies_core.values import patterns
from gitdailies_core.values.renames import folded

NO_TEAM_TITLE = "No team"

# For how many targets the teams are kept.
_MOST_TARGETS = 10_000


class Owned(NamedTuple):
    """What one line of a team names: a repository, and a service of it or None, as they are compared."""

    team: str
    repo: str
    service: str | None

    @property
    def rank(self) -> tuple[bool, bool]:
        """The lower, the sooner a line decides: services before repositories, names before patterns."""
        return self.service is None, patterns.is_pattern(self.repo) or patterns.is_pattern(self.service or "")

    def fits_repo(self, repo: str) -> bool:
        """Whether the line names this repository, or a service of it."""
        return patterns.matches(self.repo, repo)

    def fits(self, repo: str, service: str | None) -> bool:
        """Whether the line names this repository, and this service if it names one."""
        if not self.fits_repo(repo):
            return False
        return self.service is None or (service is not None and patterns.matches(self.service, service))


class Decision(NamedTuple):
    """Services of a repository, as a name or a pattern with `*`, and whether they belong to a team."""

    services: str
    belong: bool


class Teams:
    """The teams of a configuration; it can be pickled and compared."""

    def __init__(self, settings: Iterable[TeamSettings] = ()) -> None:
        self.settings = tuple(settings)
        self.titles = {team.key: team.name for team in self.settings}
        lines = [Owned(team.key, folded(repo), None) for team in self.settings for repo in team.repos]
        lines += [
            Owned(team.key, folded(repo), folded(service))
            for team in self.settings
            for repo, service in team.services
        ]
        self._lines = sorted(lines, key=lambda line: line.rank)
        self._ever: dict[str, frozenset[str]] = {}
        self._of: dict[tuple[str, str | None], tuple[str, ...]] = {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Teams) and self.settings == other.settings

    def __hash__(self) -> int:
        return hash(self.settings)

    def __reduce__(self) -> "tuple[Callable[..., Teams], tuple[Any, ...]]":
        """Let a process that gets the same teams with every question keep what it found out about them."""
        return _same_teams, (self.settings,)

    def __bool__(self) -> bool:
        return bool(self.settings)

    def of(self, repo: str, service: str | None) -> tuple[str, ...]:
        """Return the keys of the teams of a target, in the order of the file; names are folded.

        Repositories without a team are in the group `NO_TEAM`.
        """
        known = self._of.get((repo, service))
        if known is None:
            if len(self._of) >= _MOST_TARGETS:
                self._of.clear()
            known = self._of[repo, service] = self._decided(repo, service)
        return known

    def _decided(self, repo: str, service: str | None) -> tuple[str, ...]:
        found: list[Owned] = []
        for line in self._lines:
            if found and line.rank != found[0].rank:
                break
            if line.fits(repo, service):
                found.append(line)
        teams = {line.team for line in found}
        return tuple(key for key in self.titles if key in teams) or (NO_TEAM,)

    def decisions(self, repo: str, team: str) -> list[Decision]:
        """Return which services of a repository belong to a team.

        They are in order: the first pattern that a service fits decides. If it fits none, `of` without a
        service decides.
        """
        lines = [line for line in self._lines if line.service is not None and line.fits_repo(repo)]
        return [
            Decision(line.service, line.team == team)
            for _, same in groupby(lines, key=lambda line: line.rank)
            # If several lines have one rank, one of the team is enough.
            for line in sorted(same, key=lambda line: line.team != team)
            if line.service is not None
        ]

    def ever_of(self, repo: str) -> frozenset[str]:
        """Return the keys of all teams that a repository, or any service of it, may belong to."""
        found = self._ever.get(repo)
        if found is None:
            named = {line.team for line in self._lines if line.service is not None and line.fits_repo(repo)}
            found = self._ever[repo] = frozenset({*named, *self.of(repo, None)})
        return found

    def position(self, key: str) -> int:
        """Return the place of a team in the file; `NO_TEAM` comes last."""
        return list(self.titles).index(key) if key in self.titles else len(self.titles)

    def key(self, name: str) -> str | None:
        """Return the key of a team as the file spells it; None if there is no such team."""
        keys = {key.casefold(): key for key in (*self.titles, NO_TEAM)}
        return keys.get(name.casefold())

    def title(self, key: str) -> str:
        """Return the name that is shown."""
        return self.titles.get(key, NO_TEAM_TITLE)


NO_TEAMS = Teams()


@lru_cache(maxsize=8)
def _same_teams(settings: tuple[TeamSettings, ...]) -> Teams:
    return Teams(settings)
