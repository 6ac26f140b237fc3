"""GitHub Actions: its variables, the events whose payload names the deploy, and the log of its runner.

`GITHUB_SHA` and `GITHUB_REF` name the commit of the workflow file. That is not always the deployed one: for
the events of `PAYLOADS`, the payload names it. Sources: its "Variables", "Contexts", "Events that trigger
workflows", "Workflow commands for GitHub Actions", "Metadata syntax" and "OpenID Connect" references.
"""

# ruff: noqa: C408  the names are those of values
from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from gitdailies_core.ci.job.facts import (
    Facts,
    Run,
    Start,
    Starts,
    Target,
    Variables,
    are_two,
    branch_of,
    commit,
    full_sha,
    is_merge,
    later_attempt,
    readable_time,
    reverts_of,
    tag_of,
    undone_by,
    value_at,
)
from gitdailies_core.ci.reporting.platform import Platform
from gitdailies_core.ci.reporting.report import DRY_RUN, FAILED, REPORTED, SKIPPED, Report

# The variables name the commit of these, and of some others.
_BY_VARIABLES = ("push", "workflow_dispatch", "schedule", "repository_dispatch")
# The list of a longer push may be cut: GitHub's has at most 2,048 ("Webhook events and payloads", `push`).
_MOST_LISTED = 2000


