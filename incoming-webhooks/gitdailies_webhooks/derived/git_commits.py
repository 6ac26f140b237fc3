"""What git tells of deploys that do not say what they brought, a row each, as if they had said it.

Each function runs inside a transaction that the caller began.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import orjson
from gitdailies_server.storage.database import Session

from gitdailies_webhooks.figures.events import Commit, Told
from gitdailies_webhooks.sql.bulk import Lookup, lookup_many

_TOLD = Lookup("g.id, g.unknown, g.commits", "git_deploys g", "g.id = given.id")


def of(session: Session, repos: Iterable[str]) -> dict[str, Told]:
    """Return what is told of the deploys of repositories, named as they are compared; by id."""
    return {
        id_: Told(unknown, commits_of(commits))
        for repo in repos
        for id_, unknown, commits in session.execute(
            "SELECT id, unknown, commits FROM git_deploys WHERE repo = ?", (repo,)
        )
    }


def of_deploys(session: Session, ids: Iterable[str]) -> dict[str, Told]:
    """Return what is told of deploys, by id."""
    return {
        id_: Told(unknown, commits_of(commits))
        for id_, unknown, commits in lookup_many(session, "id", [(id_,) for id_ in ids], _TOLD)
    }


def write(session: Session, repo: str, told: Mapping[str, tuple[int, Told]]) -> None:
    """Write what is told of deploys, with the time of each."""
    take(session, told)
    session.executemany(
        "INSERT INTO git_deploys (id, repo, at, unknown, commits) VALUES (?, ?, ?, ?, ?)",
        [(id_, repo, at, one.unknown, text_of(one.commits)) for id_, (at, one) in told.items()],
    )


def take(session: Session, ids: Iterable[str]) -> None:
    """Take away what is told of deploys."""
    session.executemany("DELETE FROM git_deploys WHERE id = ?", [(id_,) for id_ in ids])


def commits_of(text: str) -> tuple[Commit, ...]:
    """Read commits as a row holds them."""
    return () if text == "[]" else tuple(Commit(sha, at) for sha, at in orjson.loads(text))


def text_of(commits: Iterable[Commit]) -> str:
    """Write commits as a row holds them."""
    return orjson.dumps([tuple(commit) for commit in commits]).decode()
