"""Reads the jobs of past pipelines of CircleCI, as the orb would have reported them.

Source: CircleCI's API v2 reference, "Pipeline" and "Workflow".
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import quote

from gitdailies_core.ci.job.git_url import slug
from gitdailies_core.ci.job.inputs import Inputs
from gitdailies_core.ci.past import INPUT_PARAMETERS, DeployReader, PastRecords, deploys
from gitdailies_core.ci.platforms.circleci import CIRCLECI
from gitdailies_core.errors import UsageError
from gitdailies_core.sources.fields import Fields
from gitdailies_core.sources.history import Pages, PastMessages, Row, Window, newest_first, rows_of, time_of
from gitdailies_core.sources.protocol import Ignored

# Slugs of GitHub OAuth and Bitbucket. A job there has the address WEB/SLUG/NUMBER.
_ADDRESSED = ("gh/", "github/", "bb/", "bitbucket/")


class Run(NamedTuple):
    """One run of a workflow of a pipeline, and its jobs."""

    workflow: Row
    jobs: Sequence[Row]


def of_pipeline(
    pipeline: Row, runs: Sequence[Run], job: str, inputs: Inputs, *, web: str, own_reruns: bool
) -> PastMessages:
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
) -> PastMessages:
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


OWN = "own"


def _deploys(pages: Pages, window: Window, parameters: Mapping[str, str], inputs: Inputs) -> PastRecords:
    """Yield the deploys of the pipelines that were created in *window*."""
    if parameters.get("reruns", OWN) != OWN:
        raise UsageError(f"--with: expected reruns={OWN}, got {parameters['reruns']!a}")
    query = [("branch", parameters["branch"])] if "branch" in parameters else []
    listed = _listed(pages, f"/project/{quote(parameters['project'])}/pipeline", query)
    for pipeline in newest_first(listed, window, time_of("pipeline", "created_at")):
        runs = list(_runs(pages, Fields(pipeline, "pipeline").text("id"), parameters.get("workflow")))
        found = of_pipeline(
            pipeline,
            runs,
            parameters["job"],
            inputs,
            web=pages.url.removesuffix("/api/v2"),
            own_reruns="reruns" in parameters,
        )
        yield found


def _runs(pages: Pages, pipeline: str, name: str | None) -> Iterator[Run]:
    for rows in _listed(pages, f"/pipeline/{quote(pipeline, safe='')}/workflow"):
        for workflow in rows:
            if name in (None, workflow.get("name")):
                path = f"/workflow/{quote(str(workflow.get('id')), safe='')}/job"
                yield Run(workflow, [job for jobs in _listed(pages, path) for job in jobs])


def _listed(pages: Pages, path: str, query: Sequence[tuple[str, str]] = ()) -> Iterator[list[Row]]:
    """Yield pages of rows. Each page names the next one."""
    token: str | None = ""
    while token is not None:
        page = Fields(pages.get(path, [*query, *([("page-token", token)] if token else [])]))
        yield rows_of(page.raw("items"), "", path)
        token = page.optional_text("next_page_token")


reader = DeployReader(
    name="circleci",
    url="https://circleci.com/api/v2",
    token_env="CIRCLE_TOKEN",  # noqa: S106  a name, not a token
    parameters={
        "project": "the project, as gh/owner/name",
        "job": "the name of the job that deploys",
        "workflow?": "only jobs of the workflow of this name",
        "branch?": "only pipelines of this branch",
        **INPUT_PARAMETERS,
        "reruns?": f"{OWN}: a workflow run again as a whole is a deploy of its own",
    },
    deploys=_deploys,
    headers=lambda token: {"Circle-Token": token.reveal(), "Accept": "application/json"},
)