class GitHubActions(Platform):
    word = "github"
    title = "GitHub Actions"
    name = "github-actions"
    marker = "GITHUB_ACTIONS"
    turn = 10
    run = ("GITHUB_RUN_ID",)
    attempt = ("GITHUB_RUN_ATTEMPT",)
    sha = ("GITHUB_SHA",)
    # GITHUB_REF_NAME may also be a tag, or 7/merge for a pull request.
    branch = ("GITHUB_REF",)
    repo = ("GITHUB_REPOSITORY",)
    # No variable has the job's status; the action passes job.status. No variable or context has the
    # job's environment (actions/runner issue 1369).
    status = ("GITDAILIES_JOB_STATUS",)
    started = ("GITHUB_EVENT_NAME",)
    # Those whose words need no payload.
    starts: Mapping[str, Start] = {
        "push": Starts.PERHAPS_PUSHED,
        "schedule": Starts.SCHEDULED,
        "workflow_dispatch": Starts.BY_HAND,
        "repository_dispatch": Starts.BY_HAND,
        **dict.fromkeys(
            (
                *("create", "deployment", "merge_group", "page_build"),
                *(
                    "pull_request",
                    "pull_request_target",
                    "pull_request_review",
                    "pull_request_review_comment",
                ),
                *("registry_package", "release"),
            ),
            Starts.OF_A_COMMIT,
        ),
        "deployment_status": Start("other", True, elsewhere=True),
        **dict.fromkeys(("check_run", "check_suite", "status"), Start(None, True, elsewhere=True)),
        "workflow_run": Starts.PERHAPS_PUSHED,
    }
    agent = "gitdailies-github-action"
    no_key = (
        "; pass it as webhook-key: ${{ secrets.GITDAILIES_WEBHOOK_KEY }} "
        "(runs of forks and of Dependabot get no secrets, a reusable workflow only those passed to it)"
    )
    folder = "GITHUB_WORKSPACE"
    event = "GITHUB_EVENT_PATH"
    prefix = "INPUT_"
    names: Mapping[str, str] = {}
    oidc = ("ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN")
    no_oidc = (
        "; give the job `permissions: {id-token: write, contents: read}` "
        "(a pull request of a fork gets none, a reusable workflow only where its caller has it, too)"
    )

    def read(self, variables: Variables) -> Facts:
        facts, name = self._about(variables), variables.first(*self.started) or ""
        return facts._replace(start=self._start(name, variables.payload, facts))

    def _start(self, name: str, payload: Mapping[str, Any], facts: Facts) -> Start:
        """Return what started the run. A push that is forced may go back to an earlier commit."""
        if name == "workflow_run":
            behind = value_at(payload, "workflow_run.event") or ""
            if behind == "push" and any(target.unsure for target in facts.targets):
                return Starts.PERHAPS_PUSHED
            start = Starts.PUSHED if behind == "push" else self.starts.get(behind, Starts.OF_A_COMMIT)
            return Start(start.trigger if behind else None, True)
        if name == "create" and value_at(payload, "ref_type") == "tag":
            return Starts.TAGGED
        if name == "push" and isinstance(payload.get("forced"), bool):
            if tag_of(value_at(payload, "ref")):
                return Starts.TAGGED if payload.get("created") is True else Starts.OF_A_COMMIT
            return Starts.OF_A_COMMIT if payload["forced"] else Starts.PUSHED
        if name.startswith(_PULL_REQUEST):
            return Starts.OF_A_COMMIT
        return facts.start if facts.start != Start() or not name else Starts.OF_NO_COMMIT

    def _about(self, variables: Variables) -> Facts:
        name, payload = variables.first(*self.started) or "", variables.payload
        if name not in _BY_VARIABLES:
            ref, repo = variables.first(*self.branch), variables.first(*self.repo)
            known = _facts_of_payload(name, payload, ref=ref or "", repo=repo, own=self.run_of(variables))
            if known is not None:
                return self._of_variables(variables, **known)
        sha = full_sha(variables.first(*self.sha))
        branch = branch_of(variables.first(*self.branch))
        if name == "delete" or (name == "push" and _deletes(payload)):
            skip = "the branch or tag of the run was deleted"
            return self._of_variables(variables, sha=sha, branch=branch, skip=skip)
        if name != "push" or value_at(payload, "after") != sha:
            return self._of_variables(variables, sha=sha, branch=branch)
        return self._of_variables(variables, sha=sha, branch=branch, **_pushed(payload))

    def _of_variables(
        self, variables: Variables, *, no_branch: str | None = None, url: str | None = None, **known: Any
    ) -> Facts:
        repo, own_run = variables.first(*self.repo), variables.first(*self.run)
        server = variables.first("GITHUB_SERVER_URL")
        if variables.first("GITEA_ACTIONS", "FORGEJO_ACTIONS"):
            # Their pages are numbered.
            own_run = variables.first("GITHUB_RUN_NUMBER")
        if server and repo and own_run:
            url = url or f"{server}/{repo}/actions/runs/{own_run}"
        of_target = {name: known.pop(name) for name in _OF_TARGET if name in known}
        if known.get("status") is None:
            known["status"] = variables.first(*self.status)
        tag = tag_of(variables.first(*self.branch))
        if tag and not of_target.get("branch"):
            no_branch = no_branch or f"the run is of tag {tag}"
        target = Target(repo=repo, no_branch=no_branch, **of_target)
        return self.facts(variables, targets=(target,), url=url, **known)

    def masks(self, key: str) -> list[str]:
        """Return the commands that keep the key out of the log. The runner masks each line by itself."""
        lines = [line.strip() for line in key.splitlines()]
        return [f"::add-mask::{_command_data(line)}" for line in lines if line]

    def log(self, report: Report, fails: bool) -> list[str]:
        """Return the lines for the log. Notes, problems and a skip become annotations.

        A foreign text, such as a receiver's answer, is only written into the data of a command. The runner
        does not look for a command there.
        """
        notices = [f"::notice title={_HEADING}::{_command_data(note)}" for note in report.notes]
        notices += [f"::warning title={_HEADING}::{_command_data(warning)}" for warning in report.warnings]
        if report.ok and report.outcome != SKIPPED:
            return notices + [f"{_HEADING}: {_harmless(line)}" for line in report.lines]
        level = "notice" if report.ok else "error" if fails else "warning"
        return notices + [f"::{level} title={_HEADING}::{_command_data(line)}" for line in report.lines]

    def not_written(self, name: str) -> str:
        if name == "GITHUB_STEP_SUMMARY":
            # Some runners have none, and the log has the same lines.
            return f"{_HEADING}: {name}: no file to write to, so there is no summary"
        return f"::warning title={_HEADING}::{name}: expected a file to write to, got none"

    def files(self, report: Report) -> dict[str, str]:
        return {"GITHUB_OUTPUT": _github_outputs(report), "GITHUB_STEP_SUMMARY": _github_summary(report)}


GITHUB_ACTIONS = GitHubActions()


def _deletes(payload: Mapping[str, Any]) -> bool:
    after = value_at(payload, "after") or ""
    return payload.get("deleted") is True or (bool(after) and not after.strip("0"))


