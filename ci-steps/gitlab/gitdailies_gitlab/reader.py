"""Reads the past deployments of GitLab, as the component would have reported them.

Source: GitLab's "Deployments API".
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from gitdailies_core.ci.deploys.git_facts import GitFacts
from gitdailies_core.ci.job.facts import readable_time, value_at
from gitdailies_core.ci.job.inputs import Inputs
from gitdailies_core.ci.past import STEP_PARAMETERS, DeployReader, PastRecords, deploys
from gitdailies_core.ci.platforms.gitlab import GITLAB
from gitdailies_core.sources.fields import Fields
from gitdailies_core.sources.history import Pages, PastMessages, Window, numbered_pages
from gitdailies_core.sources.protocol import Ignored
from gitdailies_core.values.times import text_of

from gitdailies_gitlab.api import rest

_MERGE_REQUEST = "refs/merge-requests/"


def finished_at(deployment: Mapping[str, Any]) -> datetime:
    """Return when its job finished. `updated_at` is not used: later changes move it."""
    fields = Fields(dict(deployment), "deployment")
    job = fields.optional_object("deployable")
    return (job.optional_time("finished_at") if job else None) or fields.time("created_at")


def of_deployment(repo: str, deployment: Mapping[str, Any], inputs: Inputs) -> PastMessages:
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
    environ = {
        "CI_PIPELINE_ID": str(pipeline.raw("id")),
        "CI_JOB_ID": value_at(deployment, "deployable.id"),
        "CI_PIPELINE_URL": value_at(deployment, "deployable.pipeline.web_url"),
        "CI_PROJECT_PATH": repo,
        "CI_COMMIT_SHA": sha,
        "CI_COMMIT_TAG" if job.raw("tag") is True else "CI_COMMIT_BRANCH": ref,
        "CI_ENVIRONMENT_NAME": fields.object("environment").text("name"),
        "CI_ENVIRONMENT_TIER": value_at(deployment, "environment.tier"),
        "CI_JOB_STATUS": fields.text("status"),
        "CI_COMMIT_MESSAGE": value_at(deployment, "deployable.commit.message"),
    }
    written_at = readable_time(
        value_at(deployment, "deployable.commit.committed_date deployable.commit.created_at")
    )
    git = GitFacts(sha.lower(), commit_time=written_at)
    yield from deploys(GITLAB, environ, inputs, git=git, at=finished_at(deployment))


def _deploys(pages: Pages, window: Window, parameters: Mapping[str, str], inputs: Inputs) -> PastRecords:
    """Yield the deploys that finished in *window*."""
    repo = inputs.repos[0].path
    # "Deployments API": a filter by finished_at needs this order and this status.
    query = [
        ("finished_after", text_of(window.since)),
        ("finished_before", text_of(window.until)),
        ("order_by", "finished_at"),
        ("sort", "asc"),
        ("status", "success"),
    ]
    if "environment" in parameters:
        query.append(("environment", parameters["environment"]))
    for page in numbered_pages(pages, f"/projects/{quote(repo, safe='')}/deployments", query, size=rest.PAGE):
        for deployment in page:
            if window.contains(finished_at(deployment)):
                yield of_deployment(repo, deployment, inputs)


reader = DeployReader(
    name="gitlab",
    url=rest.URL,
    token_env=rest.TOKEN_ENV,
    parameters={
        "repo": "the project, as group/project",
        "environment?": "only the deployments to this one",
        **STEP_PARAMETERS,
    },
    deploys=_deploys,
    headers=rest.headers,
)
