"""Which deploy a rollback undoes, and how long a failed deploy's first outage lasted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from gitdailies_webhooks.figures.events import ROLLBACK, Deploy, Place


def undone(deploys: Iterable[Deploy], window: int) -> dict[str, Deploy]:
    """Return the deploy that each rollback undoes, by the rollback's id; *deploys* come in order."""
    latest: dict[Place, Deploy] = {}
    found = {}
    for deploy in deploys:
        if deploy.type != ROLLBACK:
            latest[deploy.place] = deploy
        elif (before := latest.get(deploy.place)) is not None and deploy.at - before.at < window:
            found[deploy.id] = before
    return found


class Outage(NamedTuple):
    """From the first start to the first moment when nothing is open; `us` is None while it lasts."""

    began_at: int
    us: int | None


class Lasting(Protocol):
    """What an outage is made of: a period of an incident."""

    @property
    def began_at(self) -> int: ...
    @property
    def ended_at(self) -> int | None: ...
    @property
    def merged(self) -> bool: ...


def outage(periods: Iterable[Lasting]) -> Outage | None:
    """Time the first outage of a deploy's incidents; None where all of them were merged away."""
    left = sorted((p for p in periods if not p.merged), key=lambda p: p.began_at)
    if not left:
        return None
    began_at, until = left[0].began_at, left[0].began_at
    for period in left:
        if period.began_at > until:  # those that touch are one outage
            break
        if period.ended_at is None:
            return Outage(began_at, None)
        until = max(until, period.ended_at)
    return Outage(began_at, until - began_at)
