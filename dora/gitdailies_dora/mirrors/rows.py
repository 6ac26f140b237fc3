"""Facts about commits that mirrors had, and the commits of each deploy that follow from them.

Each function runs inside a transaction of its caller. Facts about commits never change, so they are
stored for as long as a deploy needs them.
"""

from collections.abc import Collection
from typing import NamedTuple

import orjson
from gitdailies_core.events.events import DEPLOYED
from gitdailies_server.storage.database import Session

from gitdailies_dora.derived.model import git_commits
from gitdailies_dora.events.records import change_log, spellings
from gitdailies_dora.figures.history import ancestry
from gitdailies_dora.figures.history.ancestry import Between, GitFindings, Pair
from gitdailies_dora.figures.history.events import Deploy, GitCommits, read_history
from gitdailies_dora.figures.history.repeats import classify_history
from gitdailies_dora.figures.history.settings import FigureSettings

# Later than every event.
_FOREVER = 2**62
# No glob has it.
_BETWEEN = "\n"

_FACTS = ("git_commits", "git_pairs")

# The deploys of a repository, by one spelling of its name.
_DEPLOYS = "SELECT body FROM events WHERE repo = ? AND kind = ?"
# The full SHA of each commit that deploys of a repository name.
_COMMITS = "SELECT named, sha FROM git_commits WHERE repo = ?"
_ADD_COMMIT = "INSERT INTO git_commits (repo, named, sha) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
_DELETE_COMMIT = "DELETE FROM git_commits WHERE repo = ? AND named = ?"
# The commits between two commits of a repository.
_PAIRS = "SELECT earlier, later, cut, ahead, behind FROM git_pairs WHERE repo = ?"
_ADD_PAIR = (
    "INSERT INTO git_pairs (repo, earlier, later, cut, ahead, behind) VALUES (?, ?, ?, ?, ?, ?)"
    " ON CONFLICT DO NOTHING"
)
_DELETE_PAIR = "DELETE FROM git_pairs WHERE repo = ? AND earlier = ? AND later = ?"
# The deploys of a repository that have stored commits.
_DEPLOY_IDS = "SELECT id FROM git_deploys WHERE repo = ?"


class RepositoryState(NamedTuple):
    """A repository as it is stored.

    `name` is a spelling that events use, `deploys_by_place` the deploys that git can say something about,
    `commits` and `pairs` the known facts, `deploy_commits` the commits of each deploy, by its id.
    """

    name: str
    deploys_by_place: list[list[Deploy]]
    commits: dict[str, str]
    pairs: dict[Pair, Between]
    deploy_commits: dict[str, GitCommits]


class NewFacts(NamedTuple):
    """New facts, the commits of deploys that follow from all facts, and whether nothing is left to find."""

    commits: dict[str, str]
    pairs: dict[Pair, Between]
    decided: GitFindings
    done: bool


def read_state(session: Session, repo: str, settings: FigureSettings) -> RepositoryState:
    """Read a repository's stored state, including future deploys. *repo* is its folded name."""
    spelled = spellings.spellings(session, repo, settings.renames)
    bodies = (
        orjson.loads(body) for name in spelled for (body,) in session.execute(_DEPLOYS, (name, DEPLOYED))
    )
    deploys = classify_history(read_history(bodies, settings, now=_FOREVER), settings).counting
    return RepositoryState(
        spelled[0] if spelled else repo,
        ancestry.deploys_to_ask_about(deploys),
        dict(session.execute(_COMMITS, (repo,)).fetchall()),
        {
            (earlier, *later.split(_BETWEEN)): Between(
                git_commits.from_json(ahead),
                () if behind == "[]" else tuple(orjson.loads(behind)),
                bool(cut),
            )
            for earlier, later, cut, ahead, behind in session.execute(_PAIRS, (repo,))
        },
        git_commits.of_repositories(session, (repo,)),
    )


def save(session: Session, repo: str, state: RepositoryState, found: NewFacts, now: int) -> None:
    """Store new facts and the commits of deploys that follow; at the end, delete what no deploy needs."""
    session.executemany(_ADD_COMMIT, [(repo, named, sha) for named, sha in found.commits.items()])
    session.executemany(
        _ADD_PAIR,
        [
            (repo, *_row_of(pair), int(cut), git_commits.to_json(ahead), orjson.dumps(behind).decode())
            for pair, (ahead, behind, cut) in found.pairs.items()
        ],
    )
    _save_deploy_commits(session, repo, state, found.decided, now)
    if found.done:
        _delete_unneeded(session, repo, state, found.decided, now)


def _save_deploy_commits(
    session: Session, repo: str, state: RepositoryState, decided: GitFindings, now: int
) -> None:
    """Store the commits of deploys that changed, and note these deploys to derive again."""
    before = git_commits.of_repositories(session, (repo,))
    deploys = {deploy.id: deploy for place in state.deploys_by_place for deploy in place}
    changed = {
        id_: (deploys[id_].at, commits)
        for id_, commits in decided.commits.items()
        if before.get(id_) != commits
    }
    git_commits.write(session, repo, changed)
    change_log.note_changes(session, [(id_, state.name, None) for id_ in changed], now)


def _delete_unneeded(
    session: Session, repo: str, state: RepositoryState, decided: GitFindings, now: int
) -> None:
    """Delete facts that no deploy needs, and the commits of deploys that are gone or list their own."""
    needed = {deploy.sha for place in state.deploys_by_place for deploy in place}
    session.executemany(_DELETE_COMMIT, [(repo, named) for named in state.commits if named not in needed])
    gone = [(repo, *_row_of(pair)) for pair in state.pairs if pair not in decided.pairs]
    session.executemany(_DELETE_PAIR, gone)
    unneeded = [id_ for id_ in state.deploy_commits if id_ not in decided.commits]
    _delete_deploy_commits(session, unneeded, state.name, now)


def unmirrored(session: Session, mirrored: Collection[str]) -> set[str]:
    """Return the repositories with stored facts that have no mirror any more."""
    selects = (f"SELECT repo FROM {table}" for table in (*_FACTS, "git_deploys"))  # noqa: S608  the tables above
    return {repo for (repo,) in session.execute(" UNION ".join(selects))}.difference(mirrored)


def delete_unmirrored(
    session: Session, mirrored: Collection[str], settings: FigureSettings, now: int
) -> None:
    """Delete everything about repositories that have no mirror any more."""
    for repo in unmirrored(session, mirrored):
        ids = [id_ for (id_,) in session.execute(_DEPLOY_IDS, (repo,))]
        spelled = spellings.spellings(session, repo, settings.renames)
        _delete_deploy_commits(session, ids, spelled[0] if spelled else repo, now)
        for table in _FACTS:
            session.execute(f"DELETE FROM {table} WHERE repo = ?", (repo,))  # noqa: S608  the tables above


def _delete_deploy_commits(session: Session, ids: list[str], name: str, now: int) -> None:
    git_commits.delete(session, ids)
    change_log.note_changes(session, [(id_, name, None) for id_ in ids], now)


def _row_of(pair: Pair) -> tuple[str, str]:
    """Return a pair as a row has it: the globs follow the later commit."""
    return pair[0], _BETWEEN.join(pair[1:])
