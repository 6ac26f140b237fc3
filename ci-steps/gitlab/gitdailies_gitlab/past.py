"""GitLab's past deployments, as the component would have reported them.

Source: GitLab's "Deployments API".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from gitdailies_core.ci.facts import readable_time
from gitdailies_core.ci.git_facts import GitFacts
from gitdailies_core.ci.inputs import Inputs
from gitdailies_core.ci.past import deploys
from gitdailies_core.ci.platforms.gitlab import GITLAB
from gitdailies_core.events.events import Event
from gitdailies_core.sources.fields import Fields
from gitdailies_core.sources.protocol import Ignored

_MERGE_REQUEST = "refs/merge-requests/"


def finished_at(deployment: Mapping[str, Any]) -> datetime:
    """Return when its job finished. `updated_at` is not used: later changes move it."""
    fields = Fields(dict(deployment), "deployment")
    job = fields.optional_object("deployable")
    return (job.optional_time("finished_at") if job else None) or fields.time("created_at")


def of_deployment(repo: str, deployment: Mapping[str, Any], inputs: Inputs) -> Iterator[Event | Ignored]:
    """Yield the deploy of a deployment that succeeded, or why there is none."""
    fields = Fields(dict(deployment), "deployment")
    job = fields.optional_object("deployable")
    pipeline = job.optional_object("pipeline") if job else None
    if job is None or pipeline is None:
        yield Ignored("a deployment without a pipeline, which the component has not reported")
        return
    ref, sha = fields.text("ref"), fields.text("sha")
    if ref.startswith(_MERGE_REQUEST):
        yield Ignored("a deployment of a merge request; the listing does not name its branch's commit")
        return
    environment = fields.object("environment")
    commit = job.optional_object("commit")
    environ = {
        "CI_PIPELINE_ID": str(pipeline.raw("id")),
        "CI_JOB_ID": str(job.raw("id") or ""),
        "CI_PIPELINE_URL": pipeline.optional_text("web_url") or "",
        "CI_PROJECT_PATH": repo,
        "CI_COMMIT_SHA": sha,
        "CI_COMMIT_TAG" if job.raw("tag") is True else "CI_COMMIT_BRANCH": ref,
        "CI_ENVIRONMENT_NAME": environment.text("name"),
        "CI_ENVIRONMENT_TIER": environment.optional_text("tier") or "",
        "CI_JOB_STATUS": fields.text("status"),
        "CI_COMMIT_MESSAGE": (commit.optional_text("message") if commit else None) or "",
    }
    written_at = readable_time((commit.raw("committed_date") or commit.raw("created_at")) if commit else None)
    git = GitFacts(sha.lower(), commit_time=written_at)
    yield from deploys(GITLAB, environ, inputs, git=git, at=finished_at(deployment))
