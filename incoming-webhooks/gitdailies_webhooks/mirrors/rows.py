"""What mirrors were found to have, kept; and what follows of it for the deploys of a repository.

Each function runs inside a transaction that the caller began. Facts about commits never change, so
that they are kept for as long as a deploy needs them.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import orjson
from gitdailies_core.events.events import DEPLOYED
from gitdailies_server.storage.database import Session

from gitdailies_webhooks.derived import git_commits, repositories
from gitdailies_webhooks.events import change_log
from gitdailies_webhooks.figures import ancestry
from gitdailies_webhooks.figures.ancestry import Between, GitFindings, Pair
from gitdailies_webhooks.figures.events import Deploy, GitCommits, read_history
from gitdailies_webhooks.figures.settings import FigureSettings

_FACTS = ("git_commits", "git_pairs")


class Standing(NamedTuple):
    """A repository: its name as events spell it, its deploys that git is asked about, what is kept."""

    spelled: str
    places: list[list[Deploy]]
    commits: dict[str, str]
    pairs: dict[Pair, Between]
    told: dict[str, GitCommits]


class Found(NamedTuple):
    """Facts that are new, what follows from all of them, and whether all that can be is decided."""

    commits: dict[str, str]
    pairs: dict[Pair, Between]
    telling: GitFindings
    done: bool


def standing(session: Session, repo: str, settings: FigureSettings, now: int) -> Standing:
    """Read all that is there of a repository, named as names are compared."""
    spelled = sorted(name for name, compared in repositories.names(session).items() if compared == repo)
    bodies = (
        orjson.loads(body)
        for name in spelled
        for (body,) in session.execute(
            "SELECT body FROM events WHERE repo = ? AND kind = ?", (name, DEPLOYED)
        )
    )
    deploys = read_history(bodies, settings, now=now).deploys
    pairs = session.execute(
        "SELECT earlier, later, cut, ahead, behind FROM git_pairs WHERE repo = ?", (repo,)
    )
    return Standing(
        spelled[0] if spelled else repo,
        ancestry.deploys_to_ask_about(deploys),
        dict(session.execute("SELECT named, sha FROM git_commits WHERE repo = ?", (repo,)).fetchall()),
        {
            (earlier, later): Between(
                git_commits.from_json(ahead),
                () if behind == "[]" else tuple(orjson.loads(behind)),
                bool(cut),
            )
            for earlier, later, cut, ahead, behind in pairs
        },
        git_commits.of_repositories(session, (repo,)),
    )


def keep(session: Session, repo: str, standing: Standing, found: Found, now: int) -> None:
    """Keep facts that were found, and what follows from them; at the end, take away what nothing needs."""
    session.executemany(
        "INSERT INTO git_commits (repo, named, sha) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        [(repo, named, sha) for named, sha in found.commits.items()],
    )
    session.executemany(
        "INSERT INTO git_pairs (repo, earlier, later, cut, ahead, behind) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        [
            (repo, *pair, int(cut), git_commits.to_json(ahead), orjson.dumps(behind).decode())
            for pair, (ahead, behind, cut) in found.pairs.items()
        ],
    )
    _tell(session, repo, standing, found.telling, now)
    if found.done:
        _clear(session, repo, standing, found.telling, now)


def _tell(session: Session, repo: str, standing: Standing, telling: GitFindings, now: int) -> None:
    """Write what is told otherwise than before, and note it as if those deploys had just come."""
    before = git_commits.of_repositories(session, (repo,))
    deploys = {deploy.id: deploy for row in standing.places for deploy in row}
    changed = {
        id_: (deploys[id_].at, told) for id_, told in telling.commits.items() if before.get(id_) != told
    }
    git_commits.write(session, repo, changed)
    change_log.note(session, [(id_, standing.spelled, None) for id_ in changed], now)


def _clear(session: Session, repo: str, standing: Standing, telling: GitFindings, now: int) -> None:
    """Take away facts that no deploy needs, and what was told of one that is gone or speaks itself."""
    needed = {deploy.sha for row in standing.places for deploy in row}
    session.executemany(
        "DELETE FROM git_commits WHERE repo = ? AND named = ?",
        [(repo, named) for named in standing.commits if named not in needed],
    )
    session.executemany(
        "DELETE FROM git_pairs WHERE repo = ? AND earlier = ? AND later = ?",
        [(repo, *pair) for pair in standing.pairs if pair not in telling.pairs],
    )
    _untell(session, [id_ for id_ in standing.told if id_ not in telling.commits], standing.spelled, now)


def forgotten(session: Session, mirrored: Collection[str]) -> set[str]:
    """Return the repositories that have no mirror any more."""
    known = {repo for table in (*_FACTS, "git_deploys") for repo in _repos(session, table)}
    return known.difference(mirrored)


def forget(session: Session, mirrored: Collection[str], now: int) -> None:
    """Take away all of repositories that have no mirror any more."""
    for repo in forgotten(session, mirrored):
        ids = [id_ for (id_,) in session.execute("SELECT id FROM git_deploys WHERE repo = ?", (repo,))]
        spelled = [name for name, compared in repositories.names(session).items() if compared == repo]
        _untell(session, ids, spelled[0] if spelled else repo, now)
        for table in _FACTS:
            session.execute(f"DELETE FROM {table} WHERE repo = ?", (repo,))  # noqa: S608  the tables above


def _untell(session: Session, ids: list[str], spelled: str, now: int) -> None:
    git_commits.delete(session, ids)
    change_log.note(session, [(id_, spelled, None) for id_ in ids], now)


def _repos(session: Session, table: str) -> list[str]:
    return [repo for (repo,) in session.execute(f"SELECT DISTINCT repo FROM {table}")]  # noqa: S608
