"""Read the names that events have, to say which names of a question and of `teams` fit none of them."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from gitdailies_connection.config.sections.settings import TeamSettings
from gitdailies_core.values.deploy_target import EXAMPLE
from gitdailies_core.values.renames import folded
from gitdailies_server.round_trips import fetch_together, read_together
from gitdailies_server.storage.database import Session

from gitdailies_dora.derived.model import rows
from gitdailies_dora.derived.model.deploys import first_named
from gitdailies_dora.derived.read.figures.question_sums import environments
from gitdailies_dora.events.records import spellings
from gitdailies_dora.figures.answers.selection import Selection
from gitdailies_dora.figures.answers.series import SeriesQuestion
from gitdailies_dora.figures.history.settings import PRODUCTION, FigureSettings
from gitdailies_dora.figures.words.unknown_names import KnownNames, alone, in_teams, of_filter, repository_of
from gitdailies_dora.sql.bulk import lookup_many

_HAS_DEPLOYS = "given.repo, EXISTS (SELECT 1 FROM figures_deploys d WHERE d.repo = given.repo)"
_MOVED = "SELECT DISTINCT deploy FROM corrections WHERE what = 'moved'"
_SERVICES = (
    "SELECT DISTINCT service FROM figures_deploys WHERE repo = ?"
    " UNION SELECT DISTINCT service FROM figures_incidents WHERE repo = ?"
)


def deploying(session: Session, settings: FigureSettings) -> dict[str, str]:
    """Return each repository with deploys in any environment as it is shown, by its folded name."""
    found = spellings.shown(session, settings.renames)
    there = dict(lookup_many(session, "repo", [(repo,) for repo in found], _HAS_DEPLOYS))
    return {repo: shown for repo, shown in found.items() if there[repo]}


def destination(session: Session, name: str, settings: FigureSettings) -> tuple[str, str]:
    """Return the repository that a name means, which may be one without its owner, and what to ask about it.

    Nothing is asked about one that has deploys, and if none has any.
    """
    known, name = deploying(session, settings), settings.renames.present(name.strip())
    found = repository_of(name, known)
    return found or name, "" if found or not known else alone(name, known.values())


def without_deploys(session: Session, settings: FigureSettings) -> dict[str, str]:
    """Return a sentence about each repository that has incidents and no deploys, by its name.

    It is "" for one whose incidents were moved: a line may still lead to it.
    """
    known, moved_, found = read_together(
        session,
        partial(deploying, session, settings),
        lambda: session.execute(_MOVED).fetchall(),
        partial(spellings.shown, session, settings.renames),
    )
    # Without deploys at all, a name cannot be compared.
    others = {repo: shown for repo, shown in found.items() if known and repo not in {*known, EXAMPLE.repo}}
    moved = [repo for (repo,) in moved_ if settings.renames.key(repo) not in known]
    sentences = {shown: alone(shown, known.values(), "incidents and ") for shown in others.values()}
    return dict.fromkeys(moved, "") | sentences


def unknown_in_teams(session: Session, teams: Sequence[TeamSettings], settings: FigureSettings) -> list[str]:
    """Return a sentence about each repository and service of a team that has no events; none without events.

    Services are left out while the rows are for other settings.
    """
    repos, outdated = _repositories(session, settings)
    known = KnownNames(repos)
    if not known.repos:
        return []
    if not outdated:
        asked = {one for team in teams for repo, _ in team.services for one in known.fitting(repo)}
        known = known._replace(services=_services(session, asked))
    return list(in_teams(teams, known))


def unknown_in(session: Session, asked: SeriesQuestion, settings: FigureSettings) -> tuple[str, ...]:
    """Return a sentence about each name in the filters of a question that fits no event at all."""
    repos, outdated = _repositories(session, settings)
    found = [of_filter("repo", name, repos.values()) for name in sorted(asked.repos - repos.keys())]
    if outdated:
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


class Filters(NamedTuple):
    """What a page says about its filters: the repository that a short name means, and names that fit nothing.

    `repo` is "" where none, or a whole name, is given. `repos` are all to choose from.
    """

    repo: str
    unknown: tuple[str, ...]
    repos: tuple[str, ...]


NO_FILTERS = Filters("", (), ())


def of_filters(session: Session, given: Mapping[str, str], settings: FigureSettings, now: int) -> Filters:
    """Look up the repository, the environment and the service of a page."""
    known, name = spellings.shown(session, settings.renames), settings.renames.present(given.get("repo", ""))
    repo = repository_of(name, known) if name else None
    service, environment = given.get("service", ""), given.get("environment", "")
    asked = SeriesQuestion(
        Selection.all_until(now).period,
        repos=frozenset({folded(repo or name)} if name else ()),
        services=frozenset({folded(service)} if service else ()),
        environments=frozenset({settings.environment(environment)} if environment else ()),
    )
    is_short = repo is not None and folded(repo) != folded(name)
    unknown = unknown_in(session, asked, settings) if known else ()
    return Filters(repo or "" if is_short else "", unknown, tuple(known.values()))


def _repositories(session: Session, settings: FigureSettings) -> list[Any]:
    """Return what `spellings.shown` does, and whether the rows are for other settings."""
    return read_together(
        session,
        partial(spellings.shown, session, settings.renames),
        partial(rows.outdated, session, settings),
    )


def _services(session: Session, repos: Iterable[str]) -> dict[str, set[str]]:
    each = list(repos)
    found = fetch_together(session, *((_SERVICES, (repo, repo)) for repo in each))
    return {repo: {name for (name,) in of if name} for repo, of in zip(each, found, strict=True)}
