"""Pushes and deploys that are remembered for the lead time: statements that both databases read alike."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import orjson
from gitdailies_core.deploys.pushes import RememberedCommit, remembered
from gitdailies_core.deploys.routing import Place
from gitdailies_core.events.events import DEPLOYED, Event
from gitdailies_core.events.field_types import MOST_COMMITS
from gitdailies_core.sources.deploy_messages import Push
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import from_us, to_us

from gitdailies_relay.accepting.store_port import place_key

# Whether an event is stored.
_HAS_EVENT = "SELECT 1 FROM events WHERE incident = ? AND id = ? AND destination = ?"
# Remember a commit. One that was told before keeps its parent, unless that was unknown.
_ADD_COMMIT = (
    "INSERT INTO pushed_commits (repo, sha, branch, parent, committed_at, is_merge, reverts, received_at)"
    " VALUES (?,?,?,?,?,?,?,?) ON CONFLICT (repo, sha, branch) DO UPDATE SET parent = excluded.parent"
    " WHERE pushed_commits.parent = ''"
)
_ADD_DEPLOY = (
    "INSERT INTO deployed_commits (repo, environment, service, deployed_at, sha) VALUES (?,?,?,?,?)"
    " ON CONFLICT DO NOTHING"
)
# The commit that was deployed last at a place before a time.
_BEFORE = (
    "SELECT sha FROM deployed_commits WHERE repo = ? AND environment = ? AND service = ?"
    " AND deployed_at < ? AND sha <> ? ORDER BY deployed_at DESC, sha DESC LIMIT 1"
)
_LAST = (
    "SELECT sha, deployed_at FROM deployed_commits WHERE repo = ? AND environment = ? AND service = ?"
    " ORDER BY deployed_at DESC, sha DESC LIMIT 1"
)
_DEPLOYED = (
    "SELECT DISTINCT sha FROM deployed_commits WHERE repo = ? AND environment = ? AND service = ?"
    " AND deployed_at < ?"
)
_FORGET_DEPLOY = (
    "DELETE FROM deployed_commits WHERE repo = ? AND environment = ? AND service = ?"
    " AND deployed_at = ? AND sha = ?"
)
_BODY = "SELECT body FROM events WHERE seq = ?"
_HAS_PUSHES = "SELECT 1 FROM pushed_commits WHERE repo = ? LIMIT 1"
_BRANCHES = "SELECT branch FROM pushed_commits WHERE repo = ? AND sha = ?"
# A commit and those before it on a branch, newest first.
_WALK = (
    "WITH RECURSIVE walk (sha, parent, committed_at, is_merge, reverts, place) AS ("
    "SELECT sha, parent, committed_at, is_merge, reverts, 1 FROM pushed_commits"
    " WHERE repo = ? AND sha = ? AND branch = ?"
    " UNION ALL SELECT c.sha, c.parent, c.committed_at, c.is_merge, c.reverts, walk.place + 1"
    " FROM walk JOIN pushed_commits c ON c.repo = ? AND c.sha = walk.parent AND c.branch = ?"
    f" WHERE walk.place < {MOST_COMMITS})"
    " SELECT sha, parent, committed_at, is_merge, reverts FROM walk ORDER BY place"
)


class RememberedPushes:
    """The part of an AcceptanceStore that is about deploys. The store sets the session."""

    _session: Session

    def has_event(self, destination: str, subject: str, id_: str) -> bool:
        found = self._session.execute(_HAS_EVENT, (subject, id_, destination)).fetchone()
        return found is not None

    def remember_push(self, push: Push, at: int) -> None:
        for commit in remembered(push):
            row = (
                push.repo.casefold(),
                commit.sha,
                push.branch,
                commit.parent,
                to_us(commit.time),
                int(commit.is_merge),
                " ".join(commit.reverts),
                at,
            )
            self._session.execute(_ADD_COMMIT, row)

    def remember_deploy(self, place: Place, sha: str, at: datetime) -> None:
        self._session.execute(_ADD_DEPLOY, (*place_key(place), to_us(at), sha))

    def deployed_before(self, place: Place, sha: str, at: datetime) -> str | None:
        found = self._session.execute(_BEFORE, (*place_key(place), to_us(at), sha)).fetchone()
        return None if found is None else found[0]

    def deployed_last(self, place: Place) -> tuple[str, datetime] | None:
        found = self._session.execute(_LAST, place_key(place)).fetchone()
        return None if found is None else (found[0], from_us(found[1]))

    def deployed_shas(self, place: Place, at: datetime) -> Collection[str]:
        rows = self._session.execute(_DEPLOYED, (*place_key(place), to_us(at))).fetchall()
        return {sha for (sha,) in rows}

    def has_pushes(self, repo: str) -> bool:
        return self._session.execute(_HAS_PUSHES, (repo.casefold(),)).fetchone() is not None

    def branches_of(self, repo: str, sha: str) -> Sequence[str]:
        return [branch for (branch,) in self._session.execute(_BRANCHES, (repo.casefold(), sha)).fetchall()]

    def walk(self, repo: str, branch: str, sha: str) -> Sequence[RememberedCommit]:
        name = repo.casefold()
        rows = self._session.execute(_WALK, (name, sha, branch, name, branch)).fetchall()
        return [
            RememberedCommit(sha, parent, from_us(committed_at), bool(is_merge), tuple(reverts.split()))
            for sha, parent, committed_at, is_merge, reverts in rows
        ]


def forget_deploy(session: Session, seq: int) -> str | None:
    """Forget the deploy of an event that shall not count, and return its repository; None for an incident.

    Later deploys of its place are measured from the one before it.
    """
    (body,) = session.execute(_BODY, (seq,)).fetchone()
    event = Event.from_wire(orjson.loads(body))
    if event.kind != DEPLOYED or event.time is None:
        return None
    repo = str(event.get("repo"))
    place = Place(repo, event.get("environment"), event.get("service"))
    session.execute(_FORGET_DEPLOY, (*place_key(place), to_us(event.time), event.get("commitSHA")))
    return repo
