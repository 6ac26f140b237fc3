"""Lookups of what is near an event in the derived rows: deploys of its place, commits, incidents.

Each function looks up many rows at once, inside a transaction of its caller.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from gitdailies_server.storage.database import Session

from gitdailies_webhooks.derived import statements
from gitdailies_webhooks.figures import events as figures
from gitdailies_webhooks.figures.events import ROLLBACK, Deploy, commit_key
from gitdailies_webhooks.sql.bulk import Lookup, lookup_many

PlaceKey = tuple[str, str, str]  # repository, environment, service or ""
CommitKey = tuple[str, str, int]  # repository, environment, number of the first digits of a SHA
PositionKey = tuple[str, PlaceKey, int]  # id, place and time of a deploy


class Position(NamedTuple):
    """Where and when a deploy is or was, and the keys of the commits that it mentions.

    What the deploy can change is near its position.
    """

    id: str
    place: PlaceKey
    at: int
    keys: frozenset[int]

    @classmethod
    def of(cls, deploy: Deploy) -> Position:
        return cls(deploy.id, place_key(deploy.place), deploy.at, commit_keys(mentioned_by(deploy)))

    @property
    def order(self) -> tuple[int, str]:
        return (self.at, self.id)

    @property
    def key(self) -> PositionKey:
        return (self.id, self.place, self.at)

    @property
    def commits(self) -> set[CommitKey]:
        return {(*self.place[:2], key) for key in self.keys}


class DeployAt(NamedTuple):
    """A deploy among those of its place, which are sorted by `at` and `id`."""

    at: int
    id: str
    rollback: bool


class Adjacent(NamedTuple):
    """The deploys just before and just after a position in its place; None if there is none."""

    before: DeployAt | None
    after: DeployAt | None


class CommitMention(NamedTuple):
    """A commit that a deploy is of (`own`), or lists at `position`, counted from 1; 0 if it is not listed."""

    place: PlaceKey
    at: int
    deploy: str
    sha: str
    own: bool
    position: int

    @property
    def order(self) -> tuple[int, str]:
        return (self.at, self.deploy)

    @property
    def sort_key(self) -> tuple[int, str, int]:
        """The order of the mentions of one commit."""
        return (*self.order, self.position)


class StoredIncident(NamedTuple):
    """A row of `figures_incidents`: an occurrence, and the deploy that it is attributed to."""

    id: str
    repo: str
    environment: str
    service: str
    incident_id: str
    at: int
    ended_at: int | None
    merged: int
    cause: str | None
    cause_key: int | None
    deploy: str | None

    @property
    def incident(self) -> tuple[str, str]:
        """The repository and the id of the incident, which all of its occurrences share."""
        return (self.repo, self.incident_id)


def place_key(place: figures.Place) -> PlaceKey:
    """Return a place as rows hold it."""
    return (place.repo, place.environment, place.service or "")


def position_key(deploy: Deploy) -> PositionKey:
    """Return where and when a deploy is."""
    return (deploy.id, place_key(deploy.place), deploy.at)


def mentioned_by(deploy: Deploy) -> dict[str, tuple[bool, int]]:
    """Return, by SHA, whether it is the deployed commit, and its position in `commits`, from 1, or 0."""
    mentioned = {deploy.sha: (True, 0)}
    for position, commit in enumerate(deploy.commits or (), 1):
        own, listed = mentioned.get(commit.sha, (False, 0))
        mentioned[commit.sha] = (own, listed or position)
    return mentioned


def commit_keys(shas: Iterable[str]) -> frozenset[int]:
    return frozenset(commit_key(sha) for sha in shas)


def adjacent(session: Session, keys: Iterable[PositionKey]) -> dict[PositionKey, Adjacent]:
    """Return the deploys with a row before and after each position, which need not have a row itself."""
    wanted = sorted(set(keys))
    rows = [(number, id_, *place, at) for number, (id_, place, at) in enumerate(wanted)]
    columns = "number, id, repo, environment, service, at"
    return {
        wanted[number]: Adjacent(_deploy_at(before), _deploy_at(after))
        for number, before, after in lookup_many(session, columns, rows, statements.ADJACENT_DEPLOYS)
    }


def merge_arrived(
    sides: Mapping[PositionKey, Adjacent], arrived: Iterable[Deploy]
) -> dict[PositionKey, Adjacent]:
    """Return the neighbors of each position after merging in *arrived* deploys."""
    places: dict[PlaceKey, list[DeployAt]] = defaultdict(list)
    for deploy in arrived:
        places[place_key(deploy.place)].append(DeployAt(deploy.at, deploy.id, deploy.type == ROLLBACK))
    for deploys in places.values():
        deploys.sort()
    return {key: _nearest(key, side, places.get(key[1], ())) for key, side in sides.items()}


def _nearest(key: PositionKey, side: Adjacent, arrived: Sequence[DeployAt]) -> Adjacent:
    id_, _, at = key
    # Both sides leave out the deploy at the position itself, which may be among those that arrived.
    first, behind = (find(arrived, (at, id_), key=_order) for find in (bisect_left, bisect_right))
    before = [deploy for deploy in (side.before, *arrived[:first][-1:]) if deploy is not None]
    after = [deploy for deploy in (side.after, *arrived[behind : behind + 1]) if deploy is not None]
    return Adjacent(max(before, default=None), min(after, default=None))


def _order(deploy: DeployAt) -> tuple[int, str]:
    return (deploy.at, deploy.id)


def _deploy_at(text: str | None) -> DeployAt | None:
    if text is None:
        return None
    at, rollback, id_ = text.split(" ", 2)
    return DeployAt(int(at), id_, rollback != "0")


def mentions(session: Session, keys: Iterable[CommitKey]) -> dict[CommitKey, list[CommitMention]]:
    """Return the mentions of the commits with each key, in the order of their deploys."""
    found: dict[CommitKey, list[CommitMention]] = defaultdict(list)
    for key, repo, environment, service, *rest in lookup_many(
        session, "repo, environment, key", sorted(keys), statements.COMMIT_MENTIONS
    ):
        found[repo, environment, key].append(CommitMention((repo, environment, service), *rest))
    for of_key in found.values():
        of_key.sort(key=lambda mention: mention.sort_key)
    return found


def latest_deploys(session: Session, incidents: Sequence[StoredIncident], window: int) -> dict[str, str]:
    """Return, by the id of an incident, the latest deploy less than *window* before it."""
    of_service, of_any = [], []
    for one in incidents:
        since = one.at - window
        if one.service:
            of_service += [
                (one.id, one.repo, one.environment, service, one.at, since) for service in (one.service, "")
            ]
        else:
            of_any.append((one.id, one.repo, one.environment, one.at, since))
    found: dict[str, DeployAt] = {}
    for columns, rows, query in (
        (
            "id, repo, environment, service, at, since",
            of_service,
            statements.LATEST_DEPLOY_OF_SERVICE,
        ),
        ("id, repo, environment, at, since", of_any, statements.LATEST_DEPLOY_OF_ANY_SERVICE),
    ):
        for id_, text in lookup_many(session, columns, rows, query):
            if (deploy := _deploy_at(text)) is not None:
                found[id_] = max(found.get(id_, deploy), deploy)
    return {id_: deploy.id for id_, deploy in found.items()}


def incidents_after(
    session: Session, positions: Iterable[Position], sides: Mapping[PositionKey, Adjacent], window: int
) -> Iterator[StoredIncident]:
    """Yield incidents for which a deploy at one of *positions* may be the latest one before their start."""
    rows = []
    for position in positions:
        after = sides[position.key].after
        until = position.at + window - 1
        rows.append((*position.place, position.at, until if after is None else min(after.at, until)))
    columns = "repo, environment, service, since, until"
    yield from _incidents(session, columns, rows, statements.INCIDENTS_BETWEEN)


def incidents_caused_by(session: Session, keys: Iterable[CommitKey]) -> Iterator[StoredIncident]:
    """Yield incidents whose cause may be a commit with one of *keys*."""
    rows = sorted(keys)
    yield from _incidents(session, "repo, environment, key", rows, statements.INCIDENTS_CAUSED_BY)


def occurrences_of(session: Session, incidents: Iterable[tuple[str, str]]) -> Iterator[StoredIncident]:
    """Yield all occurrences of incidents, each given by repository and id."""
    yield from _incidents(session, "repo, incident_id", sorted(incidents), statements.OCCURRENCES)


def incidents_by_id(session: Session, ids: Iterable[str]) -> Iterator[StoredIncident]:
    """Yield occurrences by the id of their start."""
    rows = [(id_,) for id_ in sorted(ids)]
    yield from _incidents(session, "id", rows, statements.INCIDENTS_BY_ID)


def incidents_attributed_to(session: Session, deploys: Iterable[str]) -> Iterator[StoredIncident]:
    """Yield incidents that are attributed to *deploys*."""
    rows = [(id_,) for id_ in sorted(deploys)]
    yield from _incidents(session, "id", rows, statements.INCIDENTS_OF_DEPLOY)


def _incidents(
    session: Session, columns: str, rows: Sequence[Sequence[Any]], lookup: Lookup
) -> Iterator[StoredIncident]:
    return (StoredIncident(*found) for found in lookup_many(session, columns, rows, lookup))
