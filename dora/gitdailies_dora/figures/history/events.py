"""Deploys, starts and ends of incidents, read from stored events and sorted by time.

`read_history` takes the full form that the store holds: with id and time, checked against core's table.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from gitdailies_core.events.events import DEPLOYED, INCIDENT_RESOLVED, INCIDENT_STARTED
from gitdailies_core.values.deploy_target import DeployTarget
from gitdailies_core.values.renames import folded
from gitdailies_server.storage.timestamps import to_us

from gitdailies_dora.figures.history.corrections import NONE, Corrections
from gitdailies_dora.figures.history.settings import FigureSettings, exact_environment

DEPLOY, ROLLBACK, HOTFIX = "deploy", "rollback", "hotfix"
FIRST_ATTEMPT = "1"
# A repeat within this time may list the commits of the deploy that it repeats, or name its service.
HOUR_US = 3_600_000_000
# How the reporters begin that take their commits from pushes.
_RELAY = "relay/"
# The resolutions of an incident that ended without a recovery of its own.
WITHOUT_RECOVERY = frozenset({"merged", "cancelled", "deleted"})


class Commit(NamedTuple):
    """A commit that a deploy lists; `at` is its commit time, or None if that is not known.

    `parents` is None where the list does not name them. `outside` says whether it touches nothing of the
    service, and is None where the list does not tell.
    """

    sha: str
    at: int | None
    parents: tuple[str, ...] | None = None
    outside: bool | None = None

    @property
    def is_merge(self) -> bool:
        return len(self.parents or ()) > 1


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
    deploy whose commit was here before: it brings nothing new. `exact_list` is set if git found the commits:
    each of them is new, unless it was here. `back_to` is when its commit first counted here, if it goes back
    without saying so. `of_any_service` is set if the commits come from a mirror or from pushes, which do
    not say which service they belong to. `undoes` is set by `remedies` for one that remedies another by its
    `reverts`. `unnamed` is set by `services` for one that names no service and belongs to one.
    """

    id: str
    at: int
    target: DeployTarget
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
    trigger: str | None = None
    reverts: tuple[str, ...] = ()
    known: bool = False
    exact_list: bool = False
    of_any_service: bool = False
    back_to: int | None = None
    unnamed: bool = False
    undoes: bool = False

    @property
    def order(self) -> tuple[int, str]:
        """The order of deploys; of two at one instant, the one whose id sorts last is the later."""
        return (self.at, self.id)

    @property
    def rework(self) -> bool:
        """Whether the deploy repairs an earlier one."""
        return self.type in (ROLLBACK, HOTFIX) or self.fixes is not None

    def with_git(self, git: GitCommits | None) -> "Deploy":
        """Return the deploy with the commits that git found. If git does not know all, its own list stays."""
        if git is None or (self.commits is not None and git.unknown):
            return self
        if git.unknown and not git.commits:
            return self._replace(unknown=git.unknown)
        told = {one.sha: one.outside for one in self.commits or () if one.outside is not None}
        commits = tuple(one._replace(outside=told.get(one.sha, one.outside)) for one in git.commits)
        untold = any(commit.outside is None for commit in commits)
        return self._replace(commits=commits, unknown=git.unknown, exact_list=True, of_any_service=untold)


class Start(NamedTuple):
    """The start of an incident; `sent` has the names of its target as they were sent."""

    id: str
    at: int
    target: DeployTarget
    incident: str
    caused_by: str | None
    sent: DeployTarget = DeployTarget("")


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

    At one instant, the event whose id sorts last is the later one. `later` are the deploys of the two hours
    after the moment of the history: a report of the first hour may complete an earlier deploy, and one of the
    second hour may name the service of that report. `named` are the targets of all deploys that name a
    service, whenever they were.
    """

    deploys: tuple[Deploy, ...]
    starts: tuple[Start, ...]
    ends: tuple[End, ...]
    corrections: Corrections = NONE
    later: tuple[Deploy, ...] = ()
    named: frozenset[DeployTarget] = frozenset()

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
    """Read stored events, which may come in any order, up to *now*, and the deploys of two hours after it.

    *git_commits* are the commits that git found, by the id of their deploy.
    """
    deploys: list[Deploy] = []
    starts: list[Start] = []
    ends: list[End] = []
    later: list[Deploy] = []
    named: set[DeployTarget] = set()
    for body in bodies:
        at = _microseconds(body["time"])
        kind = body["kind"]
        if kind == DEPLOYED and body.get("service"):
            named.add(target_of(body, settings))
        if kind == DEPLOYED and at <= now + 2 * HOUR_US:
            deploy = _deploy(body, at, settings).with_git(git_commits.get(body["id"]))
            (later if at > now else deploys).append(deploy)
        elif at > now:
            continue
        elif kind == INCIDENT_STARTED:
            starts.append(_start(body, at, settings))
        elif kind == INCIDENT_RESOLVED:
            ends.append(_end(body, at, settings))
    return History(
        _in_order(deploys),
        _in_order(starts),
        _in_order(ends),
        corrections,
        _in_order(later),
        frozenset(named),
    )


def target_of(body: Mapping[str, Any], settings: FigureSettings) -> DeployTarget:
    """Return where a stored event counts, in folded names. All names of production are one environment."""
    service = body.get("service")
    return DeployTarget(
        settings.repo(body["repo"]),
        settings.environment(body.get("environment"), body.get("tier")),
        folded(service) if service else None,
    )


def _repo(event: Deploy | Start | End) -> str:
    return event.repo if isinstance(event, End) else event.target.repo


def _deploy(body: Mapping[str, Any], at: int, settings: FigureSettings) -> Deploy:
    sha = body["commitSHA"].lower()
    listed, commit_time = body.get("commits"), body.get("commitTime")
    commits: tuple[Commit, ...] | None = None
    if listed is not None:
        commits = tuple(
            Commit(
                commit["sha"].lower(),
                _microseconds(commit["time"]) if commit.get("time") else None,
                None if commit.get("parents") is None else tuple(map(str.lower, commit["parents"])),
                commit.get("outside"),
            )
            for commit in listed
        )
    elif commit_time:
        commits = (Commit(sha, _microseconds(commit_time)),)
    relayed = (body.get("reporter") or "").startswith(_RELAY)
    says = body.get("type", DEPLOY)
    hotfix = says == HOTFIX or (says != ROLLBACK and settings.is_hotfix_branch(body.get("branch")))
    return Deploy(
        body["id"],
        at,
        target_of(body, settings),
        sha,
        HOTFIX if hotfix else says,
        commits,
        body.get("fixes"),
        says="" if says == DEPLOY else says,
        exact=exact_environment(body.get("environment")),
        run=body.get("run") or None,
        attempt=body.get("attempt") or FIRST_ATTEMPT,
        reporter=body.get("reporter") or None,
        trigger=body.get("trigger") or None,
        reverts=tuple(sha.lower() for sha in body.get("reverts") or ()),
        of_any_service=relayed and any(commit.outside is None for commit in commits or ()),
    )


def _start(body: Mapping[str, Any], at: int, settings: FigureSettings) -> Start:
    target, cause = target_of(body, settings), _lower(body.get("causedBy"))
    sent = DeployTarget(body["repo"], body.get("environment"), body.get("service"))
    return Start(body["id"], at, target, body["incidentId"], cause, sent)


def _end(body: Mapping[str, Any], at: int, settings: FigureSettings) -> End:
    environment, service = body.get("environment"), body.get("service")
    return End(
        body["id"],
        at,
        settings.repo(body["repo"]),
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
