"""The events that figures are made of, as small values in the order in which they happened.

They are read from the full form that the store keeps: with id, with time, checked by core's table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from gitdailies_core.events.events import DEPLOYED, INCIDENT_RESOLVED, INCIDENT_STARTED
from gitdailies_server.storage.timestamps import to_us

from gitdailies_webhooks.figures.settings import Settings, folded

ROLLBACK, HOTFIX = "rollback", "hotfix"
MERGED = "merged"


class Place(NamedTuple):
    """Where something counts, in names as they are compared; `service` is None where none is named."""

    repo: str
    environment: str
    service: str | None


class Commit(NamedTuple):
    """A commit that a deploy lists, and when it was made, where that is known."""

    sha: str
    at: int | None


class Told(NamedTuple):
    """What git tells that a deploy brought, or why that is unknown; there may be commits even then."""

    unknown: str
    commits: tuple[Commit, ...] = ()


class Deploy(NamedTuple):
    """A deploy; `commits` is None where neither it nor git says what it brought.

    `unknown` is why git does not.
    """

    id: str
    at: int
    place: Place
    sha: str
    type: str
    commits: tuple[Commit, ...] | None
    fixes: str | None
    unknown: str = ""

    @property
    def rework(self) -> bool:
        """Whether it was made because of a deploy before it."""
        return self.type in (ROLLBACK, HOTFIX) or self.fixes is not None

    def with_told(self, told: Told | None) -> Deploy:
        """Return it with what git tells; what it says itself wins."""
        if told is None or self.commits is not None:
            return self
        commits = None if told.unknown and not told.commits else told.commits
        return self._replace(commits=commits, unknown=told.unknown)


class Start(NamedTuple):
    """The start of an incident."""

    id: str
    at: int
    place: Place
    incident: str
    caused_by: str | None


class End(NamedTuple):
    """The end of an incident; environment and service are None where it leaves them out."""

    id: str
    at: int
    repo: str
    environment: str | None
    service: str | None
    incident: str
    caused_by: str | None
    merged: bool


class History(NamedTuple):
    """Events in order; of two at one instant the one whose id sorts last is the later."""

    deploys: tuple[Deploy, ...]
    starts: tuple[Start, ...]
    ends: tuple[End, ...]


def read(
    bodies: Iterable[Mapping[str, Any]],
    settings: Settings,
    *,
    now: int,
    told: Mapping[str, Told] = MappingProxyType({}),
) -> History:
    """Read events in any order; one that is later than *now* is not there.

    *told* is what git tells of deploys, by their id.
    """
    deploys: list[Deploy] = []
    starts: list[Start] = []
    ends: list[End] = []
    for body in bodies:
        at = _us(body["time"])
        if at > now:
            continue
        kind = body["kind"]
        if kind == DEPLOYED:
            deploys.append(_deploy(body, at, settings).with_told(told.get(body["id"])))
        elif kind == INCIDENT_STARTED:
            starts.append(
                Start(
                    body["id"], at, place_of(body, settings), body["incidentId"], _lower(body.get("causedBy"))
                )
            )
        elif kind == INCIDENT_RESOLVED:
            ends.append(_end(body, at, settings))
    return History(_ordered(deploys), _ordered(starts), _ordered(ends))


def place_of(body: Mapping[str, Any], settings: Settings) -> Place:
    """Say where an event counts."""
    service = body.get("service")
    return Place(
        folded(body["repo"]),
        settings.environment(body.get("environment")),
        folded(service) if service else None,
    )


def _deploy(body: Mapping[str, Any], at: int, settings: Settings) -> Deploy:
    sha = body["commitSHA"].lower()
    listed, commit_time = body.get("commits"), body.get("commitTime")
    commits: tuple[Commit, ...] | None = None
    if listed is not None:
        commits = tuple(Commit(c["sha"].lower(), _us(c["time"]) if c.get("time") else None) for c in listed)
    elif commit_time:
        commits = (Commit(sha, _us(commit_time)),)
    place = place_of(body, settings)
    return Deploy(body["id"], at, place, sha, body.get("type", "deploy"), commits, body.get("fixes"))


def _end(body: Mapping[str, Any], at: int, settings: Settings) -> End:
    environment, service = body.get("environment"), body.get("service")
    return End(
        body["id"],
        at,
        folded(body["repo"]),
        settings.environment(environment) if environment else None,
        folded(service) if service else None,
        body["incidentId"],
        _lower(body.get("causedBy")),
        body.get("resolution") == MERGED,
    )


_Happened = TypeVar("_Happened", Deploy, Start, End)


def _ordered(events: list[_Happened]) -> tuple[_Happened, ...]:
    return tuple(sorted(events, key=lambda event: (event.at, event.id)))


def _us(text: str) -> int:
    # Core wrote the text, so there is nothing left to check.
    return to_us(datetime.fromisoformat(text))


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()
