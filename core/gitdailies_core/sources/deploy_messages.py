"""What a delivery says about deploys: `Deploy`, which may become an event, and `Push`, which never does.

Neither holds what an event could not hold. Where a deploy counts, and which
commits it brought, is decided in the package `deploys`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from gitdailies_core.error_text import got
from gitdailies_core.errors import PayloadError
from gitdailies_core.events.field_types import (
    DEPLOY_TYPES,
    MOST_COMMITS,
    MOST_REVERTS,
    NAME,
    REPO,
    TIERS,
    TRIGGERS,
    describe_misfit,
)
from gitdailies_core.sources.shown_text import address, is_id, name, one_line

DEPLOYED = "deployed"
PUSHED = "pushed"

# A shorter one is not a commit's name but the beginning of one, and may be anything.
_SHA = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")
_NO_COMMIT = re.compile(r"0+\Z")


class DeployedCommit(NamedTuple):
    """A commit that a deploy brought, when it was made, aware UTC, or None, and its parents, or None.

    `outside` says whether it touches nothing of the service, or is None where nothing tells.
    """

    sha: str
    time: datetime | None = None
    parents: tuple[str, ...] | None = None
    outside: bool | None = None


class PushedCommit(NamedTuple):
    """A commit of a push: when it was made, aware UTC, or None, its message, and its files, or None.

    `services` says which of the services that have paths it touches; `deploys.pushes` sets it.
    """

    sha: str
    time: datetime | None = None
    message: str = ""
    files: tuple[str, ...] | None = None
    services: Mapping[str, bool] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Deploy:
    """What one message of a delivery says about one deploy.

    word        the vendor's word for it, such as `deployment_status.success`
    key         names this message, the same at each redelivery; "" if the vendor has no such id
    repo        owner/name; "" where only a route can name it
    sha         the commit that was deployed: 40 or 64 hexadecimal digits in lower case
    at          when it was deployed, as the vendor reports it
    at_receipt  `at` is the time of receipt, because the delivery has no time
    branch      the branch it was built from, or None where the delivery claims none
    service     the service that a person named for it, or None
    application what the vendor itself calls what was deployed, or None: the event's id is made from it before
                the service, and it is never the service
    platform    what ran it, in the words of the step's `run`: `github-actions`
    run         the platform's id of the run, or ""; the event's `run` is `platform:run`
    attempt     which attempt of the run it is, or None for the first
    deployment  the vendor's own number of the deployment, or ""; the event's id is made from it
    object      what the vendor tells the state of, again and again, or "": only another commit than that
                counted last for it is a deploy
    commits     the commits it brought, or None where the delivery does not tell
    commit_time when the deployed commit was made, or None
    previous    the commit that was deployed there before, or None
    type        deploy, rollback or hotfix, or None
    tier        what the environment is for, or None
    trigger     what started the run, in the event's words, or None where the vendor does not tell
    reverts     the commits that its commits undo
    route       the word that a line of the source's `route` may name, or ""
    service_by  more words, the most exact one first, by which a line may give the service
    route_required
                it counts only where a line of `route` names one of its words, and more than a service
    gitops      the commit is one of a deployment repository: it counts only where a line of `route`
                has `repo: same`
    images      the images that were deployed, if the commit is that of a tag

    Text to show is put on one line and cut, an address that is not http or https is left out, and so is a
    previous commit that is none. Raises PayloadError for a commit, repository or id that an event cannot
    hold, and ValueError for a mistake of the adapter: a naive time, a type, a tier, a trigger or a platform
    that there is not.
    """

    word: str
    key: str = ""
    repo: str
    sha: str
    at: datetime
    at_receipt: bool = False
    branch: str | None = None
    environment: str | None = None
    service: str | None = None
    platform: str
    run: str = ""
    attempt: str | None = None
    deployment: str = ""
    commits: tuple[DeployedCommit, ...] | None = None
    commit_time: datetime | None = None
    previous: str | None = None
    url: str | None = None
    type: str | None = None
    tier: str | None = None
    reverts: tuple[str, ...] = ()
    route: str = ""
    route_required: bool = False
    gitops: bool = False
    object: str = ""
    application: str | None = None
    service_by: tuple[str, ...] = ()
    trigger: str | None = None
    images: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for where, words in (("type", DEPLOY_TYPES), ("tier", TIERS), ("trigger", TRIGGERS)):
            value = getattr(self, where)
            if value is not None and value not in words:
                raise ValueError(f"{where}: expected one of {', '.join(words)}, got {got(value)}")
        if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{0,49}", self.platform):
            raise ValueError(f"platform: expected a name in lower case, got {got(self.platform)}")
        brought = None if self.commits is None else tuple(_brought(self.commits))
        if any(
            time is not None and time.tzinfo is None
            for time in (self.at, self.commit_time, *(commit.time for commit in brought or ()))
        ):
            raise ValueError("at: expected an aware time, got a naive one")
        if self.repo or not self.route:
            _check_repo(self.repo)
        for where in ("key", "run", "deployment", "attempt", "object"):
            _check_id(where, getattr(self, where))
        cleaned = {
            "word": one_line(self.word, 255) or "",
            "sha": commit_of(self.sha, "commit"),
            "branch": one_line(self.branch, 255),
            "environment": name(self.environment),
            "service": name(self.service),
            "attempt": self.attempt or None,
            "commits": brought,
            "previous": _previous(self.previous),
            "url": address(self.url),
            "reverts": tuple(commit.lower() for commit in self.reverts[:MOST_REVERTS]),
            "route": one_line(self.route, 255) or "",
            "application": name(self.application),
            "service_by": tuple(one for text in self.service_by if (one := one_line(text, 255))),
            "images": tuple(one for text in self.images if (one := one_line(text, 255))),
        }
        for field_name, clean in cleaned.items():
            object.__setattr__(self, field_name, clean)


@dataclass(frozen=True, kw_only=True)
class Push:
    """What one message of a delivery says about commits that reached a branch.

    It makes no event. Its commits are remembered for the lead time of a later deploy.

    before, after  the branch's commit before and after it; "" where the push made or deleted the branch
    commits        those that it brought, oldest first, as many as the vendor lists
    forced         the branch's history was rewritten
    default_branch the repository's default branch, or None
    total          how many commits it brought, or None where the vendor does not say. Where `commits` are
                   fewer, those before them are unknown

    A commit of zeros means that there is none. Raises PayloadError for a commit, branch or repository that is
    none, and ValueError for a naive time.
    """

    word: str
    key: str = ""
    repo: str
    branch: str
    before: str = ""
    after: str = ""
    commits: tuple[PushedCommit, ...] = ()
    forced: bool = False
    default_branch: str | None = None
    total: int | None = None

    def __post_init__(self) -> None:
        _check_repo(self.repo)
        shown = one_line(self.branch, 255)
        if shown is None:
            raise PayloadError(f"branch: expected a name, got {got(self.branch)}")
        _check_id("key", self.key)
        pushed = tuple(PushedCommit(commit_of(one[0], "commit"), *one[1:]) for one in self.commits)
        if any(commit.time is not None and commit.time.tzinfo is None for commit in pushed):
            raise ValueError("commits: expected aware times, got a naive one")
        cleaned = {
            "word": one_line(self.word, 255) or "",
            "branch": shown,
            "before": _end_of_push(self.before, "before"),
            "after": _end_of_push(self.after, "after"),
            "commits": pushed,
            "default_branch": one_line(self.default_branch, 255),
        }
        for field_name, clean in cleaned.items():
            object.__setattr__(self, field_name, clean)


def commit_of(text: str, where: str) -> str:
    """Return a commit's SHA in lower case. Raises PayloadError if *text* is not one."""
    sha = text.strip().lower()
    if not _SHA.match(sha) or _NO_COMMIT.match(sha):
        raise PayloadError(f"{where}: expected 40 or 64 hexadecimal digits, got {got(text)}")
    return sha


def _check_id(where: str, value: str | None) -> None:
    if value and not is_id(value):
        raise PayloadError(f"{where}: expected 1 to {NAME.longest} printable characters, got {got(value)}")


def _check_repo(repo: str) -> None:
    if not REPO.accepts(repo):
        found = describe_misfit(REPO, repo) if repo else "nothing"
        raise PayloadError(f"repo: expected {REPO.expected}, got {found}")


def _previous(sha: str | None) -> str | None:
    try:
        return commit_of(sha, "previous") if sha else None
    except PayloadError:
        return None


def _end_of_push(sha: str, where: str) -> str:
    return "" if _NO_COMMIT.match(sha) or not sha else commit_of(sha, where)


def _brought(commits: Sequence[DeployedCommit]) -> list[DeployedCommit]:
    return [DeployedCommit(commit_of(one[0], "commits"), one[1]) for one in commits[:MOST_COMMITS]]
