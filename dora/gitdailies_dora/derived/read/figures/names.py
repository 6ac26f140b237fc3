"""The names of groups as they are shown, and names to choose from.

Rows hold folded names. A repository is shown as its first event spells it, and one that had other names as
`repositories` of gitdailies.yml does.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import NamedTuple

from gitdailies_server.round_trips import read_together
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
        self._question = question
        self._settings = settings
        self._shown = spellings.shown(session, settings.renames)

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
        return self._settings.renames.spelling(name) or self._shown.get(name, otherwise)

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


def choices(session: Session, selection: Selection, settings: FigureSettings) -> Choices:
    """Read the names that may be chosen in place of those of a selection."""
    found, seen, repos = read_together(
        session,
        partial(rows.environments, session, MOST_ENVIRONMENTS),
        partial(rows.deploys_by_environment, session, selection, MOST_ENVIRONMENTS, MOST_SEEN),
        partial(spellings.shown, session, settings.renames),
    )
    return Choices(
        repos=list(repos.values()),
        environments=[settings.production_name, *(name for name in found if name != PRODUCTION)],
        seen=[(name or settings.production_name, number) for name, number in seen],
    )
