"""Rows of deploys: whether each failed, and how long."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from gitdailies_server.database import Session

from gitdailies_webhooks import neighbors
from gitdailies_webhooks.figures.failures import outage
from gitdailies_webhooks.over import over


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
    def where(self) -> neighbors.Position:
        return (self.id, (self.repo, self.environment, self.service), self.at)


class _Lasting(NamedTuple):
    began_at: int
    ended_at: int | None
    merged: bool


def fail(session: Session, ids: Iterable[str], window: int) -> None:
    """Write whether deploys failed, and how long."""
    query = f"SELECT {', '.join(f'd.{name}' for name in _Deploy._fields)}"
    query += " FROM x CROSS JOIN figures_deploys d WHERE d.id = x.id"
    deploys = [_Deploy(*found) for found in over(session, "id", [(id_,) for id_ in sorted(ids)], query)]
    sides = neighbors.beside(session, (deploy.where for deploy in deploys))
    laid: dict[str, list[_Lasting]] = defaultdict(list)
    for row in neighbors.incidents_laid_to(session, ids):
        assert row.deploy is not None
        laid[row.deploy].append(_Lasting(row.at, row.ended_at, bool(row.merged)))
    changed = []
    for deploy in deploys:
        after, mine = sides[deploy.where], laid.get(deploy.id, ())
        undone = (
            not deploy.rollback
            and after.after_is_rollback
            and after.after_at is not None
            and after.after_at - deploy.at < window
        )
        out = outage(mine)
        told = (
            int(undone or bool(mine)),
            None if out is None else out.us,
            int(out is not None and out.us is None),
        )
        if told != (deploy.failed, deploy.recovery, deploy.open):
            changed.append((*told, deploy.id))
    session.executemany("UPDATE figures_deploys SET failed = ?, recovery = ?, open = ? WHERE id = ?", changed)
