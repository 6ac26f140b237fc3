"""Rows of deploys: their new commits, and those of later deploys that an arrived or deleted one changes.

The row of each deploy that arrived is inserted here; `failure_rows` writes afterwards whether it failed.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gitdailies_server.storage.database import Session

from gitdailies_webhooks.derived import statements
from gitdailies_webhooks.derived.repositories import parse_bodies
from gitdailies_webhooks.derived.update import neighbors
from gitdailies_webhooks.derived.update.neighbors import (
    Adjacent,
    CommitKey,
    CommitMention,
    PlaceKey,
    Position,
    PositionKey,
    place_key,
)
from gitdailies_webhooks.figures.events import ROLLBACK, CommitSet, Deploy, commit_key
from gitdailies_webhooks.figures.lead_time import NewCommits, new_commits_of
from gitdailies_webhooks.figures.settings import FigureSettings
from gitdailies_webhooks.sql.bulk import execute_many, insert_many, lookup_many

_Order = tuple[int, str]  # time and id of a deploy

_BEFORE_ALL: _Order = (-(2**63), "")


def remove_deploys(session: Session, ids: Iterable[str]) -> list[Position]:
    """Delete the rows of deploys, and return the position of each one that had a row."""
    found = lookup_many(session, "id", [(id_,) for id_ in ids], statements.DEPLOY_POSITIONS)
    removed = [
        Position(id_, (repo, environment, service), at, frozenset(map(int, keys.split())))
        for id_, repo, environment, service, at, keys in found
    ]
    execute_many(session, statements.DELETE_DEPLOY, [(position.id,) for position in removed])
    execute_many(
        session,
        statements.DELETE_COMMIT,
        [(*commit, position.id) for position in removed for commit in sorted(position.commits)],
    )
    return removed


def add_deploys(
    session: Session,
    positions: Sequence[Position],
    arrived: Sequence[Deploy],
    sides: Mapping[PositionKey, Adjacent],
    settings: FigureSettings,
    now: int,
) -> None:
    """Insert the rows of deploys that arrived, and write the new commits of later deploys again.

    *positions* are those of the arrived and the removed deploys, *sides* their neighbors before the
    arrival.
    """
    mentions = neighbors.mentions(session, {key for position in positions for key in position.commits})
    later = _later_deploys(session, positions, sides, mentions, settings, now)
    later_keys = {key for deploy in later for key in Position.of(deploy).commits}
    mentions |= neighbors.mentions(session, later_keys - mentions.keys())
    commit_rows = _add_mentions(arrived, mentions)
    insert_many(session, "figures_commits", statements.COMMIT_COLUMNS, commit_rows)
    first = _first_deploys(sides, arrived)
    rows = [_deploy_row(deploy, _new_commits(deploy, first, mentions)) for deploy in arrived]
    insert_many(session, "figures_deploys", statements.DEPLOY_COLUMNS, rows)
    places = {position.place for position in positions}
    execute_many(
        session,
        statements.SET_LEAD_TIMES,
        [
            (*_lead_time_values(_new_commits(deploy, first, mentions)), deploy.id)
            for deploy in later
            if place_key(deploy.place) in places
        ],
    )


def _first_deploys(
    sides: Mapping[PositionKey, Adjacent], arrived: Iterable[Deploy]
) -> dict[PlaceKey, _Order]:
    """Return the first deploy of each place whose first deploy this step may have changed."""
    maybe_changed = {place for (_, place, _), side in sides.items() if side.before is None}
    first = _first_after(sides)
    for deploy in arrived:
        place, order = place_key(deploy.place), (deploy.at, deploy.id)
        if place in maybe_changed:
            first[place] = min(order, first.get(place, order))
    return first


def _first_after(sides: Mapping[PositionKey, Adjacent]) -> dict[PlaceKey, _Order]:
    """Return the deploy after each position that no deploy comes before, by place."""
    return {
        place: (side.after.at, side.after.id)
        for (_, place, _), side in sides.items()
        if side.before is None and side.after is not None
    }


def _add_mentions(
    arrived: Sequence[Deploy], mentions: dict[CommitKey, list[CommitMention]]
) -> list[tuple[Any, ...]]:
    """Add the commits that deploys mention to *mentions*, and return them as rows."""
    rows = []
    for deploy in arrived:
        place = place_key(deploy.place)
        repo, environment, service = place
        for sha, (own, position) in neighbors.mentioned_by(deploy).items():
            key = commit_key(sha)
            mention = CommitMention(place, deploy.at, deploy.id, sha, own, position)
            of_key = mentions.setdefault((repo, environment, key), [])
            insort(of_key, mention, key=lambda mention: mention.sort_key)
            rows.append((repo, environment, key, deploy.id, sha, service, deploy.at, int(own), position))
    return rows


def _later_deploys(
    session: Session,
    positions: Sequence[Position],
    sides: Mapping[PositionKey, Adjacent],
    mentions: Mapping[CommitKey, Sequence[CommitMention]],
    settings: FigureSettings,
    now: int,
) -> Sequence[Deploy]:
    """Read the deploys whose commits a deploy at one of *positions* may make new, or no longer new."""
    ids = {
        mention.deploy
        for position in positions
        for key in position.commits
        for mention in mentions.get(key, ())
        if mention.position and mention.place == position.place and mention.order > position.order
    }
    ids |= {id_ for _, id_ in _first_after(sides).values()}
    rows = [(id_,) for id_ in sorted(ids - {position.id for position in positions})]
    bodies = (body for (body,) in lookup_many(session, "id", rows, statements.BODIES_BY_ID))
    return parse_bodies(session, bodies, settings, now).deploys


def _new_commits(
    deploy: Deploy,
    first: Mapping[PlaceKey, _Order],
    mentions: Mapping[CommitKey, Sequence[CommitMention]],
) -> NewCommits:
    place, order = place_key(deploy.place), (deploy.at, deploy.id)
    if order <= first.get(place, _BEFORE_ALL):
        return new_commits_of(deploy, None)
    before = CommitSet()
    for key in neighbors.commit_keys(commit.sha for commit in deploy.commits or ()):
        for mention in mentions.get((*place[:2], key), ()):
            if mention.order >= order:
                break
            if mention.place == place:
                before.add(mention.sha)
    return new_commits_of(deploy, before)


def _lead_time_values(new: NewCommits) -> tuple[int, int, str]:
    return (int(bool(new.unknown)), new.unknown_commits, ",".join(map(str, new.lead_times)))


def _deploy_row(deploy: Deploy, new: NewCommits) -> tuple[Any, ...]:
    keys = " ".join(map(str, sorted(Position.of(deploy).keys)))
    kind = (int(deploy.type == ROLLBACK), int(deploy.rework))
    place = place_key(deploy.place)
    return (deploy.id, *place, deploy.at, *kind, 0, *_lead_time_values(new), None, 0, keys)
