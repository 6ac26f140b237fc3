"""Reads Bitbucket's past steps, as the line would have reported them.

Source: Bitbucket Cloud's REST API reference, "Pipelines". `run_number` of a step is not in it.
"""

from collections.abc import Iterator, Mapping
from urllib.parse import quote

from gitdailies_core.ci.job.facts import value_at
from gitdailies_core.ci.job.inputs import Inputs
from gitdailies_core.ci.past import STEP_PARAMETERS, DeployReader, PastRecords, deploys
from gitdailies_core.ci.platforms.bitbucket import BITBUCKET
from gitdailies_core.sources import history
from gitdailies_core.sources.fields import Fields
from gitdailies_core.sources.protocol import Ignored

PAGE = 50
SUCCESSFUL = "SUCCESSFUL"


def _deploys(
    pages: history.Pages, window: history.Window, parameters: Mapping[str, str], inputs: Inputs
) -> PastRecords:
    """Yield the deploys of the pipelines that were made in *window*."""
    path = f"/repositories/{quote(inputs.repos[0].path)}/pipelines"
    listed = _listed(pages, path, [("sort", "-created_on")])
    for pipeline in history.newest_first(listed, window, history.time_of("pipeline", "created_on")):
        if parameters.get("branch") in (None, value_at(pipeline, "target.ref_name")):
            steps = f"{path}/{quote(Fields(pipeline, 'pipeline').text('uuid'), safe='')}/steps"
            rows = [row for page in _listed(pages, steps, []) for row in page]
            yield _of_pipeline(pipeline, rows, parameters["step"], inputs)


def _listed(pages: history.Pages, path: str, query: list[tuple[str, str]]) -> Iterator[list[history.Row]]:
    return history.numbered_pages(pages, path, query, size=PAGE, name="values", by="pagelen")


def _of_pipeline(
    pipeline: history.Row, steps: list[history.Row], name: str, inputs: Inputs
) -> history.PastMessages:
    """Yield the deploy of each step of this name, or why there is none."""
    named = [Fields(row, "step") for row in steps if row.get("name") == name]
    if not named:
        yield Ignored(f"a pipeline without a step {name!a}")
    kind, ref = value_at(pipeline, "target.ref_type"), value_at(pipeline, "target.ref_name")
    for step in named:
        state = step.object("state")
        result = (state.optional_object("result") or state).text("name")
        environ = {
            "BITBUCKET_BUILD_NUMBER": Fields(pipeline, "pipeline").text("build_number"),
            "BITBUCKET_STEP_RUN_NUMBER": step.optional_text("run_number"),
            "BITBUCKET_REPO_FULL_NAME": inputs.repos[0].path,
            "BITBUCKET_COMMIT": value_at(pipeline, "target.commit.hash"),
            "BITBUCKET_BRANCH": ref if kind == "branch" else value_at(pipeline, "target.source"),
            "BITBUCKET_TAG": ref if kind == "tag" else None,
            "BITBUCKET_PR_ID": value_at(pipeline, "target.pullrequest.id"),
            "BITBUCKET_EXIT_CODE": result,
        }
        ended = step.time("completed_on") if result == SUCCESSFUL else None
        yield from deploys(BITBUCKET, environ, inputs, at=ended)


reader = DeployReader(
    name="bitbucket",
    url="https://api.bitbucket.org/2.0",
    token_env="BITBUCKET_TOKEN",  # noqa: S106  a name, not a token
    parameters={
        "repo": "the repository, as workspace/name",
        "step": "the name of the step that deploys",
        "branch?": "only pipelines of this branch",
        "environment?": "the deployment of the step, or as the step's input",
        **STEP_PARAMETERS,
    },
    deploys=_deploys,
)
