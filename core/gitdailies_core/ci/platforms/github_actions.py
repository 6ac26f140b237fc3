"""GitHub Actions. Sources: its "Variables", "Contexts" and "Events that trigger workflows" references.

`GITHUB_SHA` and `GITHUB_REF` name the commit of the workflow file. That is not always the deployed one:
for the events of `PAYLOADS` and for pull requests, the payload names it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gitdailies_core.ci import console, workflow_commands
from gitdailies_core.ci.console import Step
from gitdailies_core.ci.facts import (
    Facts,
    Target,
    Variables,
    branch_of,
    commit,
    full_sha,
    given,
    readable_time,
    tag_of,
)
from gitdailies_core.ci.table import Platform, Table

TABLE = Table(
    # The same at every attempt. GITHUB_RUN_ATTEMPT counts the attempts.
    run=("GITHUB_RUN_ID",),
    sha=("GITHUB_SHA",),
    # GITHUB_REF_NAME may also be a tag, or 7/merge for a pull request.
    branch=("GITHUB_REF",),
    repo=("GITHUB_REPOSITORY",),
    # No variable has the job's status; the action passes job.status. No variable or context has the
    # job's environment (actions/runner issue 1369).
    status=("GITDAILIES_JOB_STATUS",),
)


@dataclass(frozen=True)
class Payload:
    """Where an event's payload has the facts about the deploy: paths. The first one found wins.

    A row with `status` is a deploy only after success. `run` names the run that deployed, so that
    running either workflow again gives the same id.
    """

    sha: str
    branch: str = ""
    status: str = ""
    environment: str = ""
    time: str = ""
    url: str = ""
    run: str = ""
    commit_time: str = ""


PAYLOADS: Mapping[str, Payload] = {
    # GITHUB_SHA is the tip of the default branch. No time: it would differ at each attempt.
    "workflow_run": Payload(
        sha="workflow_run.head_sha",
        branch="workflow_run.head_branch",
        status="workflow_run.conclusion",
        url="workflow_run.html_url",
        run="workflow_run.id",
        commit_time="workflow_run.head_commit.timestamp",
    ),
    "check_suite": Payload(
        sha="check_suite.head_sha",
        branch="check_suite.head_branch",
        status="check_suite.conclusion",
        commit_time="check_suite.head_commit.timestamp",
    ),
    "check_run": Payload(
        sha="check_run.head_sha",
        branch="check_run.check_suite.head_branch",
        status="check_run.conclusion",
    ),
    "status": Payload(sha="sha", status="state", commit_time="commit.commit.committer.date"),
    # GITHUB_REF is empty if the deployment was made from a bare commit.
    "deployment": Payload(
        sha="deployment.sha",
        environment="deployment.environment",
        run="deployment.id",
    ),
    "deployment_status": Payload(
        sha="deployment.sha",
        environment="deployment_status.environment deployment.environment",
        status="deployment_status.state",
        time="deployment_status.created_at",
        url="deployment_status.log_url deployment_status.target_url",
        run="deployment.id",
    ),
    # GITHUB_REF is gh-readonly-queue/main/pr-7-…
    "merge_group": Payload(
        sha="merge_group.head_sha",
        branch="merge_group.base_ref",
        commit_time="merge_group.head_commit.timestamp",
    ),
}

_PULL_REQUESTS = (
    "pull_request",
    "pull_request_target",
    "pull_request_review",
    "pull_request_review_comment",
)

# In workflow_run and check_suite, `head_branch` may also be a tag. This is a guess by its form.
_VERSION = re.compile(r"^(?:.*[/@-])?v?[0-9]+(?:\.[0-9]+)+(?:[-+.].*)?$", re.IGNORECASE)

# How git and GitHub begin the message of a merge. `checkout` leaves merges out, too.
_MERGES = ("Merge pull request #", "Merge branch '", "Merge remote-tracking branch '", "Merge tag '")


def _read(variables: Variables, event: Any) -> Facts:
    name, payload = variables.first("GITHUB_EVENT_NAME") or "", event if isinstance(event, dict) else {}
    if name in PAYLOADS:
        return _from_payload(variables, name, payload)
    if name in _PULL_REQUESTS:
        return _pull_request(variables, payload)
    issue = payload.get("issue")
    if name == "issue_comment" and isinstance(issue, dict) and issue.get("pull_request"):
        # GITHUB_SHA is the tip of the default branch, and the payload holds no commit.
        return _facts(
            variables,
            no_branch="a comment on a pull request started the run",
            notes=("a comment on a pull request does not tell the pull request's commit",),
        )
    sha = full_sha(variables.first(*TABLE.sha))
    branch = _branch(variables.first(*TABLE.branch))
    # The commits of a push. A new branch and a tag list none.
    commits, commit_time = _pushed(payload) if name == "push" and at(payload, "after") == sha else ((), None)
    return _facts(variables, sha=sha, branch=branch, commits=commits, commit_time=commit_time)


def _from_payload(variables: Variables, name: str, payload: Mapping[str, Any]) -> Facts:
    row = PAYLOADS[name]
    if not at(payload, row.sha):
        return _facts(variables, notes=_missing(name))
    branch, no_branch = _branch(at(payload, row.branch)), None
    origin = at(payload, f"{name}.head_repository.full_name")
    if name.startswith("deployment"):
        branch = _branch(variables.first(*TABLE.branch))
    elif branch and (_VERSION.match(branch) or at(payload, f"{name}.event") == "release"):
        branch, no_branch = None, f"{name} does not tell whether {branch} is a branch or a tag"
    elif origin and origin != variables.first(*TABLE.repo):
        branch, no_branch = None, f"{name} belongs to another repository"
    return _facts(
        variables,
        sha=full_sha(at(payload, row.sha)),
        branch=branch,
        commit_time=readable_time(at(payload, row.commit_time)),
        no_branch=no_branch,
        run=at(payload, row.run),
        environment=at(payload, row.environment),
        time=readable_time(at(payload, row.time)),
        url=at(payload, row.url),
        # Without a conclusion it has not succeeded yet.
        status=(at(payload, row.status) or "unfinished") if row.status else None,
        status_of=name,
    )


def _pull_request(variables: Variables, payload: Mapping[str, Any]) -> Facts:
    number = at(payload, "pull_request.number")
    if not number:
        return _facts(variables, notes=_missing(variables.first("GITHUB_EVENT_NAME") or ""))
    if at(payload, "pull_request.merged_at"):
        return _facts(
            variables,
            sha=full_sha(at(payload, "pull_request.merge_commit_sha")),
            branch=_branch(at(payload, "pull_request.base.ref")),
            notes=(f"the commit that pull request {number} was merged as",),
        )
    head, base = (
        at(payload, "pull_request.head.repo.full_name"),
        at(payload, "pull_request.base.repo.full_name"),
    )
    fork = f"pull request {number} comes from another repository" if head != base else None
    closed = at(payload, "pull_request.state") == "closed"
    return _facts(
        variables,
        sha=full_sha(at(payload, "pull_request.head.sha")),
        branch=None if fork else _branch(at(payload, "pull_request.head.ref")),
        no_branch=fork,
        notes=(f"the head of pull request {number}, not the merge commit that the run is of",),
        skip=f"pull request {number} was closed without being merged" if closed else None,
    )


def _missing(name: str) -> tuple[str, ...]:
    return (f"the payload of {name}, which tells it, was not found at GITHUB_EVENT_PATH",)


def _pushed(payload: Mapping[str, Any]) -> tuple[tuple[dict[str, str], ...], str | None]:
    pushed = payload.get("commits")
    listed = [item for item in pushed if isinstance(item, dict)] if isinstance(pushed, list) else []
    entries = [
        commit(item.get("id"), item.get("timestamp"))
        # The payload has the oldest first. Only the message shows a merge.
        for item in reversed(listed)
        if not str(item.get("message")).startswith(_MERGES)
    ]
    return tuple(entry for entry in entries if entry), readable_time(at(payload, "head_commit.timestamp"))


def _facts(
    variables: Variables,
    *,
    sha: str | None = None,
    branch: str | None = None,
    no_branch: str | None = None,
    commit_time: str | None = None,
    commits: tuple[dict[str, str], ...] = (),
    notes: tuple[str, ...] = (),
    run: str | None = None,
    url: str | None = None,
    **odd: Any,
) -> Facts:
    repo, own_run = variables.first(*TABLE.repo), variables.first(*TABLE.run)
    server = variables.first("GITHUB_SERVER_URL")
    if server and repo and own_run:
        url = url or f"{server}/{repo}/actions/runs/{own_run}"
    if odd.get("status") is None:
        odd["status"] = variables.first(*TABLE.status)
    tag = tag_of(variables.first(*TABLE.branch))
    if tag and not branch:
        no_branch = no_branch or f"the run is of tag {tag}"
    return TABLE.read(
        variables,
        targets=(Target(repo, sha, branch, no_branch, commit_time, commits, notes=notes),),
        run=run or own_run,
        url=url,
        **odd,
    )


def _branch(ref: str | None) -> str | None:
    branch = branch_of(ref)
    # A merge queue has its own branch, named after the one that it merges into.
    if branch and branch.startswith("gh-readonly-queue/"):
        return branch[len("gh-readonly-queue/") :].rpartition("/pr-")[0] or None
    return branch


def at(payload: Mapping[str, Any], paths: str) -> str | None:
    """Return the first text or number that one of *paths* leads to, or None."""
    for path in paths.split():
        value: Any = payload
        for name in path.split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
        text = given(str(value)) if isinstance(value, (str, int)) and not isinstance(value, bool) else None
        if text:
            return text
    return None


# The action passes each input as INPUT_NAME. The job's own env may also hold the address and the key.
_FALLBACKS = {"webhook-url": "GITDAILIES_WEBHOOK_URL", "webhook-key": "GITDAILIES_WEBHOOK_KEY"}


def inputs(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the raw text of each input, by name."""
    read = console.texts(environ, "INPUT_")
    for name, variable in _FALLBACKS.items():
        if not read[name].strip():
            read[name] = environ.get(variable, "")
    return read


GITHUB_ACTIONS = Platform(
    word="github",
    title="GitHub Actions",
    marker="GITHUB_ACTIONS",
    read=_read,
    step=Step(
        agent="gitdailies-github-action",
        no_key=(
            "; pass it as webhook-key: ${{ secrets.GITDAILIES_WEBHOOK_KEY }} "
            "(runs of forks and of Dependabot get no secrets, a reusable workflow only those passed to it)"
        ),
        folder="GITHUB_WORKSPACE",
        event="GITHUB_EVENT_PATH",
        inputs=inputs,
        names=console.SAME_NAMES,
        masks=workflow_commands.masks,
        log=workflow_commands.commands,
        files=workflow_commands.files,
        not_written=workflow_commands.not_written,
    ),
    turn=10,
)
