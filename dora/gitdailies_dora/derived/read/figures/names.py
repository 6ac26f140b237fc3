"""The names of groups as they are shown, and names to choose from.

Rows hold folded names. A repository is shown as its first event spells it, and one that had other names as
`repositories` of gitdailies.yml does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from gitdailies_server.storage.database import Session

from gitdailies_dora.derived.model import rows
from gitdailies_dora.events.records import spellings
from gitdailies_dora.figures.answers.report import Dimension, SeriesFilter
from gitdailies_dora.figures.answers.selection import Selection
from gitdailies_dora.figures.answers.series import ENVIRONMENT, REPO, SERVICE, TEAM, SeriesQuestion
from gitdailies_dora.figures.answers.sums import Key
from gitdailies_dora.figures.history.settings import PRODUCTION, FigureSettings

# The most environments to choose from. Deploys of another environment are counted up to `MOST_SEEN`.
MOST_ENVIRONMENTS, MOST_SEEN = 50, 1000


class Names:
    """The names of groups as they are shown."""

    def __init__(self, session: Session, question: SeriesQuestion, settings: FigureSettings) -> None:
        self._session = session
        self._question = question
        self._settings = settings
        self._spelled: dict[str, list[str]] = defaultdict(list)
        for name, repo in spellings.names(session, settings.renames).items():
            self._spelled[repo].append(name)

    def of(self, key: Key) -> dict[Dimension, str]:
        """Return the value of each dimension of a group."""
        return {name: self.shown(name, value) for name, value in zip(self._question.by, key, strict=True)}

    def shown(self, dimension: str, value: str) -> str:
        """Return one value: a repository as its first event spells it, a team by its key."""
        if dimension == REPO:
            return self.repo(value, value)
        if dimension == ENVIRONMENT and value == PRODUCTION:
            return self._settings.production_name
        return value

    def repo(self, name: str, otherwise: str) -> str:
        """Return a repository as its first event spells it, or `repositories`; *otherwise* if none does."""
        if renamed := self._settings.renames.spelling(name):
            return renamed
        names = self._spelled.get(name, [otherwise])
        if len(names) == 1:
            return names[0]
        return spellings.first_spelling(self._session, names) or otherwise

    def filters(self) -> SeriesFilter:
        """Return the filters of the question."""
        asked = self._question
        return SeriesFilter(
            team=self._all(TEAM, asked.teams),
            repo=self._all(REPO, asked.repos),
            service=self._all(SERVICE, asked.services),
            environment=self._all(ENVIRONMENT, asked.environments),
        )

    def _all(self, dimension: str, values: Iterable[str]) -> tuple[str, ...]:
        return tuple(sorted(self.shown(dimension, one) for one in values))


class Choices(NamedTuple):
    """Names to choose from.

    `seen` are the other environments with deploys of the same repository, service and period, each with its
    number of deploys, up to `MOST_SEEN`.
    """

    repos: Sequence[str]
    environments: Sequence[str]
    seen: Sequence[tuple[str, int]]


def repositories(session: Session, settings: FigureSettings) -> dict[str, str]:
    """Return each repository with events as it is shown, by its folded name, in alphabetical order."""
    spelled: dict[str, list[str]] = defaultdict(list)
    for name, repo in spellings.names(session, settings.renames).items():
        spelled[repo].append(name)
    return {
        repo: settings.renames.spelling(repo)
        or (names[0] if len(names) == 1 else spellings.first_spelling(session, names) or names[0])
        for repo, names in sorted(spelled.items())
    }


def choices(session: Session, selection: Selection, settings: FigureSettings) -> Choices:
    """Read the names that may be chosen in place of those of a selection."""
    found = rows.environments(session, MOST_ENVIRONMENTS)
    seen = rows.deploys_by_environment(session, selection, MOST_ENVIRONMENTS, MOST_SEEN)
    return Choices(
        repos=list(repositories(session, settings).values()),
        environments=[settings.production_name, *(name for name in found if name != PRODUCTION)],
        seen=[(name or settings.production_name, number) for name, number in seen],
    )
