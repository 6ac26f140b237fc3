"""Jobs of CircleCI's past pipelines, as the orb would have reported them.

Source: CircleCI's API v2 reference, "Pipeline" and "Workflow".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from gitdailies_core.ci.git_url import slug
from gitdailies_core.ci.inputs import Inputs
from gitdailies_core.ci.past import deploys
from gitdailies_core.ci.platforms.circleci import CIRCLECI
from gitdailies_core.events.events import Event
from gitdailies_core.sources.fields import Fields
from gitdailies_core.sources.history import Row
from gitdailies_core.sources.protocol import Ignored

# Slugs of GitHub OAuth and Bitbucket. A job there has the address WEB/SLUG/NUMBER.
_ADDRESSED = ("gh/", "github/", "bb/", "bitbucket/")


class Run(NamedTuple):
    """One run of a workflow of a pipeline, and its jobs."""

    workflow: Row
    jobs: Sequence[Row]


def of_pipeline(
    pipeline: Row, runs: Sequence[Run], job: str, inputs: Inputs, *, web: str, own_reruns: bool
) -> Iterator[Event | Ignored]:
    """Yield the deploys of the jobs named *job*, oldest first. *web* is the address of the jobs' pages.

    A workspace names a deploy, and the workflow its attempt. A workflow that runs again from its failed
    job keeps its workspace, and lists the jobs that it took over. One that took over no job has an
    unknown workspace: no listing has it. With *own_reruns* its run names the deploy, else the deploy is
    left out.
    """
    fields = Fields(pipeline, "pipeline")
    checkout, pipeline_id = _checkout(fields), fields.text("id")
    # The workspace of each job that ran, by the job's number. None is unknown.
    workspaces: dict[str, str | None] = {}
    names: set[str] = set()
    for run in sorted(runs, key=lambda run: Fields(run.workflow, "workflow").time("created_at")):
        workflow = Fields(run.workflow, "workflow")
        name, run_id = workflow.text("name"), workflow.text("id")
        ran = {str(row["job_number"]): row for row in run.jobs if row.get("job_number") is not None}
        taken_over = [number for number in ran if number in workspaces]
        workspace = run_id if name not in names or own_reruns else None
        if taken_over:
            workspace = workspaces[taken_over[0]]
        names.add(name)
        for number, row in ran.items():
            if number not in taken_over:
                workspaces[number] = workspace
                if row.get("name") == job:
                    named = {"PIPELINE_ID": pipeline_id, "CIRCLE_WORKFLOW_ID": run_id}
                    yield from _of_job(Fields(row, "job"), checkout, workspace, named, inputs, web)


def _of_job(
    job: Fields,
    checkout: Mapping[str, str] | Ignored,
    workspace: str | None,
    named: Mapping[str, str],
    inputs: Inputs,
    web: str,
) -> Iterator[Event | Ignored]:
    status = job.text("status")
    if status == "success" and isinstance(checkout, Ignored):
        yield checkout
        return
    if status == "success" and workspace is None:
        yield Ignored("a workflow run again as a whole; the listing does not name its workspace")
        return
    project = job.text("project_slug")
    environ = {
        **(checkout if not isinstance(checkout, Ignored) else {}),
        **named,
        "CIRCLE_WORKFLOW_WORKSPACE_ID": workspace or "",
        "CIRCLE_BUILD_URL": f"{web}/{project}/{job.raw('job_number')}"
        if project.startswith(_ADDRESSED)
        else "",
        "GITDAILIES_JOB_STATUS": status,
    }
    at = job.time("stopped_at") if status == "success" else None
    yield from deploys(CIRCLECI, environ, inputs, at=at)


def _checkout(pipeline: Fields) -> dict[str, str] | Ignored:
    """Return the pipeline values of the checkout, or why they are unknown."""
    vcs = pipeline.optional_object("vcs")
    if vcs is not None:
        address, revision = vcs.optional_text("target_repository_url"), vcs.optional_text("revision")
        origin = vcs.optional_text("origin_repository_url") or address
        if origin != address or (vcs.optional_text("branch") or "").startswith("pull/"):
            return Ignored("a pipeline of a forked pull request, which does not name its checkout")
    else:
        # Pipelines of the GitHub App and of GitLab have these instead.
        given = pipeline.optional_object("trigger_parameters")
        vcs = given.optional_object("git") if given else None
        if vcs is None:
            return Ignored("a pipeline that does not tell its repository and commit")
        address, revision = vcs.optional_text("checkout_url"), vcs.optional_text("checkout_sha")
    owner, _, name = (slug(address or "") or "").rpartition("/")
    return {
        "PIPELINE_GIT_REPO_OWNER": owner,
        "PIPELINE_GIT_REPO_NAME": name,
        "PIPELINE_GIT_REVISION": revision or "",
        "PIPELINE_GIT_BRANCH": vcs.optional_text("branch") or "",
        "PIPELINE_GIT_TAG": vcs.optional_text("tag") or "",
    }
