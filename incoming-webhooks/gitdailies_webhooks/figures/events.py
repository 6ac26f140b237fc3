"""Deploys, starts and ends of incidents, read from stored events and sorted by time.

`read_history` takes the full form that the store holds: with id and time, checked against core's table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from gitdailies_core.events.events import DEPLOYED, INCIDENT_RESOLVED, INCIDENT_STARTED
from gitdailies_server.storage.timestamps import to_us

from gitdailies_webhooks.figures.corrections import NONE, Corrections
from gitdailies_webhooks.figures.settings import FigureSettings, exact_environment, folded

DEPLOY, ROLLBACK, HOTFIX = "deploy", "rollback", "hotfix"
FIRST_ATTEMPT = "1"
# The resolutions of an incident that ended without a recovery of its own.
WITHOUT_RECOVERY = frozenset({"merged", "cancelled", "deleted"})


class Place(NamedTuple):
    """Where an event counts, in folded names; `service` is None if the event names none.

    All names of production are one environment.
    """

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

    `type` is what it counts as: deploy, rollback or hotfix. `says` is what its own `type` says, "" unless
    that is rollback or hotfix. `commits` is None if neither the deploy nor git lists any. `unknown` is the
    reason that git gives, or "". `exact` is the environment's own name. `known` is set by `repeats` for a
    deploy whose commit was here before: it brings nothing new.
    """

    id: str
    at: int
    place: Place
    sha: str
    type: str
    commits: tuple[Commit, ...] | None
    fixes: str | None
    unknown: str = ""
    says: str = ""
    exact: str | None = None
    run: str | None = None
    attempt: str = FIRST_ATTEMPT
    reporter: str | None = None
    reverts: tuple[str, ...] = ()
    known: bool = False

    @property
    def order(self) -> tuple[int, str]:
        """The order of deploys; of two at one instant, the one whose id sorts last is the later."""
        return (self.at, self.id)

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
    """The end of an incident; environment and service are None if the event leaves them out.

    `merged` is set for every end without a recovery of its own.
    """

    id: str
    at: int
    repo: str
    environment: str | None
    service: str | None
    incident: str
    caused_by: str | None
    merged: bool


class History(NamedTuple):
    """Events sorted by time, and the corrections of them.

    At one instant, the event whose id sorts last is the later one.
    """

    deploys: tuple[Deploy, ...]
    starts: tuple[Start, ...]
    ends: tuple[End, ...]
    corrections: Corrections = NONE

    def first_at(self, repo: str | None = None) -> int | None:
        """Return the time of the first event of a repository, or of all; None if there is none."""
        found = [
            event.at
            for of_kind in (self.deploys, self.starts, self.ends)
            for event in of_kind
            if repo is None or _repo(event) == repo
        ]
        return min(found, default=None)


def read_history(
    bodies: Iterable[Mapping[str, Any]],
    settings: FigureSettings,
    *,
    now: int,
    git_commits: Mapping[str, GitCommits] = MappingProxyType({}),
    corrections: Corrections = NONE,
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
    return History(_in_order(deploys), _in_order(starts), _in_order(ends), corrections)


def place_of(body: Mapping[str, Any], settings: FigureSettings) -> Place:
    """Return where a stored event counts."""
    service = body.get("service")
    return Place(
        folded(body["repo"]),
        settings.environment(body.get("environment"), body.get("tier")),
        folded(service) if service else None,
    )


def _repo(event: Deploy | Start | End) -> str:
    return event.repo if isinstance(event, End) else event.place.repo


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
    says = body.get("type", DEPLOY)
    hotfix = says == HOTFIX or (says != ROLLBACK and settings.is_hotfix_branch(body.get("branch")))
    return Deploy(
        body["id"],
        at,
        place_of(body, settings),
        sha,
        HOTFIX if hotfix else says,
        commits,
        body.get("fixes"),
        says="" if says == DEPLOY else says,
        exact=exact_environment(body.get("environment")),
        run=body.get("run") or None,
        attempt=body.get("attempt") or FIRST_ATTEMPT,
        reporter=body.get("reporter") or None,
        reverts=tuple(sha.lower() for sha in body.get("reverts") or ()),
    )


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
        (body.get("resolution") or "").strip().lower() in WITHOUT_RECOVERY,
    )


_Event = TypeVar("_Event", Deploy, Start, End)


def _in_order(events: list[_Event]) -> tuple[_Event, ...]:
    return tuple(sorted(events, key=lambda event: (event.at, event.id)))


def _microseconds(text: str) -> int:
    # Core wrote the text, so it needs no further check.
    return to_us(datetime.fromisoformat(text))


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()
