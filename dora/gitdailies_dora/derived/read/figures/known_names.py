"""Read the names that events have, to say which names of a question and of `teams` fit none of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from gitdailies_connection.config.sections.settings import TeamSettings
from gitdailies_server.storage.database import Session

from gitdailies_dora.derived.model import rows
from gitdailies_dora.derived.model.deploys import first_named
from gitdailies_dora.derived.read.figures.names import repositories
from gitdailies_dora.derived.read.figures.sums import environments
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


def unknown_in(session: Session, asked: SeriesQuestion, settings: FigureSettings) -> tuple[str, ...]:
    """Return a sentence about each name in the filters of a question that fits no event at all."""
    repos = repositories(session, settings)
    found = [of_filter("repo", name, repos.values()) for name in sorted(asked.repos - repos.keys())]
    if rows.outdated(session, settings):
        return tuple(found)
    if wanted := asked.environments - {PRODUCTION}:
        names = environments(session, SeriesQuestion(asked.period, environments=frozenset()))
        shown = (*settings.production, *filter(None, names))
        found += (of_filter("environment", name, shown) for name in sorted(wanted.difference(names)))
    of_repo = asked.repos & repos.keys() or repos.keys()
    # Those that deploys name are found in a few steps, as they mostly are.
    if asked.services and asked.services.difference(*first_named(session, of_repo).values()):
        services: set[str] = set().union(*_services(session, of_repo).values())
        found += (of_filter("service", name, services) for name in sorted(asked.services - services))
    return tuple(found)


def _services(session: Session, repos: Iterable[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for repo in repos:
        found[repo] = {name for (name,) in session.execute(_SERVICES, (repo, repo)) if name}
    return found
