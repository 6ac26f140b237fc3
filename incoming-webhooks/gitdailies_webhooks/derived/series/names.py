"""The names of groups as they are shown.

Rows hold folded names. A repository is shown as its first event spells it.
"""

from __future__ import annotations

from collections import defaultdict

from gitdailies_server.storage.database import Session

from gitdailies_webhooks.events import spellings
from gitdailies_webhooks.figures.series import ENVIRONMENT, REPO, SERVICE, TEAM, SeriesQuestion
from gitdailies_webhooks.figures.settings import PRODUCTION, FigureSettings
from gitdailies_webhooks.figures.sums import Key


class Names:
    """The names of groups as they are shown."""

    def __init__(self, session: Session, question: SeriesQuestion, settings: FigureSettings) -> None:
        self._session = session
        self._question = question
        self._settings = settings
        self._spelled: dict[str, list[str]] = defaultdict(list)
        for name, repo in spellings.names(session).items():
            self._spelled[repo].append(name)

    def of(self, key: Key) -> dict[str, str]:
        """Return the value of each dimension of a group."""
        return {name: self.shown(name, value) for name, value in zip(self._question.by, key, strict=True)}

    def shown(self, dimension: str, value: str) -> str:
        """Return one value: a repository as its first event spells it, a team by its key."""
        if dimension == REPO:
            names = self._spelled.get(value, [value])
            if len(names) == 1:
                return names[0]
            return spellings.first_spelling(self._session, names) or value
        if dimension == ENVIRONMENT and value == PRODUCTION:
            return self._settings.production_name
        return value

    def filters(self) -> dict[str, list[str]]:
        """Return the filters of the question."""
        asked = self._question
        chosen = {
            TEAM: asked.teams,
            REPO: asked.repos,
            SERVICE: asked.services,
            ENVIRONMENT: asked.environments,
        }
        return {name: sorted(self.shown(name, one) for one in values) for name, values in chosen.items()}
