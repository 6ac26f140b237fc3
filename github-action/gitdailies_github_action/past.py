"""GitHub's deployments and workflow runs of the past, as the action would have reported them.

Sources: GitHub's REST API reference, "Deployments", "Deployment statuses" and "Workflow runs".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from gitdailies_core.ci.facts import GitFacts, Inputs, readable_time
from gitdailies_core.ci.past import deploys
from gitdailies_core.ci.platforms.github_actions import GITHUB_ACTIONS
from gitdailies_core.events.events import Event
from gitdailies_core.sources.fields import Fields
from gitdailies_core.sources.protocol import Ignored

# For these the commit of the job is not `head_sha`, or depends on what has changed since.
_OTHER_COMMIT = (
    "pull_request",
    "workflow_run",
    "check_",
    "status",
    "merge_group",
    "issue_comment",
    "deployment",
)
# Of the others a listing does not tell whether `head_branch` is a branch or a tag.
_BRANCHES = ("schedule", "repository_dispatch")
# A deployment's `ref` is a branch, a tag or a commit, and does not tell which.
_TAG = re.compile(r"^(?:.*[/@-])?v?[0-9]+(?:\.[0-9]+)+(?:[-+.].*)?$", re.IGNORECASE)
SUCCESS = "success"


def of_deployment(
    repo: str, deployment: Mapping[str, Any], statuses: Sequence[Mapping[str, Any]], inputs: Inputs
) -> Iterator[Event | Ignored]:
    """Tell the deploy of a deployment: at its first status of success, as a job on deployment_status does."""
    succeeded = [status for status in statuses if status.get("state") == SUCCESS]
    if not succeeded:
        yield Ignored("a deployment without a status of success", "deployment_status")
        return
    first = min(succeeded, key=lambda status: Fields(dict(status), "status").time("created_at"))
    payload = {"deployment": deployment, "deployment_status": first}
    ref = str(deployment.get("ref") or "")
    environ = {
        "GITHUB_EVENT_NAME": "deployment_status",
        "GITHUB_REPOSITORY": repo,
        "GITHUB_REF": "" if _TAG.match(ref) else ref,
    }
    yield from deploys(GITHUB_ACTIONS, environ, inputs, event=payload)


def of_run(repo: str, run: Mapping[str, Any], inputs: Inputs) -> Iterator[Event | Ignored]:
    """Tell the deploy of a workflow run that succeeded, as a step of it would have, when it was over."""
    fields = Fields(dict(run), "run")
    event, sha, branch = fields.text("event"), fields.text("head_sha"), fields.optional_text("head_branch")
    if event.startswith(_OTHER_COMMIT):
        yield Ignored(f"a run on {event}, of which the listing does not tell what its job deployed", event)
        return
    branched = branch and (event in _BRANCHES or not _TAG.match(branch))
    environ = {
        "GITHUB_EVENT_NAME": event,
        "GITHUB_REPOSITORY": repo,
        "GITHUB_RUN_ID": str(run.get("id") or ""),
        "GITHUB_SHA": sha,
        "GITHUB_REF": f"refs/heads/{branch}" if branched else "",
        "GITDAILIES_JOB_STATUS": fields.optional_text("conclusion") or "unfinished",
    }
    # The listing has the newest commit alone, as a shallow checkout has.
    head = fields.optional_object("head_commit")
    git = GitFacts(sha.lower(), commit_time=readable_time(head.raw("timestamp")) if head else None)
    shown = replace(inputs, url=fields.optional_text("html_url"))
    yield from deploys(GITHUB_ACTIONS, environ, shown, git=git, at=fields.time("updated_at"))
