"""Reads GitHub's past, page by page; found by entry point in the group `gitdailies.history`."""

from collections.abc import Iterator, Mapping
from urllib.parse import quote

from gitdailies_core.ci.job.inputs import Inputs
from gitdailies_core.ci.past import STEP_PARAMETERS, DeployReader, PastRecords
from gitdailies_core.sources.fields import Fields
from gitdailies_core.sources.history import Pages, Row, Window, newest_first, numbered_pages, time_of
from gitdailies_core.values.times import text_of

from gitdailies_github_action import deliveries, past
from gitdailies_github_action.api import rest

# "List workflow runs for a workflow": at most 1,000 results with a filter by `created`.
MOST_RUNS = 1_000


def _deploys(pages: Pages, window: Window, parameters: Mapping[str, str], inputs: Inputs) -> PastRecords:
    """Yield the deploys of deployments or runs that were created in *window*."""
    repo = inputs.repos[0].path
    if "workflow" in parameters:
        for run in _runs(pages, repo, parameters["workflow"], window):
            yield past.of_run(repo, run, inputs)
        return
    for deployment in _deployments(pages, repo, parameters.get("environment"), window):
        path = f"/repos/{quote(repo)}/deployments/{deployment.get('id')}/statuses"
        statuses = [row for page in numbered_pages(pages, path, [], size=rest.PAGE) for row in page]
        yield past.of_deployment(repo, deployment, statuses, inputs)


def _deployments(pages: Pages, repo: str, environment: str | None, window: Window) -> Iterator[Row]:
    """List deployments. The API has no filter by time."""
    query = [("environment", environment)] if environment else []
    listed = numbered_pages(pages, f"/repos/{quote(repo)}/deployments", query, size=rest.PAGE)
    return newest_first(listed, window, time_of("deployment", "created_at"))


def _runs(pages: Pages, repo: str, workflow: str, window: Window) -> Iterator[Row]:
    """List the runs that succeeded. *window* is halved until each part has few enough runs."""
    path = f"/repos/{quote(repo)}/actions/workflows/{quote(workflow, safe='')}/runs"
    query = [("created", f"{text_of(window.since)}..{text_of(window.until)}"), ("status", past.SUCCESS)]
    first = Fields(pages.get(path, [*query, ("per_page", str(rest.PAGE)), ("page", "1")]))
    total = first.raw("total_count")
    if isinstance(total, int) and total > MOST_RUNS and (window.until - window.since).total_seconds() > 2:
        for half in window.halves():
            yield from _runs(pages, repo, workflow, half)
        return
    for page in numbered_pages(pages, path, query, size=rest.PAGE, name="workflow_runs"):
        # A run at the very end of a part may also be in the listing of the next part.
        yield from (run for run in page if window.contains(Fields(run, "run").time("created_at")))


class Reader(DeployReader):
    """The reader `github`: deployments, or the runs of one workflow. It also reads what was not delivered."""

    failed_deliveries = staticmethod(deliveries.failed_deliveries)


reader = Reader(
    name="github",
    url=rest.URL,
    token_env=rest.TOKEN_ENV,
    parameters={
        "repo": "the repository, as owner/name",
        "workflow?": "the file of a workflow whose runs deploy, as deploy.yml; else deployments are read",
        "environment?": "of deployments: only those; of runs: the environment that they deploy to",
        **STEP_PARAMETERS,
    },
    deploys=_deploys,
    headers=rest.headers,
)
