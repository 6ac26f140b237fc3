"""Events of GitHub Actions whose payload names the deploy. Source: "Events that trigger workflows"."""

# ruff: noqa: C408  the names are those of values
from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gitdailies_core.ci.facts import (
    Run,
    at,
    branch_of,
    full_sha,
    later_attempt,
    readable_time,
    undone_by,
)


@dataclass(frozen=True)
class Payload:
    """Where an event's payload has the facts about the deploy: paths. The first one found wins.

    A row with `status` is a deploy only after success. `run` names the run that deployed, and `attempt`
    its attempt. `deployment` names what GitHub numbers by itself: a deploy that is run again has another.
    """

    sha: str
    branch: str = ""
    status: str = ""
    environment: str = ""
    time: str = ""
    url: str = ""
    run: str = ""
    attempt: str = ""
    deployment: str = ""
    commit_time: str = ""
    message: str = ""


PAYLOADS: Mapping[str, Payload] = {
    # GITHUB_SHA is the tip of the default branch. No time: it would differ at each attempt.
    "workflow_run": Payload(
        sha="workflow_run.head_sha",
        branch="workflow_run.head_branch",
        status="workflow_run.conclusion",
        url="workflow_run.html_url",
        run="workflow_run.id",
        attempt="workflow_run.run_attempt",
        commit_time="workflow_run.head_commit.timestamp",
        message="workflow_run.head_commit.message",
    ),
    "check_suite": Payload(
        sha="check_suite.head_sha",
        branch="check_suite.head_branch",
        status="check_suite.conclusion",
        commit_time="check_suite.head_commit.timestamp",
        message="check_suite.head_commit.message",
    ),
    "check_run": Payload(
        sha="check_run.head_sha",
        branch="check_run.check_suite.head_branch",
        status="check_run.conclusion",
    ),
    "status": Payload(
        sha="sha",
        status="state",
        commit_time="commit.commit.committer.date",
        message="commit.commit.message",
    ),
    # GITHUB_REF is empty if the deployment was made from a bare commit.
    "deployment": Payload(
        sha="deployment.sha",
        environment="deployment.environment",
        run="workflow_run.id deployment.id",
        deployment="deployment.id",
    ),
    "deployment_status": Payload(
        sha="deployment.sha",
        environment="deployment_status.environment deployment.environment",
        status="deployment_status.state",
        time="deployment_status.created_at",
        url="deployment_status.log_url deployment_status.target_url",
        # The run that made the deployment, if one of GitHub Actions did.
        run="workflow_run.id deployment.id",
        attempt="workflow_run.run_attempt",
        deployment="deployment.id",
    ),
    # GITHUB_REF is gh-readonly-queue/main/pr-7-…
    "merge_group": Payload(
        sha="merge_group.head_sha",
        branch="merge_group.base_ref",
        commit_time="merge_group.head_commit.timestamp",
        message="merge_group.head_commit.message",
    ),
}

# `pull_request`, `pull_request_target`, `pull_request_review` and others; Gitea has more of them.
_PULL_REQUEST = "pull_request"
# Runs on these events may be of a tag. Those on all others are of a branch.
_OF_TAGS = ("push", "create", "delete", "workflow_dispatch", "deployment", "deployment_status", "dynamic")

# In workflow_run and check_suite, `head_branch` may also be a tag. This is a guess by its form: a version,
# a date, or the number of a major version.
_MAYBE_TAG = (
    r"^(?:.*[/@_-])?[vV]?(?:[0-9]+(?:\.[0-9]+)+(?:[-+.].*)?|[0-9]{6,}.*|[0-9]{4}-[0-9]{2}.*)$|^[vV][0-9]+$"
)


def facts_of(
    name: str, payload: Mapping[str, Any], *, ref: str, repo: str | None, own: Run | None
) -> dict[str, Any] | None:
    """Return the values for `Facts` and `Target` that a payload has, or None if the variables have them.

    *name* is the event, and *ref*, *repo* and *own* are the ref, the repository and the run of the job.
    """
    if name in PAYLOADS:
        return _from_payload(name, payload, ref, repo, own)
    if name.startswith(_PULL_REQUEST):
        return _pull_request(name, payload, ref)
    issue = payload.get("issue")
    if name == "issue_comment" and isinstance(issue, dict) and issue.get("pull_request"):
        return _comment(payload)
    return None


def _from_payload(
    name: str, payload: Mapping[str, Any], ref: str, repo: str | None, own: Run | None
) -> dict[str, Any]:
    row = PAYLOADS[name]
    sha = full_sha(at(payload, row.sha))
    if not at(payload, row.sha):
        return {"notes": _missing(name)}
    head = branch_of(at(payload, row.branch))
    found: dict[str, Any] = {"branch": head}
    if name.startswith("deployment"):
        found["branch"] = branch_of(ref)
        found["tier"] = _tier(payload)
    elif _foreign(name, payload, repo):
        found = {"foreign": head or name, "no_branch": f"{name} belongs to another repository"}
    elif at(payload, f"{name}.event") == "release":
        found = {"no_branch": f"{name} belongs to a release, and {head} is a tag"}
    elif head and _may_be_tag(name, payload, head):
        found = {"unsure": f"{name} does not tell whether {head} is a branch or a tag"}
    return dict(
        sha=sha,
        commit_time=readable_time(at(payload, row.commit_time)),
        reverts=undone_by(at(payload, row.message)),
        run=_run(row, payload, own),
        environment=at(payload, row.environment),
        time=readable_time(at(payload, row.time)),
        url=at(payload, row.url),
        # Only its pull requests start runs of a fork here.
        pull="a pull request" if found.get("foreign") else _open_pull(name, payload, head),
        # Without a conclusion it has not succeeded yet.
        status=(at(payload, row.status) or "unfinished") if row.status else None,
        status_of=name,
        **found,
    )


