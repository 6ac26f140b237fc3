"""What stands near an event in the derived rows: deploys of its place, commits, incidents.

Each function asks for many events at once, inside a transaction that the caller began.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from gitdailies_server.storage.database import Session

from gitdailies_webhooks.figures import events as figures
from gitdailies_webhooks.figures.commits import key
from gitdailies_webhooks.sql.bulk import Lookup, lookup_many

Place = tuple[str, str, str]  # repository, environment, service or ""
Where = tuple[str, str]  # repository, environment
Key = tuple[str, str, int]  # repository, environment, key of a commit
Position = tuple[str, Place, int]  # id, place and moment of a deploy, which need not be there


class Spot(NamedTuple):
    """Where and when a deploy is, or was: what it can change lies around it."""

    id: str
    place: Place
    at: int
    keys: frozenset[int]

    @property
    def order(self) -> tuple[int, str]:
        return (self.at, self.id)

    @property
    def where(self) -> Position:
        return (self.id, self.place, self.at)

    @property
    def commits(self) -> set[Key]:
        return {(*self.place[:2], key) for key in self.keys}


class Mention(NamedTuple):
    """A commit that a deploy is of (`own`) or lists (at `position`, from 1)."""

    place: Place
    at: int
    deploy: str
    sha: str
    own: bool
    position: int

    @property
    def order(self) -> tuple[int, str]:
        return (self.at, self.deploy)

    @property
    def among(self) -> tuple[int, str, int]:
        """What those of one commit are sorted by."""
        return (*self.order, self.position)


class Standing(NamedTuple):
    """A deploy among those of its place, which sort by `at` and `id`."""

    at: int
    id: str
    rollback: bool


class Beside(NamedTuple):
    """The deploys just before and after one in its place, where there are such."""

    before: Standing | None
    after: Standing | None


class IncidentRow(NamedTuple):
    """A row of `figures_incidents`."""

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
    def group(self) -> tuple[str, str]:
        return (self.repo, self.incident_id)


_PLACE = "d.repo = given.repo AND d.environment = given.environment AND d.service = given.service"
# One text for all that is wanted of a row, since it is looked for once.
_NEXT = """(SELECT d.at || ' ' || d.rollback || ' ' || d.id FROM figures_deploys d
 WHERE {} ORDER BY {} LIMIT 1)"""
_BEFORE = _NEXT.format(f"{_PLACE} AND (d.at, d.id) < (given.at, given.id)", "d.at DESC, d.id DESC")
_AFTER = _NEXT.format(f"{_PLACE} AND (d.at, d.id) > (given.at, given.id)", "d.at, d.id")
_BESIDE = f"given.number, {_BEFORE}, {_AFTER}"
_LATEST = "d.at <= given.at AND d.at > given.since", "d.at DESC, d.id DESC"
_LATEST_OF_SERVICE = "given.id, " + _NEXT.format(f"{_PLACE} AND {_LATEST[0]}", _LATEST[1])
_LATEST_OF_ANY = "given.id, " + _NEXT.format(
    f"d.repo = given.repo AND d.environment = given.environment AND {_LATEST[0]}", _LATEST[1]
)
_MENTIONS = Lookup(
    "c.key, c.repo, c.environment, c.service, c.at, c.deploy, c.sha, c.own, c.position",
    "figures_commits c",
    "c.repo = given.repo AND c.environment = given.environment AND c.key = given.key",
)
_COLUMNS = ", ".join(f"i.{name}" for name in IncidentRow._fields)
_BETWEEN = (
    "i.repo = given.repo AND i.environment = given.environment"
    " AND i.at >= given.since AND i.at <= given.until"
    " AND i.cause IS NULL AND (i.service = given.service OR i.service = '' OR given.service = '')"
)
_BLAMING = "i.repo = given.repo AND i.environment = given.environment AND i.cause_key = given.key"


def place_of(place: figures.Place) -> Place:
    """Return a place as rows have it."""
    return (place.repo, place.environment, place.service or "")


def position_of(deploy: figures.Deploy) -> Position:
    """Return where a deploy is."""
    return (deploy.id, place_of(deploy.place), deploy.at)


def beside(session: Session, positions: Iterable[Position]) -> dict[Position, Beside]:
    """Return what has a row beside each of *positions*, whether there is a row itself or not."""
    wanted = sorted(set(positions))
    rows = [(number, id_, *place, at) for number, (id_, place, at) in enumerate(wanted)]
    columns = "number, id, repo, environment, service, at"
    return {
        wanted[number]: Beside(_standing(before), _standing(after))
        for number, before, after in lookup_many(session, columns, rows, _BESIDE)
    }


def joined(sides: Mapping[Position, Beside], arrived: Iterable[figures.Deploy]) -> dict[Position, Beside]:
    """Return what is beside each position once deploys that *arrived* are among those that were."""
    places: dict[Place, list[Standing]] = defaultdict(list)
    for deploy in arrived:
        places[place_of(deploy.place)].append(Standing(deploy.at, deploy.id, deploy.type == figures.ROLLBACK))
    for there in places.values():
        there.sort()
    return {
        position: _nearer(position, side, places.get(position[1], ())) for position, side in sides.items()
    }


def _nearer(position: Position, side: Beside, arrived: Sequence[Standing]) -> Beside:
    id_, _, at = position
    # Before the deploy itself, should it be among them, and behind it.
    first, behind = (find(arrived, (at, id_), key=_order) for find in (bisect_left, bisect_right))
    before = [one for one in (side.before, *arrived[:first][-1:]) if one is not None]
    after = [one for one in (side.after, *arrived[behind : behind + 1]) if one is not None]
    return Beside(max(before, default=None), min(after, default=None))


def _order(standing: Standing) -> tuple[int, str]:
    return (standing.at, standing.id)


def _standing(text: str | None) -> Standing | None:
    if text is None:
        return None
    at, rollback, id_ = text.split(" ", 2)
    return Standing(int(at), id_, rollback != "0")


def mentions(session: Session, keys: Iterable[Key]) -> dict[Key, list[Mention]]:
    """Return who mentions commits of each key, in the order of deploys."""
    found: dict[Key, list[Mention]] = defaultdict(list)
    for number, repo, environment, service, *rest in lookup_many(
        session, "repo, environment, key", sorted(keys), _MENTIONS
    ):
        found[repo, environment, number].append(Mention((repo, environment, service), *rest))
    for there in found.values():
        there.sort(key=lambda mention: mention.among)
    return found


def mentioned(deploy: figures.Deploy) -> dict[str, tuple[bool, int]]:
    """Return, by SHA, whether a deploy is of that commit, and where it lists it, from 1."""
    found = {deploy.sha: (True, 0)}
    for position, commit in enumerate(deploy.commits or (), 1):
        own, listed = found.get(commit.sha, (False, 0))
        found[commit.sha] = (own, listed or position)
    return found


def keys_of(shas: Iterable[str]) -> frozenset[int]:
    return frozenset(key(sha) for sha in shas)


def latest(session: Session, incidents: Sequence[IncidentRow], window: int) -> dict[str, str]:
    """Return, by the id of an incident, the deploy just before it, less than *window* before."""
    of_service, of_any = [], []
    for one in incidents:
        since = one.at - window
        if one.service:
            of_service += [
                (one.id, one.repo, one.environment, service, one.at, since) for service in (one.service, "")
            ]
        else:
            of_any.append((one.id, one.repo, one.environment, one.at, since))
    found: dict[str, Standing] = {}
    for columns, rows, query in (
        ("id, repo, environment, service, at, since", of_service, _LATEST_OF_SERVICE),
        ("id, repo, environment, at, since", of_any, _LATEST_OF_ANY),
    ):
        for id_, text in lookup_many(session, columns, rows, query):
            if (deploy := _standing(text)) is not None:
                found[id_] = max(found.get(id_, deploy), deploy)
    return {id_: deploy.id for id_, deploy in found.items()}


def incidents_between(
    session: Session, spots: Iterable[Spot], sides: Mapping[Position, Beside], window: int
) -> Iterator[IncidentRow]:
    """Yield incidents that may be laid to one of *spots* because it is the deploy just before."""
    rows = []
    for spot in spots:
        after = sides[spot.where].after
        until = spot.at + window - 1
        rows.append((*spot.place, spot.at, until if after is None else min(after.at, until)))
    yield from _incidents(session, "repo, environment, service, since, until", rows, _BETWEEN, "i.at")


def incidents_blaming(session: Session, keys: Iterable[Key]) -> Iterator[IncidentRow]:
    """Yield incidents whose cause may be a commit of *keys*."""
    yield from _incidents(session, "repo, environment, key", sorted(keys), _BLAMING, "i.cause_key")


def incidents_of(session: Session, groups: Iterable[tuple[str, str]]) -> Iterator[IncidentRow]:
    """Yield the periods of incidents, each by repository and incident."""
    where = "i.repo = given.repo AND i.incident_id = given.incident_id"
    yield from _incidents(session, "repo, incident_id", sorted(groups), where)


def incidents_under(session: Session, ids: Iterable[str]) -> Iterator[IncidentRow]:
    """Yield the periods of incidents that have one of *ids*."""
    yield from _incidents(session, "id", [(id_,) for id_ in sorted(ids)], "i.id = given.id")


def incidents_laid_to(session: Session, deploys: Iterable[str]) -> Iterator[IncidentRow]:
    """Yield incidents that are laid to *deploys*."""
    rows = [(id_,) for id_ in sorted(deploys)]
    yield from _incidents(session, "id", rows, "i.deploy = given.id")


def _incidents(
    session: Session, columns: str, rows: Sequence[Sequence[Any]], where: str, by: str = ""
) -> Iterator[IncidentRow]:
    asked = Lookup(_COLUMNS, "figures_incidents i", where, by)
    return (IncidentRow(*found) for found in lookup_many(session, columns, rows, asked))
