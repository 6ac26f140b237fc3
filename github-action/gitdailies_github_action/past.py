"""GitHub's past deployments and workflow runs, as the Action would have reported them.

Sources: GitHub's REST API reference, "Deployments", "Deployment statuses" and "Workflow runs".
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gitdailies_core.ci.deploys.git_facts import GitFacts
from gitdailies_core.ci.job.facts import readable_time, undone_by
from gitdailies_core.ci.job.inputs import Inputs
from gitdailies_core.ci.past import deploys
from gitdailies_core.ci.platforms.github_actions import GITHUB_ACTIONS
from gitdailies_core.events.events import Event
from gitdailies_core.sources.fields import Fields
from gitdailies_core.sources.protocol import Ignored

# For these events the job's commit is not `head_sha`, or depends on later changes.
_OTHER_COMMIT = (
    "pull_request",
    "workflow_run",
    "check_",
    "status",
    "merge_group",
    "issue_comment",
    "deployment",
)
# For these events `head_branch` is a branch. For all others it may be a tag.
_BRANCHES = ("schedule", "repository_dispatch")
# A deployment's `ref` may be a branch, a tag or a commit. Its form shows most tags.
_TAG = re.compile(r"^(?:.*[/@-])?v?[0-9]+(?:\.[0-9]+)+(?:[-+.].*)?$", re.IGNORECASE)
SUCCESS = "success"


def of_deployment(
    repo: str, deployment: Mapping[str, Any], statuses: Sequence[Mapping[str, Any]], inputs: Inputs
) -> Iterator[Event | Ignored]:
    """Yield the deploy of a deployment at its first status of success, or why there is none.

    A job on deployment_status reports the same deploy.
    """
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
    """Yield the deploy of a workflow run that succeeded, at the end of the run, or why there is none."""
    fields = Fields(dict(run), "run")
    event, sha, branch = fields.text("event"), fields.text("head_sha"), fields.optional_text("head_branch")
    if event.startswith(_OTHER_COMMIT):
        yield Ignored(f"a run on {event}; the listing does not name the commit that its job deployed", event)
        return
    branched = branch and (event in _BRANCHES or not _TAG.match(branch))
    environ = {
        "GITHUB_EVENT_NAME": event,
        "GITHUB_REPOSITORY": repo,
        "GITHUB_RUN_ID": str(run.get("id") or ""),
        # The listing has the last attempt of a run, at the time of its end.
        "GITHUB_RUN_ATTEMPT": str(run.get("run_attempt") or ""),
        "GITHUB_SHA": sha,
        "GITHUB_REF": f"refs/heads/{branch}" if branched else "",
        "GITDAILIES_JOB_STATUS": fields.optional_text("conclusion") or "unfinished",
    }
    # The listing has only the newest commit, like a shallow checkout.
    head = fields.optional_object("head_commit")
    written_at = readable_time(head.raw("timestamp")) if head else None
    undone = undone_by(head.optional_text("message")) if head else ()
    git = GitFacts(sha.lower(), commit_time=written_at, history=((sha.lower(), (), undone),))
    shown = inputs._replace(url=fields.optional_text("html_url"))
    yield from deploys(GITHUB_ACTIONS, environ, shown, git=git, at=fields.time("updated_at"))
