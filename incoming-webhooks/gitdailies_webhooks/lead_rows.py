"""Rows of deploys: what each brought for the first time, and what others then brought instead."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gitdailies_server.database import Session

from gitdailies_webhooks import neighbors
from gitdailies_webhooks.derived import read_bodies
from gitdailies_webhooks.figures.commits import Commits, key
from gitdailies_webhooks.figures.history import ROLLBACK, Deploy
from gitdailies_webhooks.figures.lead_time import Brought, brought_by
from gitdailies_webhooks.figures.settings import Settings
from gitdailies_webhooks.neighbors import Key, Mention, Spot, place_of
from gitdailies_webhooks.over import insert, over

_DEPLOYS = (
    "id, repo, environment, service, +at, +rollback, +rework, +failed, +unknown, +unknown_commits, leads,"
    " +recovery, +open, keys"
)
_COMMITS = "repo, environment, +key, deploy, sha, service, +at, +own, +position"


def spot_of(deploy: Deploy) -> Spot:
    """Say where a deploy is, and which commits it mentions."""
    keys = neighbors.keys_of(neighbors.mentioned(deploy))
    return Spot(deploy.id, place_of(deploy.place), deploy.at, keys)


def take_away(session: Session, ids: Iterable[str]) -> list[Spot]:
    """Take away the rows of deploys, and return where those were that had one."""
    query = (
        "SELECT d.id, d.repo, d.environment, d.service, d.at, d.keys"
        " FROM x CROSS JOIN figures_deploys d WHERE d.id = x.id"
    )
    gone = [
        Spot(id_, (repo, environment, service), at, frozenset(map(int, keys.split())))
        for id_, repo, environment, service, at, keys in over(session, "id", [(i,) for i in ids], query)
    ]
    session.executemany("DELETE FROM figures_deploys WHERE id = ?", [(spot.id,) for spot in gone])
    session.executemany(
        "DELETE FROM figures_commits WHERE repo = ? AND environment = ? AND key = ? AND deploy = ?",
        [(*where, spot.id) for spot in gone for where in sorted(spot.commits)],
    )
    return gone


def bring(
    session: Session, touched: Sequence[Spot], arrived: Sequence[Deploy], settings: Settings, now: int
) -> None:
    """Write what deploys that arrived brought, and what others now brought instead."""
    there = neighbors.firsts(session, {spot.place for spot in touched})
    _mention(session, arrived)
    found = neighbors.mentions(session, {key for spot in touched for key in spot.commits})
    later = _later(session, touched, there, found, settings, now)
    found |= neighbors.mentions(session, {k for d in later for k in spot_of(d).commits} - found.keys())
    first = dict(there)
    for deploy in arrived:
        place, order = place_of(deploy.place), (deploy.at, deploy.id)
        first[place] = min(order, first.get(place, order))
    rows = [_row(deploy, _brought(deploy, first, found)) for deploy in arrived]
    insert(session, "figures_deploys", _DEPLOYS, rows)
    session.executemany(
        "UPDATE figures_deploys SET unknown = ?, unknown_commits = ?, leads = ? WHERE id = ?",
        [
            (*_told(_brought(deploy, first, found)), deploy.id)
            for deploy in later
            if place_of(deploy.place) in first
        ],
    )


def _mention(session: Session, arrived: Sequence[Deploy]) -> None:
    rows = [
        (repo, environment, key(sha), deploy.id, sha, service, deploy.at, int(own), position)
        for deploy in arrived
        for repo, environment, service in (place_of(deploy.place),)
        for sha, (own, position) in neighbors.mentioned(deploy).items()
    ]
    insert(session, "figures_commits", _COMMITS, rows)


def _later(
    session: Session,
    touched: Sequence[Spot],
    there: Mapping[neighbors.Place, tuple[int, str]],
    found: Mapping[Key, Sequence[Mention]],
    settings: Settings,
    now: int,
) -> Sequence[Deploy]:
    """Read the deploys whose commits one of *touched* may make new, or no longer new."""
    ids = {
        mention.deploy
        for spot in touched
        for key in spot.commits
        for mention in found.get(key, ())
        if mention.position and mention.place == spot.place and mention.order > spot.order
    }
    ids |= {there[spot.place][1] for spot in touched if spot.order < there.get(spot.place, spot.order)}
    rows = [(id_,) for id_ in sorted(ids - {spot.id for spot in touched})]
    query = "SELECT e.body FROM x CROSS JOIN events e WHERE e.id = x.id"
    return read_bodies(session, (body for (body,) in over(session, "id", rows, query)), settings, now).deploys


def _brought(
    deploy: Deploy,
    first: Mapping[neighbors.Place, tuple[int, str]],
    found: Mapping[Key, Sequence[Mention]],
) -> Brought:
    place, order = place_of(deploy.place), (deploy.at, deploy.id)
    if order <= first[place]:
        return brought_by(deploy, None)
    before = Commits()
    for number in neighbors.keys_of(commit.sha for commit in deploy.commits or ()):
        for mention in found.get((*place[:2], number), ()):
            if mention.order >= order:
                break
            if mention.place == place:
                before.add(mention.sha)
    return brought_by(deploy, before)


def _told(what: Brought) -> tuple[int, int, str]:
    return (int(bool(what.unknown)), what.unknown_commits, ",".join(map(str, what.leads)))


def _row(deploy: Deploy, what: Brought) -> tuple[Any, ...]:
    keys = " ".join(map(str, sorted(spot_of(deploy).keys)))
    kind = (int(deploy.type == ROLLBACK), int(deploy.rework))
    return (deploy.id, *place_of(deploy.place), deploy.at, *kind, 0, *_told(what), None, 0, keys)
