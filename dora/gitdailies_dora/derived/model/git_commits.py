"""The commits that git found for deploys that list none: a row a deploy, as if the deploy had listed them.

Each function runs inside a transaction of its caller.
"""

from collections.abc import Iterable, Mapping

import orjson
from gitdailies_server.storage.database import Session

from gitdailies_dora.derived.model import statements
from gitdailies_dora.figures.history.events import Commit, GitCommits
from gitdailies_dora.sql.bulk import lookup_many


def of_repositories(session: Session, repos: Iterable[str]) -> dict[str, GitCommits]:
    """Return the commits of the deploys of repositories, given by their folded names; by deploy id."""
    return {
        id_: GitCommits(unknown, from_json(commits))
        for repo in repos
        for id_, unknown, commits in session.execute(statements.GIT_COMMITS_OF_REPOSITORY, (repo,))
    }


def of_deploys(session: Session, ids: Iterable[str]) -> dict[str, GitCommits]:
    """Return the commits of deploys, by deploy id."""
    found = lookup_many(session, "id", [(id_,) for id_ in ids], statements.GIT_COMMITS_BY_DEPLOY)
    return {id_: GitCommits(unknown, from_json(commits)) for id_, unknown, commits in found}


def write(session: Session, repo: str, commits: Mapping[str, tuple[int, GitCommits]]) -> None:
    """Write the time and the commits of deploys, in place of the stored ones."""
    delete(session, commits)
    session.executemany(
        statements.INSERT_GIT_COMMITS,
        [(id_, repo, at, git.unknown, to_json(git.commits)) for id_, (at, git) in commits.items()],
    )


def delete(session: Session, ids: Iterable[str]) -> None:
    """Delete the commits of deploys."""
    session.executemany(statements.DELETE_GIT_COMMITS, [(id_,) for id_ in ids])


def from_json(text: str) -> tuple[Commit, ...]:
    """Read the commits that a row holds."""
    return () if text == "[]" else tuple(Commit(*one) for one in orjson.loads(text))


def to_json(commits: Iterable[Commit]) -> str:
    """Write commits as a row holds them. Only where a service has paths are there more than two values."""
    return orjson.dumps([tuple(one) if one.outside is not None else one[:2] for one in commits]).decode()
