"""Reads Buildkite's past jobs, as the plugin would have reported them.

Source: Buildkite's REST API reference, "Builds API".
"""

from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import quote

from gitdailies_core.ci.job.facts import value_at
from gitdailies_core.ci.job.inputs import Inputs
from gitdailies_core.ci.past import INPUT_PARAMETERS, DeployReader, PastRecords, deploys
from gitdailies_core.ci.platforms.buildkite import BUILDKITE
from gitdailies_core.sources.fields import Fields
from gitdailies_core.sources.history import Pages, PastMessages, Row, Window, numbered_pages
from gitdailies_core.sources.protocol import Ignored
from gitdailies_core.values.times import text_of

# A deep page of a listing is refused.
WIDEST = timedelta(days=14)
# Buildkite adds these to the environment of some builds.
_ADDED = (
    "BUILDKITE_GITHUB_DEPLOYMENT_ENVIRONMENT",
    "BUILDKITE_GITHUB_DEPLOYMENT_ID",
    "BUILDKITE_MERGE_QUEUE_BASE_BRANCH",
)


def _deploys(pages: Pages, window: Window, parameters: Mapping[str, str], inputs: Inputs) -> PastRecords:
    """Yield the deploys of the jobs that ended in *window*."""
    owner, slug = (quote(parameters[name], safe="") for name in ("organization", "pipeline"))
    path = f"/organizations/{owner}/pipelines/{slug}/builds"
    for part in window.parts(WIDEST):
        # What ran in this part. A job may be unblocked or retried long after its build was made.
        query = [("finished_from", text_of(part.since)), ("created_to", text_of(part.until))]
        query.append(("include_retried_jobs", "true"))
        if "branch" in parameters:
            query.append(("branch", parameters["branch"]))
        for builds in numbered_pages(pages, path, query, size=100):
            for build in builds:
                yield _of_build(build, parameters["job"], part, inputs)


def _of_build(build: Row, name: str, window: Window, inputs: Inputs) -> PastMessages:
    """Yield the deploy of each job of this name that ended in *window*, or why there is none."""
    named = [
        job
        for job in Fields(build, "build").objects("jobs")
        if name in (job.raw("step_key"), job.raw("name"))
    ]
    if not named:
        yield Ignored(f"a build without a job {name!a}")
    for job in named:
        ended = job.optional_time("finished_at")
        if ended and window.contains(ended):
            yield from deploys(BUILDKITE, _environ(build, job), inputs, at=ended)


def _environ(build: Row, job: Fields) -> dict[str, str | None]:
    state = "failed softly" if job.raw("soft_failed") is True else job.text("state")
    return {
        **{name: value_at(build, f"env.{name}") for name in _ADDED},
        "BUILDKITE_BUILD_ID": Fields(build, "build").text("id"),
        "BUILDKITE_BUILD_URL": value_at(build, "web_url"),
        "BUILDKITE_REPO": value_at(build, "pipeline.repository"),
        "BUILDKITE_PIPELINE_DEFAULT_BRANCH": value_at(build, "pipeline.default_branch"),
        "BUILDKITE_COMMIT": value_at(build, "commit"),
        "BUILDKITE_BRANCH": value_at(build, "branch"),
        "BUILDKITE_TAG": value_at(build, "tag"),
        "BUILDKITE_MESSAGE": value_at(build, "message"),
        "BUILDKITE_SOURCE": value_at(build, "source"),
        "BUILDKITE_PULL_REQUEST": value_at(build, "pull_request.id"),
        "BUILDKITE_PULL_REQUEST_REPO": value_at(build, "pull_request.repository"),
        "BUILDKITE_REBUILT_FROM_BUILD_ID": value_at(build, "rebuilt_from.id"),
        "BUILDKITE_RETRY_COUNT": job.optional_text("retries_count"),
        "BUILDKITE_COMMAND_EXIT_STATUS": state,
    }


reader = DeployReader(
    name="buildkite",
    url="https://api.buildkite.com/v2",
    token_env="BUILDKITE_API_TOKEN",  # noqa: S106  a name, not a token
    parameters={
        "organization": "the organization, by its slug",
        "pipeline": "the pipeline, by its slug",
        "job": "the key of the step that deploys, or its label",
        "branch?": "only builds of this branch",
        **INPUT_PARAMETERS,
    },
    deploys=_deploys,
)
