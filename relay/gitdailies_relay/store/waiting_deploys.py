"""Deploys that wait for late pushes: statements that both databases read alike. SQL, no decisions.

Each is an event that is held in the outbox, as `holds` describes, with a row of `waiting_deploys`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from gitdailies_core.deploys.routing import Place
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import from_us, to_us

from gitdailies_relay.accepting.store_port import NewWaiting, WaitingDeploy, WantedDeploy, place_key
from gitdailies_relay.store import outbox

_ADD = (
    "INSERT INTO waiting_deploys"
    " (event_seq, repo, environment, service, deployed_at, sha, branch, previous, message, reason)"
    " SELECT seq, CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS BIGINT), CAST(? AS TEXT),"
    " CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT)"
    " FROM events WHERE incident = ? AND id = ? AND destination = ?"
)
_AT = (
    "SELECT w.deployed_at, e.id FROM waiting_deploys w JOIN events e ON e.seq = w.event_seq"
    " WHERE w.repo = ? AND w.environment = ? AND w.service = ?"
)
_OF_REPO = (
    "SELECT e.seq, e.id, o.held_until, e.body, e.delivery, w.repo, w.environment, w.service, w.deployed_at,"
    " w.sha, w.branch, w.previous, w.message, w.reason FROM waiting_deploys w"
    " JOIN events e ON e.seq = w.event_seq JOIN outbox o ON o.seq = w.event_seq"
    " WHERE w.repo = ? ORDER BY w.environment, w.service, w.deployed_at, e.id"
)
# The repositories of those whose time is over.
_DUE = (
    "SELECT DISTINCT w.repo FROM waiting_deploys w JOIN outbox o ON o.seq = w.event_seq"
    " WHERE o.held_until <= ?"
)
_PUT_BODY = "UPDATE events SET body = ? WHERE seq = ?"
# What the delivery says of the wait becomes what came of it.
_PUT_REASON = (
    "UPDATE deliveries SET reason = replace(reason, ?, ?)"
    " WHERE delivery = ? AND message = ? AND outcome IN ('stored', 'replayed')"
)


class WaitingDeploys:
    """The part of an AcceptanceStore that is about deploys that wait. The store sets the session."""

    _session: Session

    def waiting_at(self, place: Place) -> Sequence[tuple[datetime, str]]:
        rows = self._session.execute(_AT, place_key(place)).fetchall()
        return [(from_us(at), id_) for at, id_ in rows]

    def waiting_deploys(self, repo: str) -> Sequence[WaitingDeploy]:
        return [_deploy_of(row) for row in self._session.execute(_OF_REPO, (repo,)).fetchall()]

    def release_deploy(self, deploy: WaitingDeploy, body: str, reason: str) -> None:
        session = self._session
        session.execute(_PUT_BODY, (body, deploy.seq))
        session.execute(outbox.FORGET_WAITING, (deploy.seq,))
        # A deploy before it at its place may have come after it.
        outbox.put_last(session, deploy.seq)
        session.execute(_PUT_REASON, (deploy.reason, reason, deploy.delivery, deploy.message))


def add(session: Session, waiting: Sequence[NewWaiting]) -> None:
    """Note deploys that are held."""
    for one in waiting:
        place, sha, at, branch, previous = one.wanted
        row = (*place_key(place), to_us(at), sha, branch or "", previous or "", one.message, one.reason)
        session.execute(_ADD, (*row, one.incident, one.id, one.destination))


def due_repos(session: Session, now: int) -> Sequence[str]:
    """Return the repositories with deploys that waited long enough *now* (µs)."""
    return [repo for (repo,) in session.execute(_DUE, (now,)).fetchall()]


def _deploy_of(row: tuple[Any, ...]) -> WaitingDeploy:
    seq, id_, held_until, body, delivery, repo, environment, service, at, sha, branch, previous, *told = row
    place = Place(repo, environment or None, service or None)
    wanted = WantedDeploy(place, sha, from_us(at), branch or None, previous or None)
    return WaitingDeploy(seq, id_, wanted, held_until, body, delivery, *told)
