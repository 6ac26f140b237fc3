"""Read the names that events have, to say which names of a question and of `teams` fit none of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from gitdailies_connection.config.sections.settings import TeamSettings
from gitdailies_core.values.renames import folded
from gitdailies_server.storage.database import Session

from gitdailies_dora.derived.model import rows
from gitdailies_dora.derived.read.figures.names import repositories
from gitdailies_dora.derived.read.figures.sums import environments
from gitdailies_dora.derived.read.question import Question
from gitdailies_dora.figures.answers.series import SeriesQuestion
from gitdailies_dora.figures.history.settings import PRODUCTION, FigureSettings
from gitdailies_dora.figures.words.unknown_names import KnownNames, in_teams, of_filter

_SERVICES = (
    "SELECT DISTINCT service FROM figures_deploys WHERE repo = ?"
    " UNION SELECT DISTINCT service FROM figures_incidents WHERE repo = ?"
)


def unknown_in_teams(session: Session, teams: Sequence[TeamSettings], settings: FigureSettings) -> list[str]:
    """Return a sentence about each repository and service of a team that has no events; none without events.

    Services are left out while the rows are for other settings.
    """
    known = KnownNames(repositories(session, settings))
    if not known.repos:
        return []
    if not rows.outdated(session, settings):
        asked = {one for team in teams for repo, _ in team.services for one in known.fitting(repo)}
        known = known._replace(services=_services(session, asked))
    return list(in_teams(teams, known))


def unknown_in(session: Session, question: Question, settings: FigureSettings) -> tuple[str, ...]:
    """Return a sentence about each filter of a question that fits no event at all."""
    selection, found = question.selection, []
    repos = repositories(session, settings)
    if selection.repo is not None and selection.repo not in repos:
        found.append(of_filter("repo", question.repo, repos.values()))
    if rows.outdated(session, settings):
        return tuple(found)
    if selection.environment not in (None, PRODUCTION):
        names = environments(session, SeriesQuestion(selection.period, environments=frozenset()))
        if selection.environment not in names:
            shown = (*settings.production, *filter(None, names))
            found.append(of_filter("environment", question.environment, shown))
    if selection.service is not None:
        of_repo = [selection.repo] if selection.repo in repos else repos
        services = {name for names in _services(session, of_repo).values() for name in names}
        if folded(question.service) not in services:
            found.append(of_filter("service", question.service, services))
    return tuple(found)


def _services(session: Session, repos: Iterable[str | None]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for repo in repos:
        if repo is not None:
            found[repo] = {name for (name,) in session.execute(_SERVICES, (repo, repo)) if name}
    return found
