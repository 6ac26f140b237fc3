"""GitHub Actions. Sources: its "Variables", "Contexts" and "Events that trigger workflows" references.

`GITHUB_SHA` and `GITHUB_REF` name the commit of the workflow file. That is not always the deployed one:
for the events of `github_events`, the payload names it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gitdailies_core.ci import console, workflow_commands
from gitdailies_core.ci.console import Step
from gitdailies_core.ci.facts import (
    Facts,
    Target,
    Variables,
    at,
    branch_of,
    commit,
    full_sha,
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


# The variables name the commit of these, and of some others.
_BY_VARIABLES = ("push", "workflow_dispatch", "schedule", "repository_dispatch")
# How git and GitHub begin the message of a merge. `checkout` leaves merges out, too.
_MERGES = ("Merge pull request #", "Merge branch '", "Merge remote-tracking branch '", "Merge tag '")


def _read(variables: Variables, event: Any) -> Facts:
    name, payload = variables.first("GITHUB_EVENT_NAME") or "", event if isinstance(event, dict) else {}
    if name not in _BY_VARIABLES:
        # Most jobs are not of such an event, and do not wait for the module.
        from gitdailies_core.ci import github_events

        ref, repo = variables.first(*TABLE.branch), variables.first(*TABLE.repo)
        known = github_events.facts_of(name, payload, ref=ref or "", repo=repo, own=TABLE.run_of(variables))
        if known is not None:
            return _facts(variables, **known)
    sha = full_sha(variables.first(*TABLE.sha))
    branch = branch_of(variables.first(*TABLE.branch))
    if name == "delete" or (name == "push" and _deletes(payload)):
        return _facts(variables, sha=sha, branch=branch, skip="the branch or tag of the run was deleted")
    if name != "push" or at(payload, "after") != sha:
        return _facts(variables, sha=sha, branch=branch)
    return _facts(variables, sha=sha, branch=branch, **_pushed(payload))


def _deletes(payload: Mapping[str, Any]) -> bool:
    after = at(payload, "after") or ""
    return payload.get("deleted") is True or (bool(after) and not after.strip("0"))


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


# What `_facts` takes for the target. The rest belongs to the job.
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
