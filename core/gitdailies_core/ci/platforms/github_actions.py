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
    Run,
    Target,
    Variables,
    branch_of,
    commit,
    full_sha,
    given,
    later_attempt,
    readable_time,
    reverts_of,
    tag_of,
    undone_by,
)
from gitdailies_core.ci.table import Platform, Table

TABLE = Table(
    run=("GITHUB_RUN_ID",),
    attempt=("GITHUB_RUN_ATTEMPT",),
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

# How git and GitHub begin the message of a merge. `checkout` leaves merges out, too.
_MERGES = ("Merge pull request #", "Merge branch '", "Merge remote-tracking branch '", "Merge tag '")


def _read(variables: Variables, event: Any) -> Facts:
    name, payload = variables.first("GITHUB_EVENT_NAME") or "", event if isinstance(event, dict) else {}
    if name in PAYLOADS:
        return _from_payload(variables, name, payload)
    if name.startswith(_PULL_REQUEST):
        return _pull_request(variables, name, payload)
    issue = payload.get("issue")
    if name == "issue_comment" and isinstance(issue, dict) and issue.get("pull_request"):
        return _comment(variables, payload)
    sha = full_sha(variables.first(*TABLE.sha))
    branch = branch_of(variables.first(*TABLE.branch))
    if name == "delete" or (name == "push" and _deletes(payload)):
        return _facts(variables, sha=sha, branch=branch, skip="the run is of a deleted branch or tag")
    if name != "push" or at(payload, "after") != sha:
        return _facts(variables, sha=sha, branch=branch)
    return _facts(variables, sha=sha, branch=branch, **_pushed(payload))


def _deletes(payload: Mapping[str, Any]) -> bool:
    after = at(payload, "after") or ""
    return payload.get("deleted") is True or (bool(after) and not after.strip("0"))


def _from_payload(variables: Variables, name: str, payload: Mapping[str, Any]) -> Facts:
    row = PAYLOADS[name]
    sha = full_sha(at(payload, row.sha))
    if not at(payload, row.sha):
        return _facts(variables, notes=_missing(name))
    head = branch_of(at(payload, row.branch))
    found: dict[str, Any] = {"branch": head}
    if name.startswith("deployment"):
        found["branch"] = branch_of(variables.first(*TABLE.branch))
        found["tier"] = _tier(payload)
    elif _foreign(variables, name, payload):
        found = {"foreign": head or name, "no_branch": f"{name} belongs to another repository"}
    elif at(payload, f"{name}.event") == "release":
        found = {"no_branch": f"{name} is of a release, and {head} is a tag"}
    elif head and _may_be_tag(name, payload, head):
        found = {"unsure": f"{name} does not tell whether {head} is a branch or a tag"}
    return _facts(
        variables,
        sha=sha,
        commit_time=readable_time(at(payload, row.commit_time)),
        reverts=undone_by(at(payload, row.message)),
        run=_run(variables, row, payload),
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


def _run(variables: Variables, row: Payload, payload: Mapping[str, Any]) -> Run | None:
    """Return the run that the payload names, else the job's own.

    A job that is started by a workflow's end may be the one that deploys. Its own attempt is then that of
    the deploy. A job on `deployment_status` deploys nothing, so its attempts are those of a report.
    """
    own, run = TABLE.run_of(variables), at(payload, row.run)
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


def _foreign(variables: Variables, name: str, payload: Mapping[str, Any]) -> bool:
    origin, own = at(payload, f"{name}.head_repository.full_name"), variables.first(*TABLE.repo)
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


def _comment(variables: Variables, payload: Mapping[str, Any]) -> Facts:
    """Read a comment on a pull request. GITHUB_SHA is the default branch's tip, and no commit is named."""
    merged = at(payload, "issue.pull_request.merged_at")
    return _facts(
        variables,
        no_branch="a comment on a pull request started the run",
        notes=("a comment on a pull request does not tell the pull request's commit",),
        pull=None if merged else f"pull request {at(payload, 'issue.number') or ''}".strip(),
    )


def _pull_request(variables: Variables, name: str, payload: Mapping[str, Any]) -> Facts:
    number = at(payload, "pull_request.number")
    if not number:
        # The ref of a merged one is the branch that it was merged into.
        ref = variables.first(*TABLE.branch) or ""
        merged = name == _PULL_REQUEST and ref.startswith("refs/heads/")
        return _facts(variables, notes=_missing(name), pull=None if merged else "a pull request")
    pull = f"pull request {number}"
    if at(payload, "pull_request.merged_at") or payload["pull_request"].get("merged") is True:
        return _facts(
            variables,
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
    return _facts(
        variables,
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


def _pushed(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a push brought. A new branch and a tag list no commits."""
    pushed = payload.get("commits")
    # The payload has the oldest first.
    listed = [item for item in reversed(pushed) if isinstance(item, dict)] if isinstance(pushed, list) else []
    entries = [
        commit(item.get("id"), item.get("timestamp"))
        for item in listed
        # Only the message shows a merge.
        if not str(item.get("message")).startswith(_MERGES)
    ]
    head = payload.get("head_commit")
    known = [*listed, *([head] if isinstance(head, dict) and not listed else [])]
    return {
        "commits": tuple(entry for entry in entries if entry),
        "commit_time": readable_time(at(payload, "head_commit.timestamp")),
        "reverts": reverts_of((item.get("id"), undone_by(item.get("message"))) for item in known),
        "before": full_sha(at(payload, "before")),
    }


# What `_facts` takes for the target. The rest is of the job.
_OF_TARGET = ("sha", "branch", "unsure", "foreign", "commit_time", "commits", "before", "reverts", "notes")


def _facts(
    variables: Variables, *, no_branch: str | None = None, url: str | None = None, **known: Any
) -> Facts:
    repo, own_run = variables.first(*TABLE.repo), variables.first(*TABLE.run)
    server = variables.first("GITHUB_SERVER_URL")
    if variables.first("GITEA_ACTIONS", "FORGEJO_ACTIONS"):
        # Their pages are numbered.
        own_run = variables.first("GITHUB_RUN_NUMBER")
    if server and repo and own_run:
        url = url or f"{server}/{repo}/actions/runs/{own_run}"
    of_target = {name: known.pop(name) for name in _OF_TARGET if name in known}
    if known.get("status") is None:
        known["status"] = variables.first(*TABLE.status)
    tag = tag_of(variables.first(*TABLE.branch))
    if tag and not of_target.get("branch"):
        no_branch = no_branch or f"the run is of tag {tag}"
    target = Target(repo=repo, no_branch=no_branch, **of_target)
    return TABLE.read(variables, targets=(target,), url=url, **known)


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


def inputs(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the raw text of each input, by name. The action passes it as INPUT_NAME."""
    return console.texts(environ, "INPUT_")


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
    name="github-actions",
)
