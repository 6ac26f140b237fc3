"""Rows of deploys: whether each deploy failed, and for how long."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from gitdailies_server.storage.database import Session

from gitdailies_webhooks.derived import statements
from gitdailies_webhooks.derived.update import neighbors
from gitdailies_webhooks.derived.update.neighbors import (
    Adjacent,
    DeployAt,
    Position,
    PositionKey,
    position_key,
)
from gitdailies_webhooks.figures.events import ROLLBACK, Deploy
from gitdailies_webhooks.figures.facts import first_outage
from gitdailies_webhooks.sql.bulk import execute_many, lookup_many


class _StoredFailure(NamedTuple):
    """The columns of `figures_deploys` for whether and how long a deploy failed."""

    id: str
    repo: str
    environment: str
    service: str
    at: int
    rollback: int
    failed: int
    recovery: int | None
    open: int

    @property
    def position(self) -> PositionKey:
        return (self.id, (self.repo, self.environment, self.service), self.at)


class _Span(NamedTuple):
    began_at: int
    ended_at: int | None
    merged: bool


def maybe_undone(
    sides: Mapping[PositionKey, Adjacent],
    merged_sides: Mapping[PositionKey, Adjacent],
    arrived: Iterable[Deploy],
    removed: Iterable[Position],
) -> set[str]:
    """Return the deploys that a rollback may undo now, or may no longer undo.

    *sides* are the neighbors of each arrived or removed deploy before the arrival, *merged_sides* those
    after it.
    """
    removed_keys = {position.key for position in removed}
    types = {position_key(deploy): deploy.type for deploy in arrived}
    found = {id_ for id_, _, _ in removed_keys}
    for key, (before, after) in sides.items():
        # It was undone by the removed deploy, or by the rollback after that one. After several arrivals,
        # it may no longer be adjacent to either.
        if before is not None and (key in removed_keys or _is_rollback(after)):
            found.add(before.id)
    for key, (before, after) in merged_sides.items():
        if _is_rollback(after):
            found.add(key[0])
        if before is not None and types.get(key) == ROLLBACK:
            found.add(before.id)
    return found


def _is_rollback(deploy: DeployAt | None) -> bool:
    return deploy is not None and deploy.rollback


def update_failures(session: Session, ids: Iterable[str], window: int) -> None:
    """Write whether deploys failed, and for how long."""
    rows = [(id_,) for id_ in sorted(ids)]
    deploys = [
        _StoredFailure(*found) for found in lookup_many(session, "id", rows, statements.DEPLOY_FAILURES)
    ]
    sides = neighbors.adjacent(session, (deploy.position for deploy in deploys))
    spans: dict[str, list[_Span]] = defaultdict(list)
    for incident in neighbors.incidents_attributed_to(session, ids):
        assert incident.deploy is not None
        spans[incident.deploy].append(_Span(incident.at, incident.ended_at, bool(incident.merged)))
    changed = []
    for deploy in deploys:
        after, of_deploy = sides[deploy.position].after, spans.get(deploy.id, ())
        undone = (
            not deploy.rollback and after is not None and after.rollback and after.at - deploy.at < window
        )
        outage = first_outage(of_deploy)
        values = (
            int(undone or bool(of_deploy)),
            None if outage is None else outage.duration_us,
            int(outage is not None and outage.duration_us is None),
        )
        if values != (deploy.failed, deploy.recovery, deploy.open):
            changed.append((*values, deploy.id))
    execute_many(session, statements.SET_FAILURE, changed)
