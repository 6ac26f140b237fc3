"""Rows of deploys: what each brought for the first time, and what others then brought instead."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gitdailies_server.storage.database import Session

from gitdailies_webhooks.derived import neighbors
from gitdailies_webhooks.derived.neighbors import Beside, Key, Mention, Spot, place_of
from gitdailies_webhooks.derived.rows import read_bodies
from gitdailies_webhooks.figures.commits import Commits, key
from gitdailies_webhooks.figures.events import ROLLBACK, Deploy
from gitdailies_webhooks.figures.lead_time import Brought, brought_by
from gitdailies_webhooks.figures.settings import Settings
from gitdailies_webhooks.sql.bulk import Lookup, execute_many, insert_many, lookup_many

_DEPLOYS = (
    "id, repo, environment, service, +at, +rollback, +rework, +failed, +unknown, +unknown_commits, leads,"
    " +recovery, +open, keys"
)
_COMMITS = "repo, environment, +key, deploy, sha, service, +at, +own, +position"
_THERE = Lookup(
    "d.id, d.repo, d.environment, d.service, d.at, d.keys", "figures_deploys d", "d.id = given.id"
)
_BODY = Lookup("e.body", "events e", "e.id = given.id")
_NEVER = (-(2**63), "")  # before any deploy


def spot_of(deploy: Deploy) -> Spot:
    """Say where a deploy is, and which commits it mentions."""
    keys = neighbors.keys_of(neighbors.mentioned(deploy))
    return Spot(deploy.id, place_of(deploy.place), deploy.at, keys)


def take_away(session: Session, ids: Iterable[str]) -> list[Spot]:
    """Take away the rows of deploys, and return where those were that had one."""
    gone = [
        Spot(id_, (repo, environment, service), at, frozenset(map(int, keys.split())))
        for id_, repo, environment, service, at, keys in lookup_many(
            session, "id", [(i,) for i in ids], _THERE
        )
    ]
    execute_many(session, "DELETE FROM figures_deploys WHERE id = ?", [(spot.id,) for spot in gone])
    execute_many(
        session,
        "DELETE FROM figures_commits WHERE repo = ? AND environment = ? AND key = ? AND deploy = ?",
        [(*where, spot.id) for spot in gone for where in sorted(spot.commits)],
    )
    return gone


def bring(
    session: Session,
    touched: Sequence[Spot],
    arrived: Sequence[Deploy],
    there: Mapping[neighbors.Position, Beside],
    settings: Settings,
    now: int,
) -> None:
    """Write what deploys that arrived brought, and what others now brought instead.

    *there* is what had a row beside each of *touched*.
    """
    found = neighbors.mentions(session, {key for spot in touched for key in spot.commits})
    later = _later(session, touched, there, found, settings, now)
    found |= neighbors.mentions(session, {k for d in later for k in spot_of(d).commits} - found.keys())
    insert_many(session, "figures_commits", _COMMITS, _mention(arrived, found))
    first = _firsts(there, arrived)
    rows = [_row(deploy, _brought(deploy, first, found)) for deploy in arrived]
    insert_many(session, "figures_deploys", _DEPLOYS, rows)
    places = {spot.place for spot in touched}
    execute_many(
        session,
        "UPDATE figures_deploys SET unknown = ?, unknown_commits = ?, leads = ? WHERE id = ?",
        [
            (*_told(_brought(deploy, first, found)), deploy.id)
            for deploy in later
            if place_of(deploy.place) in places
        ],
    )


def _firsts(
    there: Mapping[neighbors.Position, Beside], arrived: Iterable[Deploy]
) -> dict[neighbors.Place, tuple[int, str]]:
    """Say which deploy is the first of its place now, where it is not one before all that are looked at."""
    open_ = {place for (_, place, _), side in there.items() if side.before is None}
    found = _first_there(there)
    for deploy in arrived:
        place, order = place_of(deploy.place), (deploy.at, deploy.id)
        if place in open_:
            found[place] = min(order, found.get(place, order))
    return found


def _first_there(
    there: Mapping[neighbors.Position, Beside],
) -> dict[neighbors.Place, tuple[int, str]]:
    return {
        place: (side.after.at, side.after.id)
        for (_, place, _), side in there.items()
        if side.before is None and side.after is not None
    }


def _mention(arrived: Sequence[Deploy], found: dict[Key, list[Mention]]) -> list[tuple[Any, ...]]:
    """Return rows of what deploys mention, and put it among what was *found*."""
    rows = []
    for deploy in arrived:
        place = place_of(deploy.place)
        repo, environment, service = place
        for sha, (own, position) in neighbors.mentioned(deploy).items():
            number = key(sha)
            mention = Mention(place, deploy.at, deploy.id, sha, own, position)
            insort(
                found.setdefault((repo, environment, number), []), mention, key=lambda mention: mention.among
            )
            rows.append((repo, environment, number, deploy.id, sha, service, deploy.at, int(own), position))
    return rows


def _later(
    session: Session,
    touched: Sequence[Spot],
    there: Mapping[neighbors.Position, Beside],
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
    ids |= {id_ for _, id_ in _first_there(there).values()}
    rows = [(id_,) for id_ in sorted(ids - {spot.id for spot in touched})]
    return read_bodies(
        session, (body for (body,) in lookup_many(session, "id", rows, _BODY)), settings, now
    ).deploys


def _brought(
    deploy: Deploy,
    first: Mapping[neighbors.Place, tuple[int, str]],
    found: Mapping[Key, Sequence[Mention]],
) -> Brought:
    place, order = place_of(deploy.place), (deploy.at, deploy.id)
    if order <= first.get(place, _NEVER):
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