def _run(row: Payload, payload: Mapping[str, Any], own: Run | None) -> Run | None:
    """Return the run that the payload names, else the job's own.

    A job that is started by a workflow's end may be the one that deploys. Its own attempt is then that of
    the deploy. A job on `deployment_status` deploys nothing, so its attempts are those of a report.
    """
    run = at(payload, row.run)
    if not run:
        return own
    again = own.attempt if own and not row.time else None
    attempt = later_attempt(at(payload, row.attempt))
    if again:
        attempt = f"{attempt or 1}.{again}" if row.attempt else again
    deployment = at(payload, row.deployment)
    if deployment:
        return Run(run, attempt, (deployment, again) if again else (deployment,))
    return Run(run, attempt)


def _tier(payload: Mapping[str, Any]) -> str | None:
    """Return the tier of a deployment. GitHub only tells production from everything else."""
    deployment = payload.get("deployment")
    known = isinstance(deployment, dict) and deployment.get("production_environment") is True
    moved = at(payload, "deployment_status.environment") or at(payload, "deployment.environment")
    return "production" if known and moved == at(payload, "deployment.environment") else None


def _foreign(name: str, payload: Mapping[str, Any], own: str | None) -> bool:
    origin = at(payload, f"{name}.head_repository.full_name")
    about = payload.get(name)
    # A fork that was deleted since is null.
    gone = isinstance(about, dict) and "head_repository" in about and about["head_repository"] is None
    return gone or bool(origin and own and origin.lower() != own.lower())


def _may_be_tag(name: str, payload: Mapping[str, Any], branch: str) -> bool:
    if branch == at(payload, "repository.default_branch") or not re.match(_MAYBE_TAG, branch):
        return False
    return (at(payload, f"{name}.event") or "push") in _OF_TAGS


def _open_pull(name: str, payload: Mapping[str, Any], branch: str | None) -> str | None:
    """Return the open pull request whose checks or workflow run started the job, or None."""
    about = payload.get(name)
    if not isinstance(about, dict) or name not in ("workflow_run", "check_suite", "check_run"):
        return None
    event = at(payload, f"{name}.event") or ""
    listed = about.get(_PULL_REQUEST + "s")
    first = listed[0] if isinstance(listed, list) and listed and isinstance(listed[0], dict) else {}
    number = at(first, "number")
    if event.startswith(_PULL_REQUEST):
        return f"pull request {number}" if number else "a pull request"
    # The checks of a branch list the pull requests from it. The default branch has one to a branch that
    # is released.
    if name == "workflow_run" or not number or branch == at(payload, "repository.default_branch"):
        return None
    return f"pull request {number}"


def _comment(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Read a comment on a pull request. GITHUB_SHA is the default branch's tip, and no commit is named."""
    merged = at(payload, "issue.pull_request.merged_at")
    return dict(
        no_branch="a comment on a pull request started the run",
        notes=("a comment on a pull request does not tell the pull request's commit",),
        pull=None if merged else f"pull request {at(payload, 'issue.number') or ''}".strip(),
    )


def _pull_request(name: str, payload: Mapping[str, Any], ref: str) -> dict[str, Any]:
    number = at(payload, "pull_request.number")
    if not number:
        # The ref of a merged one is the branch that it was merged into.
        merged = name == _PULL_REQUEST and ref.startswith("refs/heads/")
        return {"notes": _missing(name), "pull": None if merged else "a pull request"}
    pull = f"pull request {number}"
    if at(payload, "pull_request.merged_at") or payload["pull_request"].get("merged") is True:
        return dict(
            sha=full_sha(at(payload, "pull_request.merge_commit_sha")),
            branch=branch_of(at(payload, "pull_request.base.ref")),
            notes=(f"the commit that {pull} was merged as",),
        )
    head, base = (
        at(payload, "pull_request.head.repo.full_name"),
        at(payload, "pull_request.base.repo.full_name"),
    )
    branch = branch_of(at(payload, "pull_request.head.ref"))
    fork = f"{pull} comes from another repository" if head != base else None
    closed = at(payload, "pull_request.state") == "closed"
    return dict(
        sha=full_sha(at(payload, "pull_request.head.sha")),
        branch=None if fork else branch,
        foreign=branch if fork else None,
        no_branch=fork,
        notes=(f"the head of {pull}, not the merge commit that the run is of",),
        pull=pull,
        skip=f"{pull} was closed without being merged" if closed else None,
    )


def _missing(name: str) -> tuple[str, ...]:
    return (f"the payload of {name}, which tells it, was not found at GITHUB_EVENT_PATH",)
