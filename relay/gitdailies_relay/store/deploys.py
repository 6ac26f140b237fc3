"""Deploys: pushes and deploys that are remembered for the lead time, and deploys that wait for late pushes.

Both databases read these statements alike. A deploy that waits is an event that is held in the outbox, with
a row of `waiting_deploys`. SQL, no decisions.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import orjson
from gitdailies_core.deploys.pushes import RememberedCommit, remembered
from gitdailies_core.errors import InvalidEvent
from gitdailies_core.events.events import DEPLOYED, Event
from gitdailies_core.events.field_types import MOST_COMMITS
from gitdailies_core.sources.deploy_messages import Push
from gitdailies_core.values.deploy_target import DeployTarget
from gitdailies_core.values.renames import Renames
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import from_us, to_us
from gitdailies_server.storage.write_scope import EVERYTHING, NotInScope, Scope

from gitdailies_relay.accepting.store_port import (
    BODY_COLUMNS,
    NewRows,
    WaitingDeploy,
    WantedDeploy,
    place_key,
)
from gitdailies_relay.store import exclusion, outbox

# Store a body. After a replay the row already exists, and only the reason may differ.
_STORE_BODY = (
    f"INSERT INTO {{}} ({BODY_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?)"
    " ON CONFLICT (delivery) DO UPDATE SET code = excluded.code, reason = excluded.reason, replayed_at = NULL"
)
# Whether an event is stored.
_HAS_EVENT = "SELECT 1 FROM events WHERE incident = ? AND id = ? AND destination = ?"
# Remember a commit. One that was told before keeps its parent, unless that was unknown. `is_merge`
# is a sum: 1 for a merge, and 2 for `RememberedCommit.beside`.
_ADD_COMMIT = (
    "INSERT INTO pushed_commits (repo, sha, branch, parent, committed_at, is_merge, reverts, received_at)"
    " VALUES (?,?,?,?,?,?,?,?) ON CONFLICT (repo, sha, branch) DO UPDATE SET parent = excluded.parent"
    " WHERE pushed_commits.parent = ''"
)
# What is known about a commit's services is a row of its own. No branch has a colon in its name.
_SERVICES = ":services"
_ADD_SERVICES = (
    "INSERT INTO pushed_commits (repo, sha, branch, parent, committed_at, is_merge, reverts, received_at)"
    " VALUES (?,?,?,'',NULL,0,?,?) ON CONFLICT (repo, sha, branch) DO UPDATE"
    " SET reverts = excluded.reverts, received_at = excluded.received_at"
)
_ADD_DEPLOY = (
    "INSERT INTO deployed_commits (repo, environment, service, deployed_at, sha) VALUES (?,?,?,?,?)"
    " ON CONFLICT DO NOTHING"
)
_LAST = (
    "SELECT sha, deployed_at FROM deployed_commits WHERE repo = ? AND environment = ? AND service = ?"
    " ORDER BY deployed_at DESC, sha DESC LIMIT 1"
)
_DEPLOYED = (
    "SELECT sha FROM deployed_commits WHERE repo = ? AND environment = ? AND service = ?"
    " AND deployed_at < ? GROUP BY sha ORDER BY max(deployed_at) DESC, sha DESC"
)
_FORGET_DEPLOY = (
    "DELETE FROM deployed_commits WHERE repo = ? AND environment = ? AND service = ?"
    " AND deployed_at = ? AND sha = ?"
)
_BODY = "SELECT {} FROM events WHERE seq = ?"
_HAS_PUSHES = "SELECT 1 FROM pushed_commits WHERE repo = ? LIMIT 1"
_BRANCHES = f"SELECT branch FROM pushed_commits WHERE repo = ? AND sha = ? AND branch <> '{_SERVICES}'"
# A commit and those before it on a branch, newest first.
_WALK = (
    "WITH RECURSIVE walk (sha, parent, committed_at, is_merge, reverts, place) AS ("
    "SELECT sha, parent, committed_at, is_merge, reverts, 1 FROM pushed_commits"
    " WHERE repo = ? AND sha = ? AND branch = ?"
    " UNION ALL SELECT c.sha, c.parent, c.committed_at, c.is_merge, c.reverts, walk.place + 1"
    " FROM walk JOIN pushed_commits c ON c.repo = ? AND c.sha = walk.parent AND c.branch = ?"
    f" WHERE walk.place < {MOST_COMMITS})"
    " SELECT walk.sha, walk.parent, walk.committed_at, walk.is_merge, walk.reverts, s.reverts FROM walk"
    f" LEFT JOIN pushed_commits s ON s.repo = ? AND s.sha = walk.sha AND s.branch = '{_SERVICES}'"
    " ORDER BY walk.place"
)
_ADD_WAITING = (
    "INSERT INTO waiting_deploys"
    " (event_seq, repo, environment, service, deployed_at, sha, branch, previous, message, reason)"
    " SELECT seq, CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS BIGINT), CAST(? AS TEXT),"
    " CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT)"
    " FROM events WHERE incident = ? AND id = ? AND destination = ?"
)
_WAITING_AT = (
    "SELECT w.deployed_at, e.id FROM waiting_deploys w JOIN events e ON e.seq = w.event_seq"
    " WHERE w.repo = ? AND w.environment = ? AND w.service = ?"
)
_WAITING_OF = (
    "SELECT e.seq, e.id, o.held_until, e.body, e.delivery, w.repo, w.environment, w.service, w.deployed_at,"
    " w.sha, w.branch, w.previous, w.message, w.reason FROM waiting_deploys w"
    " JOIN events e ON e.seq = w.event_seq JOIN outbox o ON o.seq = w.event_seq"
    " WHERE w.repo = ? ORDER BY w.environment, w.service, w.deployed_at, e.id"
)
# The repositories of those whose time is over.
_DUE_REPOS = (
    "SELECT DISTINCT w.repo FROM waiting_deploys w JOIN outbox o ON o.seq = w.event_seq"
    " WHERE o.held_until <= ?"
)
# What is remembered under a former name of a repository, under its present one; and what is left of it.
_JOIN_PUSHES = (
    "INSERT INTO pushed_commits (repo, sha, branch, parent, committed_at, is_merge, reverts, received_at)"
    " SELECT CAST(? AS TEXT), sha, branch, parent, committed_at, is_merge, reverts, received_at"
    " FROM pushed_commits WHERE repo = ? ON CONFLICT DO NOTHING"
)
_JOIN_DEPLOYS = (
    "INSERT INTO deployed_commits (repo, environment, service, deployed_at, sha)"
    " SELECT CAST(? AS TEXT), environment, service, deployed_at, sha"
    " FROM deployed_commits WHERE repo = ? ON CONFLICT DO NOTHING"
)
_JOIN_WAITING = "UPDATE waiting_deploys SET repo = ? WHERE repo = ?"
_FORGET_NAME = ("DELETE FROM pushed_commits WHERE repo = ?", "DELETE FROM deployed_commits WHERE repo = ?")
_PUT_BODY = "UPDATE events SET body = ? WHERE seq = ?"
# What the delivery says about the wait becomes what came of it.
_PUT_REASON = (
    "UPDATE deliveries SET reason = replace(reason, ?, ?)"
    " WHERE delivery = ? AND message = ? AND outcome IN ('stored', 'replayed')"
)


class CommonStatements:
    """The parts of an AcceptanceStore that both databases share. The store sets session and scope."""

    _session: Session
    _scope: Scope = EVERYTHING
    _is_local: bool

    def has_event(self, destination: str, subject: str, id_: str) -> bool:
        self._scope.require(exclusion.subject(destination, subject))
        found = self._session.execute(_HAS_EVENT, (subject, id_, destination)).fetchone()
        return found is not None

    def remember_push(self, push: Push, at: int) -> None:
        name = self._named(push.repo)
        for commit in remembered(push):
            row = (
                name,
                commit.sha,
                push.branch,
                commit.parent,
                to_us(commit.time),
                commit.is_merge + 2 * commit.beside,
                " ".join(commit.reverts),
                at,
            )
            self._session.execute(_ADD_COMMIT, row)
            if commit.services:
                services = orjson.dumps(dict(commit.services)).decode()
                self._session.execute(_ADD_SERVICES, (row[0], commit.sha, _SERVICES, services, at))

    def remember_deploy(self, place: DeployTarget, sha: str, at: datetime) -> None:
        self._session.execute(_ADD_DEPLOY, (*self._key(place), to_us(at), sha))

    def deployed_last(self, place: DeployTarget) -> tuple[str, datetime] | None:
        found = self._session.execute(_LAST, self._key(place)).fetchone()
        return None if found is None else (found[0], from_us(found[1]))

    def deployed_shas(self, place: DeployTarget, at: datetime) -> Sequence[str]:
        rows = self._session.execute(_DEPLOYED, (*self._key(place), to_us(at))).fetchall()
        return [sha for (sha,) in rows]

    def has_pushes(self, repo: str) -> bool:
        return self._session.execute(_HAS_PUSHES, (self._named(repo),)).fetchone() is not None

    def branches_of(self, repo: str, sha: str) -> Sequence[str]:
        return [branch for (branch,) in self._session.execute(_BRANCHES, (self._named(repo), sha)).fetchall()]

    def walk(self, repo: str, branch: str, sha: str) -> Sequence[RememberedCommit]:
        name = self._named(repo)
        rows = self._session.execute(_WALK, (name, sha, branch, name, branch, name)).fetchall()
        return [
            RememberedCommit(
                sha,
                parent,
                from_us(committed_at),
                is_merge % 2 == 1,
                tuple(reverts.split()),
                orjson.loads(services or "{}"),
                beside=is_merge > 1,
            )
            for sha, parent, committed_at, is_merge, reverts, services in rows
        ]

    def waiting_at(self, place: DeployTarget) -> Sequence[tuple[datetime, str]]:
        rows = self._session.execute(_WAITING_AT, self._key(place)).fetchall()
        return [(from_us(at), id_) for at, id_ in rows]

    def waiting_deploys(self, repo: str) -> Sequence[WaitingDeploy]:
        return [
            _deploy_of(row) for row in self._session.execute(_WAITING_OF, (self._named(repo),)).fetchall()
        ]

    def release_deploy(self, deploy: WaitingDeploy, body: str, reason: str) -> None:
        if not self._scope.is_everything:
            raise NotInScope(deploy.id)  # it may be of any subject, and its place in the outbox changes
        session = self._session
        session.execute(_PUT_BODY, (body, deploy.seq))
        session.execute(outbox.FORGET_WAITING, (deploy.seq,))
        # A deploy before it at its place may have come after it.
        outbox.put_last(session, deploy.seq)
        session.execute(_PUT_REASON, (deploy.reason, reason, deploy.delivery, deploy.message))

    def held_starts(self, destination: str, incident: str) -> Collection[str]:
        self._scope.require(exclusion.subject(destination, incident))
        return outbox.held_starts(self._session, incident, destination, is_local=self._is_local)

    def _write_rest(self, rows: NewRows) -> None:
        """Write the bodies of *rows*, and the holds of events, which are stored already."""
        for table, bodies in (("quarantine", rows.quarantine), ("ignored", rows.ignored)):
            self._session.executemany(_STORE_BODY.format(table), bodies.values())
        outbox.write_holds(
            self._session,
            held=[*rows.held, *(one.held for one in rows.waiting)],
            discarded=rows.discarded,
            released=rows.released,
            is_local=self._is_local,
        )
        for one in rows.waiting:
            place, sha, at, branch, previous = one.wanted
            row = (*place_key(place), to_us(at), sha, branch or "", previous or "", one.message, one.reason)
            self._session.execute(_ADD_WAITING, (*row, one.held.incident, one.held.id, one.held.destination))

    def _named(self, repo: str) -> str:
        """Return a repository as the store names it; raises NotInScope."""
        self._scope.require(exclusion.repository(repo))
        return repo.casefold()

    def _key(self, place: DeployTarget) -> tuple[str, str, str]:
        """Return a place as the store names it; raises NotInScope."""
        return (self._named(place.repo), *place_key(place)[1:])


def forget_deploy(session: Session, seq: int, as_bytes: str) -> str | None:
    """Forget the deploy of an event that should not count, and return its repository.

    Later deploys of its place are measured from the one before it. None for an incident, and for an event
    that is damaged. *as_bytes* is how the database reads a text as bytes.
    """
    (body,) = session.execute(_BODY.format(as_bytes.format("body")), (seq,)).fetchone()
    try:
        event = Event.from_wire(orjson.loads(bytes(body)))
    except (ValueError, InvalidEvent):
        return None
    if event.kind != DEPLOYED or event.time is None:
        return None
    repo = str(event.get("repo"))
    place = DeployTarget(repo, event.get("environment"), event.get("service"))
    session.execute(_FORGET_DEPLOY, (*place_key(place), to_us(event.time), event.get("commitSHA")))
    return repo


def join_names(session: Session, renames: Renames) -> None:
    """Move the commits under former names of repositories to their present ones."""
    for former, name in renames.pairs:
        for statement in (_JOIN_PUSHES, _JOIN_DEPLOYS, _JOIN_WAITING):
            session.execute(statement, (name.casefold(), former.casefold()))
        for statement in _FORGET_NAME:
            session.execute(statement, (former.casefold(),))


def due_repos(session: Session, now: int) -> Sequence[str]:
    """Return the repositories with deploys that waited long enough *now* (µs)."""
    return [repo for (repo,) in session.execute(_DUE_REPOS, (now,)).fetchall()]


def _deploy_of(row: tuple[Any, ...]) -> WaitingDeploy:
    seq, id_, held_until, body, delivery, repo, environment, service, at, sha, branch, previous, *told = row
    place = DeployTarget(repo, environment or None, service or None)
    wanted = WantedDeploy(place, sha, from_us(at), branch or None, previous or None)
    return WaitingDeploy(seq, id_, wanted, held_until, body, delivery, *told)