def _pushed(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a push brought. A new branch and a tag list no commits."""
    pushed = payload.get("commits")
    # The payload has the oldest first.
    listed = [item for item in reversed(pushed) if isinstance(item, dict)] if isinstance(pushed, list) else []
    # Only the message shows a merge. What a push merged is no line, and nor is one with a commit older than
    # that before it. Each of these commits leads to the one before the push; more is not known.
    kept = [item for item in listed if not is_merge(item.get("message"))]
    entries = [one for one in (commit(item.get("id"), item.get("timestamp")) for item in kept) if one]
    before = full_sha(value_at(payload, "before"))
    if listed and value_at(payload, "after") == listed[0].get("id"):
        # A push alone is seldom a deploy. What was there before shows whether its list is all that is new.
        base = before if len(listed) < _MOST_LISTED and payload.get("forced") is not True else None
        times = [one["time"] for one in entries if "time" in one]
        is_line = kept == listed and times == sorted(times, reverse=True)
        for entry, older in zip(entries, (*entries[1:], None)):
            parent = older["sha"] if older and is_line else base
            entry.update({"parents": [parent]} if parent else {})
    head = payload.get("head_commit")
    known = [*listed, *([head] if isinstance(head, dict) and not listed else [])]
    return {
        "commits": tuple(entries),
        "commit_time": readable_time(value_at(payload, "head_commit.timestamp")),
        "reverts": reverts_of((item.get("id"), undone_by(item.get("message"))) for item in known),
        "before": before,
    }


# What `_of_variables` takes for the target. The rest belongs to the job.
_OF_TARGET = ("sha", "branch", "unsure", "foreign", "commit_time", "commits", "before", "reverts", "notes")


class Payload(NamedTuple):
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
    # GITHUB_REF is gh-readonly-queue/main/pr-7-SHA
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


def _facts_of_payload(
    name: str, payload: Mapping[str, Any], *, ref: str, repo: str | None, own: Run | None
) -> dict[str, Any] | None:
    """Return the values for `Facts` and `Target` that a payload has, or None if the variables have them.

    *name* is the event, and *ref*, *repo* and *own* are the ref, the repository and the run of the job.
    """
    if name in PAYLOADS:
        return _from_payload(name, payload, ref, repo, own)
    if name.startswith(_PULL_REQUEST):
        return _pull_request_facts(name, payload, ref)
    issue = payload.get("issue")
    if name == "issue_comment" and isinstance(issue, dict) and issue.get("pull_request"):
        return _comment_facts(payload)
    return None


def _from_payload(
    name: str, payload: Mapping[str, Any], ref: str, repo: str | None, own: Run | None
) -> dict[str, Any]:
    row = PAYLOADS[name]
    sha = full_sha(value_at(payload, row.sha))
    if not value_at(payload, row.sha):
        return {"notes": _missing_payload(name)}
    head = branch_of(value_at(payload, row.branch))
    found: dict[str, Any] = {"branch": head}
    if name.startswith("deployment"):
        found["branch"] = branch_of(ref)
        found["tier"] = _tier(payload)
    elif _foreign(name, payload, repo):
        found = {"foreign": head or name, "no_branch": f"{name} belongs to another repository"}
    elif value_at(payload, f"{name}.event") == "release":
        found = {"no_branch": f"{name} belongs to a release, and {head} is a tag"}
    elif head and _may_be_tag(name, payload, head):
        found = {"unsure": f"{name} does not say whether {head} is a branch or a tag"}
    return dict(
        sha=sha,
        commit_time=readable_time(value_at(payload, row.commit_time)),
        reverts=undone_by(value_at(payload, row.message)),
        run=_run_of_payload(row, payload, own),
        environment=value_at(payload, row.environment),
        time=readable_time(value_at(payload, row.time)),
        url=value_at(payload, row.url),
        # Only its pull requests start runs of a fork here.
        pull="a pull request" if found.get("foreign") else _open_pull(name, payload, head),
        # Without a conclusion it has not succeeded yet.
        status=(value_at(payload, row.status) or "unfinished") if row.status else None,
        status_of=name,
        **found,
    )


def _run_of_payload(row: Payload, payload: Mapping[str, Any], own: Run | None) -> Run | None:
    """Return the run that the payload names, else the job's own.

    A job that is started by a workflow's end may be the one that deploys. Its own attempt is then that of
    the deploy. A job on `deployment_status` deploys nothing, so its attempts are those of a report.
    """
    run = value_at(payload, row.run)
    if not run:
        return own
    again = own.attempt if own and not row.time else None
    attempt = later_attempt(value_at(payload, row.attempt))
    if again:
        attempt = f"{attempt or 1}.{again}" if row.attempt else again
    deployment = value_at(payload, row.deployment)
    if deployment:
        return Run(run, attempt, (deployment, again) if again else (deployment,))
    return Run(run, attempt)


def _tier(payload: Mapping[str, Any]) -> str | None:
    """Return the tier of a deployment. GitHub only tells production from everything else."""
    deployment = payload.get("deployment")
    known = isinstance(deployment, dict) and deployment.get("production_environment") is True
    moved = value_at(payload, "deployment_status.environment") or value_at(payload, "deployment.environment")
    return "production" if known and moved == value_at(payload, "deployment.environment") else None


def _foreign(name: str, payload: Mapping[str, Any], own: str | None) -> bool:
    origin = value_at(payload, f"{name}.head_repository.full_name")
    about = payload.get(name)
    # A fork that was deleted since is null.
    gone = isinstance(about, dict) and "head_repository" in about and about["head_repository"] is None
    return gone or are_two(origin, own)


def _may_be_tag(name: str, payload: Mapping[str, Any], branch: str) -> bool:
    if branch == value_at(payload, "repository.default_branch") or not re.match(_MAYBE_TAG, branch):
        return False
    return (value_at(payload, f"{name}.event") or "push") in _OF_TAGS


def _open_pull(name: str, payload: Mapping[str, Any], branch: str | None) -> str | None:
    """Return the open pull request whose checks or workflow run started the job, or None."""
    about = payload.get(name)
    if not isinstance(about, dict) or name not in ("workflow_run", "check_suite", "check_run"):
        return None
    event = value_at(payload, f"{name}.event") or ""
    listed = about.get(_PULL_REQUEST + "s")
    first = listed[0] if isinstance(listed, list) and listed and isinstance(listed[0], dict) else {}
    number = value_at(first, "number")
    if event.startswith(_PULL_REQUEST):
        return f"pull request {number}" if number else "a pull request"
    # The checks of a branch list the pull requests from it. The default branch has one to a branch that
    # is released.
    if name == "workflow_run" or not number or branch == value_at(payload, "repository.default_branch"):
        return None
    return f"pull request {number}"


def _comment_facts(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Read a comment on a pull request. GITHUB_SHA is the default branch's tip, and no commit is named."""
    merged = value_at(payload, "issue.pull_request.merged_at")
    return dict(
        no_branch="a comment on a pull request started the run",
        notes=("a comment on a pull request does not name the pull request's commit",),
        pull=None if merged else f"pull request {value_at(payload, 'issue.number') or ''}".strip(),
    )


def _pull_request_facts(name: str, payload: Mapping[str, Any], ref: str) -> dict[str, Any]:
    number = value_at(payload, "pull_request.number")
    if not number:
        # The ref of a merged one is the branch that it was merged into.
        merged = name == _PULL_REQUEST and ref.startswith("refs/heads/")
        return {"notes": _missing_payload(name), "pull": None if merged else "a pull request"}
    pull = f"pull request {number}"
    if value_at(payload, "pull_request.merged_at") or payload["pull_request"].get("merged") is True:
        return dict(
            sha=full_sha(value_at(payload, "pull_request.merge_commit_sha")),
            branch=branch_of(value_at(payload, "pull_request.base.ref")),
            notes=(f"the commit that {pull} was merged as",),
        )
    head, base = (
        value_at(payload, "pull_request.head.repo.full_name"),
        value_at(payload, "pull_request.base.repo.full_name"),
    )
    branch = branch_of(value_at(payload, "pull_request.head.ref"))
    fork = f"{pull} comes from another repository" if head != base else None
    closed = value_at(payload, "pull_request.state") == "closed"
    return dict(
        sha=full_sha(value_at(payload, "pull_request.head.sha")),
        branch=None if fork else branch,
        foreign=branch if fork else None,
        no_branch=fork,
        notes=(f"the head of {pull}, not the merge commit that the run is of",),
        pull=pull,
        skip=f"{pull} was closed without being merged" if closed else None,
    )


def _missing_payload(name: str) -> tuple[str, ...]:
    return (f"the payload of {name}, which names it, was not found at GITHUB_EVENT_PATH",)


_HEADING = "GitDailies"
_MARKS = {
    REPORTED: "\u2705",
    SKIPPED: "\u23ed\ufe0f",
    DRY_RUN: "\U0001f4dd",
    FAILED: "\u26a0\ufe0f",
}
_MARKDOWN = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_{}[]<>()#+!|~"})


def _github_summary(report: Report) -> str:
    lines = [f"{_MARKS[report.outcome]} **{_HEADING}**: {_markdown(line)}" for line in report.lines]
    return (
        "\n\n".join([*lines, *(f"- {_markdown(note)}" for note in (*report.warnings, *report.notes))]) + "\n"
    )


def _command_data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _harmless(text: str) -> str:
    # The runner still reads commands in their old form, ##[name], anywhere in a line.
    return _one_line(text).replace("##[", "## [")


def _one_line(text: str) -> str:
    return " ".join(text.splitlines())


def _markdown(text: str) -> str:
    return _one_line(text).translate(_MARKDOWN)


def _github_outputs(report: Report) -> str:
    values = {
        "ok": "true" if report.ok else "false",
        "outcome": report.outcome,
        "reason": report.reason,
        "http-status": "" if report.http_status is None else str(report.http_status),
        "payload": report.payload,
    }
    return "".join(f"{name}={_one_line(value)}\n" for name, value in values.items())
