"""Deploys, starts and ends of incidents, read from stored events and sorted by time.

`read_history` takes the full form that the store holds: with id and time, checked against core's table.

Two SHAs name the same commit if one begins with the other. Tools and people shorten them, to seven
digits at least.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, TypeVar

from gitdailies_core.events.events import DEPLOYED, INCIDENT_RESOLVED, INCIDENT_STARTED
from gitdailies_server.storage.timestamps import to_us

from gitdailies_webhooks.figures.settings import FigureSettings, folded

ROLLBACK, HOTFIX = "rollback", "hotfix"
MERGED = "merged"
SHORTEST_SHA = 7

Value = TypeVar("Value")


class Place(NamedTuple):
    """Where an event counts, in folded names; `service` is None if the event names none."""

    repo: str
    environment: str
    service: str | None


class Commit(NamedTuple):
    """A commit that a deploy lists; `at` is its commit time, or None if that is not known."""

    sha: str
    at: int | None


class GitCommits(NamedTuple):
    """The commits of a deploy that git found.

    `unknown` is the reason if git does not know all of them, else "". There may be commits in either case.
    """

    unknown: str
    commits: tuple[Commit, ...] = ()


class Deploy(NamedTuple):
    """A deploy.

    `commits` is None if neither the deploy nor git lists any. `unknown` is the reason that git gives, or "".
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
        """Whether the deploy repairs an earlier one."""
        return self.type in (ROLLBACK, HOTFIX) or self.fixes is not None

    def with_git(self, git: GitCommits | None) -> Deploy:
        """Return the deploy with the commits that git found; commits that the deploy lists win."""
        if git is None or self.commits is not None:
            return self
        commits = None if git.unknown and not git.commits else git.commits
        return self._replace(commits=commits, unknown=git.unknown)


class Start(NamedTuple):
    """The start of an incident."""

    id: str
    at: int
    place: Place
    incident: str
    caused_by: str | None


class End(NamedTuple):
    """The end of an incident; environment and service are None if the event leaves them out."""

    id: str
    at: int
    repo: str
    environment: str | None
    service: str | None
    incident: str
    caused_by: str | None
    merged: bool


class History(NamedTuple):
    """Events sorted by time. At one instant, the event whose id sorts last is the later one."""

    deploys: tuple[Deploy, ...]
    starts: tuple[Start, ...]
    ends: tuple[End, ...]


class CommitMap(Generic[Value]):
    """Values by commit; a full SHA and a shortened one find each other's values."""

    def __init__(self) -> None:
        self._values: dict[str, list[tuple[str, Value]]] = {}

    def add(self, sha: str, value: Value) -> None:
        self._values.setdefault(sha[:SHORTEST_SHA], []).append((sha, value))

    def find(self, sha: str) -> list[Value]:
        """Return the values of a commit, in the order of `add`."""
        return [value for other, value in self._values.get(sha[:SHORTEST_SHA], ()) if same_commit(sha, other)]


class CommitSet:
    """A set of commits; a full SHA and a shortened one are the same element."""

    def __init__(self) -> None:
        self._shas: dict[str, set[str]] = {}

    def add(self, sha: str) -> None:
        self._shas.setdefault(sha[:SHORTEST_SHA], set()).add(sha)

    def __contains__(self, sha: str) -> bool:
        similar = self._shas.get(sha[:SHORTEST_SHA])
        return similar is not None and (sha in similar or any(same_commit(sha, other) for other in similar))


def commit_key(sha: str) -> int:
    """Return the number of the first seven digits, which all SHAs of one commit have in common."""
    return int(sha[:SHORTEST_SHA], 16)


def same_commit(one: str, other: str) -> bool:
    """Whether two SHAs, both in lower case, name the same commit."""
    return one.startswith(other) or other.startswith(one)


def read_history(
    bodies: Iterable[Mapping[str, Any]],
    settings: FigureSettings,
    *,
    now: int,
    git_commits: Mapping[str, GitCommits] = MappingProxyType({}),
) -> History:
    """Read stored events, which may come in any order; events later than *now* are skipped.

    *git_commits* are the commits that git found, by the id of their deploy.
    """
    deploys: list[Deploy] = []
    starts: list[Start] = []
    ends: list[End] = []
    for body in bodies:
        at = _microseconds(body["time"])
        if at > now:
            continue
        kind = body["kind"]
        if kind == DEPLOYED:
            deploys.append(_deploy(body, at, settings).with_git(git_commits.get(body["id"])))
        elif kind == INCIDENT_STARTED:
            starts.append(_start(body, at, settings))
        elif kind == INCIDENT_RESOLVED:
            ends.append(_end(body, at, settings))
    return History(_in_order(deploys), _in_order(starts), _in_order(ends))


def place_of(body: Mapping[str, Any], settings: FigureSettings) -> Place:
    """Return where a stored event counts."""
    service = body.get("service")
    return Place(
        folded(body["repo"]),
        settings.environment(body.get("environment")),
        folded(service) if service else None,
    )


def _deploy(body: Mapping[str, Any], at: int, settings: FigureSettings) -> Deploy:
    sha = body["commitSHA"].lower()
    listed, commit_time = body.get("commits"), body.get("commitTime")
    commits: tuple[Commit, ...] | None = None
    if listed is not None:
        commits = tuple(
            Commit(commit["sha"].lower(), _microseconds(commit["time"]) if commit.get("time") else None)
            for commit in listed
        )
    elif commit_time:
        commits = (Commit(sha, _microseconds(commit_time)),)
    place = place_of(body, settings)
    return Deploy(body["id"], at, place, sha, body.get("type", "deploy"), commits, body.get("fixes"))


def _start(body: Mapping[str, Any], at: int, settings: FigureSettings) -> Start:
    return Start(body["id"], at, place_of(body, settings), body["incidentId"], _lower(body.get("causedBy")))


def _end(body: Mapping[str, Any], at: int, settings: FigureSettings) -> End:
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


_Event = TypeVar("_Event", Deploy, Start, End)


def _in_order(events: list[_Event]) -> tuple[_Event, ...]:
    return tuple(sorted(events, key=lambda event: (event.at, event.id)))


def _microseconds(text: str) -> int:
    # Core wrote the text, so it needs no further check.
    return to_us(datetime.fromisoformat(text))


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()
