"""Rows of deploys: whether each failed, and how long."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from gitdailies_server.storage.database import Session

from gitdailies_webhooks.derived import neighbors
from gitdailies_webhooks.derived.neighbors import Beside, Position, Spot, Standing, position_of
from gitdailies_webhooks.figures.events import ROLLBACK, Deploy
from gitdailies_webhooks.figures.failures import outage
from gitdailies_webhooks.sql.bulk import Lookup, execute_many, lookup_many


class _Deploy(NamedTuple):
    """Of a row of `figures_deploys` what says whether and how long it failed."""

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
    def where(self) -> Position:
        return (self.id, (self.repo, self.environment, self.service), self.at)


_DEPLOYS = Lookup(", ".join(f"d.{name}" for name in _Deploy._fields), "figures_deploys d", "d.id = given.id")


class _Lasting(NamedTuple):
    began_at: int
    ended_at: int | None
    merged: bool


def undone(
    there: Mapping[Position, Beside],
    sides: Mapping[Position, Beside],
    arrived: Iterable[Deploy],
    gone: Iterable[Spot],
) -> set[str]:
    """Return the deploys that a rollback may undo, or no longer undo, since others came and went.

    *there* is what had a row beside each that came or went, *sides* what has one now that they came.
    """
    went = {spot.where for spot in gone}
    came = {position_of(deploy): deploy.type for deploy in arrived}
    found = {id_ for id_, _, _ in went}
    for where, (before, after) in there.items():
        # It was undone by what went, or by what is after that. Where several came it may be beside none
        # of those now.
        if before is not None and (where in went or _undoes(after)):
            found.add(before.id)
    for where, (before, after) in sides.items():
        if _undoes(after):
            found.add(where[0])
        if before is not None and came.get(where) == ROLLBACK:
            found.add(before.id)
    return found


def _undoes(after: Standing | None) -> bool:
    return after is not None and after.rollback


def fail(session: Session, ids: Iterable[str], window: int) -> None:
    """Write whether deploys failed, and how long."""
    rows = [(id_,) for id_ in sorted(ids)]
    deploys = [_Deploy(*found) for found in lookup_many(session, "id", rows, _DEPLOYS)]
    sides = neighbors.beside(session, (deploy.where for deploy in deploys))
    laid: dict[str, list[_Lasting]] = defaultdict(list)
    for row in neighbors.incidents_laid_to(session, ids):
        assert row.deploy is not None
        laid[row.deploy].append(_Lasting(row.at, row.ended_at, bool(row.merged)))
    changed = []
    for deploy in deploys:
        after, mine = sides[deploy.where].after, laid.get(deploy.id, ())
        undone_ = (
            not deploy.rollback and after is not None and after.rollback and after.at - deploy.at < window
        )
        out = outage(mine)
        told = (
            int(undone_ or bool(mine)),
            None if out is None else out.us,
            int(out is not None and out.us is None),
        )
        if told != (deploy.failed, deploy.recovery, deploy.open):
            changed.append((*told, deploy.id))
    execute_many(
        session, "UPDATE figures_deploys SET failed = ?, recovery = ?, open = ? WHERE id = ?", changed
    )
