"""What a delivery says about deploys: `Deploy`, which may become an event, and `Push`, which never does.

Both are built with `make`, which refuses what an event could not hold. Where a deploy counts, and which
commits it brought, is decided in the package `deploys`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
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
    describe_misfit,
)
from gitdailies_core.sources.shown_text import address, is_id, name, one_line

DEPLOYED = "deployed"
PUSHED = "pushed"

# A shorter one is not a commit's name but the beginning of one, and may be anything.
_SHA = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")
_NO_COMMIT = re.compile(r"0+\Z")


class DeployedCommit(NamedTuple):
    """A commit that a deploy brought, and when it was made, aware UTC, or None."""

    sha: str
    time: datetime | None = None


class PushedCommit(NamedTuple):
    """A commit of a push: when it was made, aware UTC, or None, and its message."""

    sha: str
    time: datetime | None = None
    message: str = ""


class Deploy(NamedTuple):
    """What one message of a delivery says about one deploy. Build it with `make`.

    word        the vendor's word for it, such as `deployment_status.success`
    key         names this message, the same at each redelivery; "" if the vendor has no such id
    repo        owner/name; "" where only a route can name it
    sha         the commit that was deployed: 40 or 64 hexadecimal digits in lower case
    at          when it was deployed, as the vendor reports it
    at_receipt  `at` is the time of receipt, because the delivery has no time
    branch      the branch it was built from, or None where the delivery claims none
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
    reverts     the commits that its commits undo
    route       the word that a line of the source's `route` may name, or ""
    route_required
                it counts only where a line of `route` names its word
    gitops      the commit is one of a deployment repository: it counts only where a line of `route`
                has `repo: same`
    """

    word: str
    key: str
    repo: str
    sha: str
    at: datetime
    at_receipt: bool
    branch: str | None
    environment: str | None
    service: str | None
    platform: str
    run: str
    attempt: str | None
    deployment: str
    commits: tuple[DeployedCommit, ...] | None
    commit_time: datetime | None
    previous: str | None
    url: str | None
    type: str | None
    tier: str | None
    reverts: tuple[str, ...]
    route: str
    route_required: bool
    gitops: bool
    object: str = ""

    @classmethod
    def make(
        cls,
        *,
        word: str,
        repo: str,
        sha: str,
        at: datetime,
        platform: str,
        key: str = "",
        at_receipt: bool = False,
        branch: str | None = None,
        environment: str | None = None,
        service: str | None = None,
        run: str = "",
        attempt: str | None = None,
        deployment: str = "",
        commits: Sequence[tuple[str, datetime | None]] | None = None,
        commit_time: datetime | None = None,
        previous: str | None = None,
        url: str | None = None,
        type: str | None = None,  # noqa: A002  the wire's word
        tier: str | None = None,
        reverts: Sequence[str] = (),
        route: str = "",
        route_required: bool = False,
        gitops: bool = False,
        object: str = "",  # noqa: A002  the packs' word
    ) -> Deploy:
        """Build a deploy. Raises PayloadError for a commit, repository or id that an event cannot hold.

        Text to show is put on one line and cut, an address that is not http or https is left out, and
        so is a previous commit that is none. Raises ValueError for a mistake of the adapter: a naive
        time, a type, a tier or a platform that there is not.
        """
        for where, value, words in (("type", type, DEPLOY_TYPES), ("tier", tier, TIERS)):
            if value is not None and value not in words:
                raise ValueError(f"{where}: expected one of {', '.join(words)}, got {got(value)}")
        if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{0,49}", platform):
            raise ValueError(f"platform: expected a name in lower case, got {got(platform)}")
        brought = None if commits is None else tuple(_brought(commits))
        if any(
            time is not None and time.tzinfo is None
            for time in (at, commit_time, *(commit.time for commit in brought or ()))
        ):
            raise ValueError("at: expected an aware time, got a naive one")
        if repo or not route:
            _check_repo(repo)
        names = {"key": key, "run": run, "deployment": deployment, "attempt": attempt, "object": object}
        for where, value in names.items():
            if value and not is_id(value):
                raise PayloadError(
                    f"{where}: expected 1 to {NAME.longest} printable characters, got {got(value)}"
                )
        return cls(
            word=one_line(word, 255) or "",
            key=key,
            repo=repo,
            sha=commit_of(sha, "commit"),
            at=at,
            at_receipt=at_receipt,
            branch=one_line(branch, 255),
            environment=name(environment),
            service=name(service),
            platform=platform,
            run=run,
            attempt=attempt or None,
            deployment=deployment,
            commits=brought,
            commit_time=commit_time,
            previous=_previous(previous),
            url=address(url),
            type=type,
            tier=tier,
            reverts=tuple(commit.lower() for commit in reverts[:MOST_REVERTS]),
            route=one_line(route, 255) or "",
            route_required=route_required,
            gitops=gitops,
            object=object,
        )


class Push(NamedTuple):
    """What one message of a delivery says about commits that reached a branch. Build it with `make`.

    It makes no event. Its commits are remembered for the lead time of a later deploy.

    before, after  the branch's commit before and after it; "" where the push made or deleted the branch
    commits        those that it brought, oldest first, as far as the vendor lists them
    forced         the branch's history was rewritten
    default_branch the repository's default branch, or None
    total          how many commits it brought, or None where the vendor does not say. Where `commits` are
                   fewer, those before them are unknown
    """

    word: str
    key: str
    repo: str
    branch: str
    before: str
    after: str
    commits: tuple[PushedCommit, ...]
    forced: bool
    default_branch: str | None
    total: int | None = None

    @classmethod
    def make(
        cls,
        *,
        word: str,
        repo: str,
        branch: str,
        before: str = "",
        after: str = "",
        key: str = "",
        commits: Sequence[tuple[str, datetime | None, str]] = (),
        forced: bool = False,
        default_branch: str | None = None,
        total: int | None = None,
    ) -> Push:
        """Build a push. Raises PayloadError for a commit, branch or repository that is none.

        A commit of zeros means that there is none. Raises ValueError for a naive time.
        """
        _check_repo(repo)
        shown = one_line(branch, 255)
        if shown is None:
            raise PayloadError(f"branch: expected a name, got {got(branch)}")
        if key and not is_id(key):
            raise PayloadError(f"key: expected 1 to {NAME.longest} printable characters, got {got(key)}")
        pushed = tuple(
            PushedCommit(commit_of(sha, "commit"), time, message) for sha, time, message in commits
        )
        if any(commit.time is not None and commit.time.tzinfo is None for commit in pushed):
            raise ValueError("commits: expected aware times, got a naive one")
        return cls(
            word=one_line(word, 255) or "",
            key=key,
            repo=repo,
            branch=shown,
            before=_end_of_push(before, "before"),
            after=_end_of_push(after, "after"),
            commits=pushed,
            forced=forced,
            default_branch=one_line(default_branch, 255),
            total=total,
        )


def commit_of(text: str, where: str) -> str:
    """Return a commit's SHA in lower case. Raises PayloadError if *text* is not one."""
    sha = text.strip().lower()
    if not _SHA.match(sha) or _NO_COMMIT.match(sha):
        raise PayloadError(f"{where}: expected 40 or 64 hexadecimal digits, got {got(text)}")
    return sha


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


def _brought(commits: Sequence[tuple[str, datetime | None]]) -> Sequence[DeployedCommit]:
    return [DeployedCommit(commit_of(sha, "commits"), time) for sha, time in commits[:MOST_COMMITS]]
