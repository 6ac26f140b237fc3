"""What stands near an event in the derived rows: deploys of its place, commits, incidents.

Each function asks for many events at once, inside a transaction that the caller began.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from gitdailies_server.database import Session

from gitdailies_webhooks.figures import history as figures
from gitdailies_webhooks.figures.commits import key
from gitdailies_webhooks.over import over

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


class Beside(NamedTuple):
    """The deploys just before and after one in its place, where there are such."""

    before: str | None
    after: str | None
    after_at: int | None
    after_is_rollback: bool


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


_PLACE = "d.repo = x.repo AND d.environment = x.environment AND d.service = x.service"
_BESIDE = f"""SELECT x.id, x.repo, x.environment, x.service, x.at,
 (SELECT d.id FROM figures_deploys d WHERE {_PLACE} AND (d.at, d.id) < (x.at, x.id)
  ORDER BY d.at DESC, d.id DESC LIMIT 1),
 s.id, s.at, s.rollback
 FROM x LEFT JOIN figures_deploys s ON s.id =
 (SELECT d.id FROM figures_deploys d WHERE {_PLACE} AND (d.at, d.id) > (x.at, x.id)
  ORDER BY d.at, d.id LIMIT 1)"""  # noqa: S608  the condition above
_FIRST = f"""SELECT x.repo, x.environment, x.service, f.at, f.id FROM x CROSS JOIN figures_deploys f
 WHERE f.id = (SELECT d.id FROM figures_deploys d WHERE {_PLACE} ORDER BY d.at, d.id LIMIT 1)"""  # noqa: S608
_LATEST = """SELECT x.id, f.id, f.at FROM x CROSS JOIN figures_deploys f
 WHERE f.id = (SELECT d.id FROM figures_deploys d WHERE {} AND d.at <= x.at AND d.at > x.since
  ORDER BY d.at DESC, d.id DESC LIMIT 1)"""
_LATEST_OF_SERVICE = _LATEST.format(_PLACE)
_LATEST_OF_ANY = _LATEST.format("d.repo = x.repo AND d.environment = x.environment")
_MENTIONS = """SELECT c.key, c.repo, c.environment, c.service, c.at, c.deploy, c.sha, c.own, c.position
 FROM x CROSS JOIN figures_commits c
 WHERE c.repo = x.repo AND c.environment = x.environment AND c.key = x.key"""
_COLUMNS = ", ".join(f"i.{name}" for name in IncidentRow._fields)
_INCIDENTS = f"SELECT {_COLUMNS} FROM x CROSS JOIN figures_incidents i WHERE "  # noqa: S608
_BETWEEN = (
    _INCIDENTS + "i.repo = x.repo AND i.environment = x.environment AND i.at >= x.since AND i.at <= x.until"
    " AND i.cause IS NULL AND (i.service = x.service OR i.service = '' OR x.service = '')"
)
_BLAMING = _INCIDENTS + "i.repo = x.repo AND i.environment = x.environment AND i.cause_key = x.key"


def place_of(place: figures.Place) -> Place:
    """Return a place as rows have it."""
    return (place.repo, place.environment, place.service or "")


def beside(session: Session, positions: Iterable[Position]) -> dict[Position, Beside]:
    """Return what is beside each of *positions*, whether there is a deploy itself or not."""
    rows = sorted({(id_, *place, at) for id_, place, at in positions})
    return {
        (id_, (repo, environment, service), at): Beside(before, after, after_at, bool(rollback))
        for id_, repo, environment, service, at, before, after, after_at, rollback in over(
            session, "id, repo, environment, service, at", rows, _BESIDE
        )
    }


def firsts(session: Session, places: Iterable[Place]) -> dict[Place, tuple[int, str]]:
    """Return moment and id of the first deploy of each place that has one."""
    found = over(session, "repo, environment, service", sorted(places), _FIRST)
    return {(repo, environment, service): (at, id_) for repo, environment, service, at, id_ in found}


def mentions(session: Session, keys: Iterable[Key]) -> dict[Key, list[Mention]]:
    """Return who mentions commits of each key, in the order of deploys."""
    found: dict[Key, list[Mention]] = defaultdict(list)
    for number, repo, environment, service, *rest in over(
        session, "repo, environment, key", sorted(keys), _MENTIONS
    ):
        found[repo, environment, number].append(Mention((repo, environment, service), *rest))
    for there in found.values():
        there.sort(key=lambda mention: (*mention.order, mention.position))
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
    found: dict[str, tuple[int, str]] = {}
    for columns, rows, query in (
        ("id, repo, environment, service, at, since", of_service, _LATEST_OF_SERVICE),
        ("id, repo, environment, at, since", of_any, _LATEST_OF_ANY),
    ):
        for id_, deploy, at in over(session, columns, rows, query):
            found[id_] = max(found.get(id_, (at, deploy)), (at, deploy))
    return {id_: deploy for id_, (_, deploy) in found.items()}


def incidents_between(
    session: Session, spots: Iterable[Spot], sides: Mapping[Position, Beside], window: int
) -> Iterator[IncidentRow]:
    """Yield incidents that may be laid to one of *spots* because it is the deploy just before."""
    rows = []
    for spot in spots:
        after = sides[spot.where].after_at
        until = spot.at + window - 1
        rows.append((*spot.place, spot.at, until if after is None else min(after, until)))
    yield from _incidents(session, "repo, environment, service, since, until", rows, _BETWEEN)


def incidents_blaming(session: Session, keys: Iterable[Key]) -> Iterator[IncidentRow]:
    """Yield incidents whose cause may be a commit of *keys*."""
    yield from _incidents(session, "repo, environment, key", sorted(keys), _BLAMING)


def incidents_of(session: Session, groups: Iterable[tuple[str, str]]) -> Iterator[IncidentRow]:
    """Yield the periods of incidents, each by repository and incident."""
    query = _INCIDENTS + "i.repo = x.repo AND i.incident_id = x.incident_id"
    yield from _incidents(session, "repo, incident_id", sorted(groups), query)


def incidents_laid_to(session: Session, deploys: Iterable[str]) -> Iterator[IncidentRow]:
    """Yield incidents that are laid to *deploys*."""
    rows = [(id_,) for id_ in sorted(deploys)]
    yield from _incidents(session, "id", rows, _INCIDENTS + "i.deploy = x.id")


def _incidents(
    session: Session, columns: str, rows: Sequence[Sequence[Any]], query: str
) -> Iterator[IncidentRow]:
    return (IncidentRow(*found) for found in over(session, columns, rows, query))
